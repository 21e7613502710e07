// Conveniences. Every page works without them. Texts come with the page.
"use strict";

// Show or hide a password. It is hidden again before the form is sent.
for (const button of document.querySelectorAll("[data-show]")) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const show = (on) => {
    input.type = on ? "text" : "password";
    button.setAttribute("aria-pressed", String(on));
    button.firstElementChild.textContent = on ? button.dataset.hide : button.dataset.show;
  };
  button.hidden = false;
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
}

// Print or copy the recovery code.
const print = document.querySelector("[data-testid=recovery-print]");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
const copy = document.querySelector("[data-testid=recovery-copy]");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById("code").textContent);
    document.getElementById("copied").textContent = copy.dataset.copied;
  });
}

// Move the focus to the errors, so that a screen reader reads them first.
document.querySelector(".errors")?.focus();

// Carry an e-mail address that was typed to the other pages for signing in, in the fragment of the URL, which browsers
// send to no server.
const email = document.getElementById("email");
if (email) {
  const carried = new URLSearchParams(location.hash.slice(1)).get("email");
  if (carried && !email.value) {
    email.value = carried;
    history.replaceState(null, "", location.pathname + location.search);
  }
  for (const id of ["sign-in", "create-library", "use-recovery"]) {
    const link = document.querySelector(`a[data-testid=${id}]`);
    link?.addEventListener("click", () => {
      if (email.value) link.hash = new URLSearchParams({ email: email.value }).toString();
    });
  }
}

// Search while typing: fetch the page that the form would get, and show its list.
const live = document.querySelector("form[data-live]");
if (live) {
  const input = live.querySelector("[type=search]");
  const parts = [live.dataset.live, live.dataset.live + "-count"];
  let typing, asked;
  const look = async () => {
    asked?.abort();
    asked = new AbortController();
    const address = live.getAttribute("action") + "?" + new URLSearchParams(new FormData(live));
    const answer = await fetch(address, { signal: asked.signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.redirected || !parts.every((id) => page.getElementById(id))) return;
    for (const id of parts) {
      document.getElementById(id).replaceChildren(...page.getElementById(id).childNodes);
    }
    history.replaceState(null, "", address);
  };
  input.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => look().catch(() => {}), 300); // the button still works
  });
  live.addEventListener("submit", () => clearTimeout(typing));
}

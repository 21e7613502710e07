package account

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// checkpointPage is the data of the page that compares the activity with a saved checkpoint.
type checkpointPage struct {
	*ui.Page
	// Result says what came of it; nil before the person has given a checkpoint.
	Result []ui.Span
	// State is "same", "end", "changed" or "unknown".
	State string
	// Edited reports that what people read in the file is not what is signed.
	Edited bool
}

// The states of the result.
const (
	checkpointSame    = "same"
	checkpointEnd     = "end" // the lines are the same, and their end was forged
	checkpointChanged = "changed"
	checkpointUnknown = "unknown"
)

// Same reports whether the activity still extends the checkpoint.
func (p *checkpointPage) Same() bool { return p.State == checkpointSame }

// SaveCheckpoint sends the file of a signed checkpoint.
func (h *Activity) SaveCheckpoint(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	file, err := h.activity.SaveCheckpoint(r.Context(), in, h.ui.Now())
	var fault *library.ActivityFault
	if errors.As(err, &fault) {
		// The page of the activity says what is wrong; a checkpoint would say that all is well.
		return ui.SeeOther(w, r, "/activity")
	}
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Disposition", `attachment; filename="carrel-activity-`+h.ui.Now().Format("2006-01-02")+`.json"`)
	header.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(text) // a browser that has left needs no answer
	return nil
}

func (h *Activity) newCheckpointPage(w http.ResponseWriter, r *http.Request) *checkpointPage {
	return &checkpointPage{Page: newAccountPage(h.ui, w, r, menuActivity, ui.BrowserOf(r).Texts.Text("checkpoint.h1"))}
}

// ShowCheck shows the form.
func (h *Activity) ShowCheck(w http.ResponseWriter, r *http.Request, _ *library.SignedIn) error {
	return h.ui.Render(w, http.StatusOK, "checkpoint", h.newCheckpointPage(w, r))
}

// PostCheck says whether the activity still extends the checkpoint that the person has saved.
func (h *Activity) PostCheck(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	p := h.newCheckpointPage(w, r)
	t := p.Texts
	p.State = checkpointUnknown
	saved, err := h.activity.ParseCheckpoint(r.Context(), checkpointText(r))
	p.Edited = saved.Edited
	if err == nil {
		err = h.compare(r, in, p, saved)
	}
	switch {
	case errors.Is(err, library.ErrNoCheckpoint):
		p.Result = t.Spans("checkpoint.unknown")
	case errors.Is(err, library.ErrOtherLibrary):
		p.Result = t.Spans("checkpoint.other")
	case err != nil:
		return err
	}
	return h.ui.Render(w, http.StatusOK, "checkpoint", p)
}

// compare compares the activity with a checkpoint, and puts into the page what came of it.
func (h *Activity) compare(
	r *http.Request, in *library.SignedIn, p *checkpointPage, saved library.SavedCheckpoint,
) error {
	t := p.Texts
	date := h.ui.Formatter(t).Date(saved.Time.Time())
	result, err := h.activity.CheckForPerson(r.Context(), in, saved)
	switch {
	case err != nil:
		return err
	case result.Fault != nil:
		h.ui.Log.ErrorContext(r.Context(), "activity does not extend a saved checkpoint", "error", result.Fault)
		p.State, p.Result = checkpointChanged, t.Spans("checkpoint.changed", "date", date, "operator", p.Operator)
	case result.EndFault != nil:
		h.ui.Log.ErrorContext(r.Context(), "activity extends a saved checkpoint, and its end was forged",
			"error", result.EndFault)
		p.State, p.Result = checkpointEnd, t.CountSpans("checkpoint.end", int(saved.Events), "date", date,
			"operator", p.Operator)
	default:
		p.State = checkpointSame
		p.Result = t.CountSpans("checkpoint.same", int(saved.Events), "added", int(result.Added), "date", date)
	}
	return nil
}

// checkpointText returns what the person has chosen as a file, or pasted.
func checkpointText(r *http.Request) string {
	file, _, err := r.FormFile("file")
	if err == nil {
		defer func() { _ = file.Close() }() // it was only read
		if text, err := io.ReadAll(file); err == nil && len(text) > 0 {
			return string(text)
		}
	}
	return r.PostForm.Get("text")
}

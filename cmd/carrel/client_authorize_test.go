package main

import "testing"

func TestListenForCallback(t *testing.T) {
	for _, address := range []string{
		"", "https://127.0.0.1:8095/callback", "http://clinic.example:8095/", "http://0.0.0.0:8095/",
		"http://127.0.0.1/", "digime-ca://auth",
	} {
		if b, err := listenForCallback(t.Context(), address); err == nil {
			b.close()
			t.Errorf("callback %q was accepted", address)
		}
	}
}

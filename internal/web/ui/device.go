package ui

import (
	"net/http"
	"strings"

	"github.com/carrelhq/carrel/internal/httpserve"
	"github.com/carrelhq/carrel/internal/library"
)

// DeviceOf returns the kind of device that a request comes from, and its address.
func DeviceOf(r *http.Request) library.Device {
	return library.Device{Kind: deviceKind(r.UserAgent()), Address: httpserve.ClientOf(r)}
}

// The kinds of device that the activity distinguishes.
const (
	DevicePhone    = "phone"
	DeviceTablet   = "tablet"
	DeviceComputer = "computer"
)

// deviceKind guesses the kind of device; empty if it cannot. A guess suffices, since only the person sees it.
func deviceKind(userAgent string) string {
	hasAny := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(userAgent, p) {
				return true
			}
		}
		return false
	}
	switch {
	case hasAny("iPad", "Tablet"), hasAny("Android") && !hasAny("Mobi"):
		return DeviceTablet
	case hasAny("Mobi", "iPhone", "Android"):
		return DevicePhone
	case hasAny("Mozilla"):
		return DeviceComputer
	}
	return ""
}

package main

import "testing"

func TestSizes(t *testing.T) {
	for text, want := range map[string]byteSize{
		"0": 0, "1048576": 1 << 20, "10GB": 1e10, "10 GiB": 10 << 30, "1.5kib": 1536, "2T": 2 << 40, "7B": 7,
		" 5 mb ": 5e6,
	} {
		var got byteSize
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "GB", "10 GX", "NaN", "Inf", "1e300", "9999999TB", "0x10", "1_000"} {
		var got byteSize
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
	for size, want := range map[byteSize]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 10 << 30: "10 GiB", 1 << 52: "4096 TiB",
	} {
		if got := size.String(); got != want {
			t.Errorf("%d: %q, want %q", int64(size), got, want)
		}
	}
}

func TestSharesAndQuotas(t *testing.T) {
	for text, want := range map[string]sizeOrShare{
		"50%": {true, 0, 50}, " 0 %": {true, 0, 0}, "1GiB": {true, 1 << 30, 0}, "0": {true, 0, 0},
	} {
		var got sizeOrShare
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "101%", "-1%", "1.5%", "%"} {
		var got sizeOrShare
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
	for text, want := range map[string]int64{"default": 0, "none": -1, "0": -1, "5": 5, "2KB": 2000} {
		var got quotaFlag
		if err := got.UnmarshalText([]byte(text)); err != nil || got.limit != want {
			t.Errorf("%q: %v, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "much", "-5"} {
		var got quotaFlag
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

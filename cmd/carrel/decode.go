package main

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// decodePath decodes a path, and makes it absolute. An empty one would be the current folder, which nobody means whose
// shell does not have the variable that they wrote.
func decodePath(d *kong.DecodeContext, target reflect.Value) error {
	var path string
	if err := d.Scan.PopValueInto("path", &path); err != nil {
		return err
	}
	if strings.TrimSpace(path) == "" {
		return errors.New("the path is empty")
	}
	if path != "-" {
		path = kong.ExpandPath(path)
	}
	target.SetString(path)
	return nil
}

// decodeDuration decodes a length of time.
func decodeDuration(d *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := d.Scan.PopValueInto("time", &text); err != nil {
		return err
	}
	duration, err := parseDuration(text)
	if err != nil {
		return err
	}
	target.SetInt(int64(duration))
	return nil
}

// parseDuration parses what [time.ParseDuration] does, and a whole number of days of 24 hours each, such as 7d.
func parseDuration(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	text = strings.TrimSpace(text)
	if number, isDays := strings.CutSuffix(text, "d"); isDays {
		days, err := strconv.ParseInt(number, 10, 64)
		if err == nil && days <= math.MaxInt64/int64(day) && days >= -math.MaxInt64/int64(day) {
			return time.Duration(days) * day, nil
		}
	} else if duration, err := time.ParseDuration(text); err == nil {
		return duration, nil
	}
	return 0, fmt.Errorf("%q is no length of time: give a number with a unit, such as 7d, 36h, 90m or 30s, or 1h30m",
		text)
}

// parseDay returns the beginning of a day, which a flag has.
func parseDay(flag, text string, in *time.Location) (time.Time, error) {
	day, err := time.ParseInLocation(time.DateOnly, text, in)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %q is no day such as 2026-01-31", flag, text)
	}
	return day, nil
}

// decodeInteger decodes a whole number.
func decodeInteger(d *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := d.Scan.PopValueInto("number", &text); err != nil {
		return err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, target.Type().Bits())
	if err != nil {
		return fmt.Errorf("%q is no whole number: give digits only, such as 1000", text)
	}
	target.SetInt(n)
	return nil
}

// checkNumbers returns an error if a flag is a negative time, size or number, none of which means anything, or is zero
// and has the tag "positive".
func checkNumbers(flags []*kong.Flag) error {
	for _, f := range flags {
		v := reflect.Indirect(f.Target)
		if !v.CanInt() {
			continue
		}
		name := "--" + f.Name
		if len(f.Envs) > 0 {
			name += fmt.Sprintf(" (%s)", f.Envs[0])
		}
		switch {
		case v.Int() < 0:
			return fmt.Errorf("%s must not be negative: %v", name, v.Interface())
		case v.Int() == 0 && f.Tag.Has("positive"):
			return fmt.Errorf("%s must not be zero", name)
		}
	}
	return nil
}

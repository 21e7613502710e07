package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteSize is a number of bytes on the command line, such as 500MB, 10GiB or 1048576.
type byteSize int64

// units are the units of sizes. A letter alone means the binary unit.
var units = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40}, {"B", 1},
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *byteSize) UnmarshalText(text []byte) error {
	number, factor := strings.TrimSpace(string(text)), 1.0
	for _, u := range units {
		if n := len(number) - len(u.name); n > 0 && strings.EqualFold(number[n:], u.name) {
			number, factor = strings.TrimSpace(number[:n]), u.bytes
			break
		}
	}
	if strings.Trim(number, "0123456789.") != "" {
		number = "" // ParseFloat takes more than that
	}
	v, err := strconv.ParseFloat(number, 64)
	if v *= factor; err != nil || !(v >= 0 && v <= math.MaxInt64/2) {
		return fmt.Errorf("%q is no size: give bytes, or a number with a unit, such as 500MB or 10GiB", text)
	}
	*s = byteSize(v)
	return nil
}

// String returns the size with a binary unit, rounded to a tenth.
func (s byteSize) String() string {
	const names = "KMGT"
	v, unit := float64(s), -1
	for v >= 1024 && unit < len(names)-1 {
		v, unit = v/1024, unit+1
	}
	if unit < 0 {
		return fmt.Sprintf("%d B", int64(s))
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0") + " " + names[unit:unit+1] + "iB"
}

// sizeOrShare is a size on the command line, or a percentage of a disk.
type sizeOrShare struct {
	given   bool
	bytes   byteSize
	percent int64
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *sizeOrShare) UnmarshalText(text []byte) error {
	*s = sizeOrShare{given: true}
	number, isShare := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	if !isShare {
		return s.bytes.UnmarshalText(text)
	}
	percent, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || percent < 0 || percent > 100 {
		return fmt.Errorf("%q is no share of a disk: give a percentage from 0%% to 100%%, or a size", text)
	}
	s.percent = percent
	return nil
}

// quotaFlag is a quota of its own on the command line: a size or a number, "none", or "default" for that of the server.
type quotaFlag struct{ limit int64 }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (q *quotaFlag) UnmarshalText(text []byte) error {
	switch word := strings.TrimSpace(string(text)); word {
	case "default":
		q.limit = 0
	case "none", "0":
		q.limit = -1
	default:
		var size byteSize
		if err := size.UnmarshalText(text); err != nil || size == 0 {
			return errors.New(`give a size or a number, "none" for no limit, ` +
				`or "default" for the setting of the server`)
		}
		q.limit = int64(size)
	}
	return nil
}

package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ForText says a duration as people do, in its largest unit: "3 days". The island in berth.js says the same.
func ForText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "under a minute"
	case d < time.Hour:
		return count(d, time.Minute, "minute")
	case d < 48*time.Hour:
		return count(d, time.Hour, "hour")
	case d < 60*24*time.Hour:
		return count(d, 24*time.Hour, "day")
	case d < 730*24*time.Hour:
		return count(d, 30*24*time.Hour, "month")
	default:
		return count(d, 365*24*time.Hour, "year")
	}
}

// AgoText says how long ago something was: "3 days ago".
func AgoText(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return ForText(d) + " ago"
}

func count(d, unit time.Duration, name string) string {
	n := int(d / unit)
	if n == 1 {
		return "1 " + name
	}
	return strconv.Itoa(n) + " " + name + "s"
}

// Bytes says a size in binary units with at most three digits: "1.5 GiB".
func Bytes(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	value, unit := float64(n), 0
	for math.Abs(value) >= 999.5 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if unit == 0 || value >= 99.5 {
		return fmt.Sprintf("%.0f %s", value, units[unit])
	}
	return trimZero(fmt.Sprintf("%.1f", value)) + " " + units[unit]
}

// Cores says a number of cores: "2 cores", "0.5 cores".
func Cores(n float64) string {
	if n == 1 {
		return "1 core"
	}
	return trimZero(strconv.FormatFloat(n, 'f', 1, 64)) + " cores"
}

// Percent says a fraction as a percentage: "12 %".
func Percent(fraction float64) string {
	if fraction > 0 && fraction < 0.1 {
		return trimZero(fmt.Sprintf("%.1f", 100*fraction)) + " %"
	}
	return fmt.Sprintf("%.0f %%", 100*fraction)
}

func trimZero(s string) string {
	if n := len(s) - 2; n > 0 && s[n:] == ".0" {
		return s[:n]
	}
	return s
}

// sparkPoints places fractions evenly on a field of 100 by 24 with a margin of 1 above and below.
func sparkPoints(fractions []float64) string {
	var b strings.Builder
	for i, f := range fractions {
		x := 100 * float64(i) / float64(len(fractions)-1)
		y := 23 - 22*min(max(f, 0), 1)
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%.1f,%.1f", x, y)
	}
	return b.String()
}

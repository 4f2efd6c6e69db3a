package pve

import (
	"encoding"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// scalarText returns the text of a string, number, true or false; null is the empty text. Lists and objects are not scalars.
func scalarText(raw []byte) (string, bool) {
	switch raw[0] {
	case '"':
		return unquote(raw), true
	case '{', '[':
		return "", false
	case 'n':
		return "", true
	}
	return string(raw), true
}

// setScalar stores a scalar of any JSON type in v, which is of any scalar Go type. It reports false, and leaves v at
// zero, if the text makes no sense for the type. Null and the empty string are the zero value, as in Perl.
func setScalar(v reflect.Value, raw []byte) bool {
	if n, ok := digits(raw); ok && setDigits(v, n) {
		return true
	}
	text, ok := scalarText(raw)
	if !ok {
		return false
	}
	if v.Kind() == reflect.String && !v.Addr().Type().Implements(textReader) {
		v.SetString(text)
		return true
	}
	if text == "" {
		return true
	}
	return setText(v, text)
}

// setDigits is the common case without a copy of the text. It reports false where the long way must decide.
func setDigits(v reflect.Value, n int64) bool {
	switch {
	case v.Type() == durationType:
		v.SetInt(n * int64(time.Second))
		return n < int64(math.MaxInt64/time.Second)
	case v.CanInt():
		v.SetInt(n)
		return !v.OverflowInt(n)
	case v.CanFloat():
		v.SetFloat(float64(n))
		return true
	}
	return false
}

func setText(v reflect.Value, text string) bool {
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok && v.Type() != timeType {
		if t.UnmarshalText([]byte(text)) != nil {
			v.SetZero()
			return false
		}
		return true
	}
	if v.Kind() == reflect.Bool {
		b, ok := parseBool(text)
		v.SetBool(b)
		return ok
	}
	f, ok := parseNumber(text)
	if !ok {
		return false
	}
	return setNumber(v, f, text)
}

func setNumber(v reflect.Value, f float64, text string) bool {
	switch {
	case v.Type() == timeType:
		return setTime(v, f)
	case v.Type() == durationType:
		if math.Abs(f) >= math.MaxInt64/float64(time.Second) {
			return false
		}
		v.SetInt(int64(f * float64(time.Second)))
		return true
	case v.CanFloat():
		v.SetFloat(f)
		return true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil { // 1e6, 12.7
		if math.Abs(f) >= math.MaxInt64 {
			return false
		}
		n = int64(f)
	}
	if v.OverflowInt(n) {
		return false
	}
	v.SetInt(n)
	return true
}

// setTime stores seconds since 1970; 0 means that there is no time.
func setTime(v reflect.Value, seconds float64) bool {
	const year10000 = 253402300800
	if seconds < 0 || seconds >= year10000 {
		return false
	}
	if seconds > 0 {
		whole, part := math.Modf(seconds)
		v.Set(reflect.ValueOf(time.Unix(int64(whole), int64(part*1e9)).UTC()))
	}
	return true
}

// parseNumber reads a finite decimal number.
func parseNumber(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	switch text {
	case "true":
		return 1, true
	case "false":
		return 0, true
	}
	if strings.ContainsAny(text, "xXpP_nNiI") { // hexadecimal, underscores, NaN and infinity mean something only to Go
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

func parseBool(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "1", "true", "yes", "on":
		return true, true
	case "0", "false", "no", "off", "":
		return false, true
	}
	f, ok := parseNumber(text)
	return f != 0, ok
}

// digits reads an unsigned number of up to 18 digits.
func digits(raw []byte) (n int64, ok bool) {
	if len(raw) == 0 || len(raw) > 18 {
		return 0, false
	}
	for _, b := range raw {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + int64(b-'0')
	}
	return n, true
}

// splitList splits a list the way Proxmox does: at commas, semicolons, white space and NUL.
func splitList(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(",; \t\r\n\x00", c) })
}

func setList(v reflect.Value, text string) {
	parts := splitList(text)
	out := reflect.MakeSlice(v.Type(), len(parts), len(parts))
	for i, part := range parts {
		out.Index(i).SetString(part)
	}
	v.Set(out)
}

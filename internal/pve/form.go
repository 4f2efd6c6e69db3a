package pve

import (
	"encoding"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// encodeForm writes the tagged fields of a struct as form values. Zero values and nil pointers are left out, so a
// field whose zero must be sendable is a pointer. Booleans are 0 and 1, the only form that every version accepts
// (pve-common before 8.0.4 knows no other, in forms none does).
func encodeForm(request any) url.Values {
	form := url.Values{}
	if request == nil {
		return form
	}
	v := reflect.Indirect(reflect.ValueOf(request))
	for _, f := range planOf(v.Type()).ordered {
		field := fieldOf(v, f.index)
		switch {
		case field.IsZero():
		case f.family:
			for _, key := range field.MapKeys() {
				form.Set(f.name+strconv.FormatInt(key.Int(), 10), formText(field.MapIndex(key)))
			}
		default:
			form.Set(f.name, formText(field))
		}
	}
	return form
}

func formText(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return strconv.FormatInt(x.Unix(), 10)
	case time.Duration:
		return strconv.FormatInt(int64((x+time.Second-1)/time.Second), 10)
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			panic("pve: " + err.Error()) // the marshalers of this package cannot fail
		}
		return string(text)
	case bool:
		if x {
			return "1"
		}
		return "0"
	case []string:
		return strings.Join(x, ",")
	case []int:
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(x), " ", ","), "[]")
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return fmt.Sprint(v.Interface())
}

// fillPath puts the arguments, percent-encoded as one segment each, in place of the {names} of a pattern.
func fillPath(pattern string, args []any) string {
	var b strings.Builder
	for _, arg := range args {
		before, rest, _ := strings.Cut(pattern, "{")
		_, rest, found := strings.Cut(rest, "}")
		if !found {
			panic("pve: more arguments than names in " + pattern)
		}
		b.WriteString(before)
		b.WriteString(url.PathEscape(fmt.Sprint(arg)))
		pattern = rest
	}
	b.WriteString(pattern)
	return b.String()
}

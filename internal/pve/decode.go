package pve

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// decode reads JSON into *target the lenient way that Proxmox needs (see scalar.go), by `pve:"name"` tags.
// Unknown keys are ignored. A struct with an Odd field collects the names of its unreadable fields there; where no
// struct on the way up has one, the answer as a whole is an error.
//
// encoding/json would give up a whole answer for one odd value, and to make it lenient every field would need a type
// of its own. It still judges the syntax, see checkSyntax.
func decode(data []byte, target any) error {
	if err := checkSyntax(data); err != nil {
		return err
	}
	return decodeChecked(data, target)
}

// decodeChecked is decode for text that passed checkSyntax.
func decodeChecked(data []byte, target any) error {
	r := &reader{data: data}
	switch odd := r.value(reflect.ValueOf(target).Elem()); {
	case odd == nil:
		return nil
	case odd[0] == "":
		return errors.New("unreadable value: its data is of another type than expected")
	default:
		return fmt.Errorf("unreadable value at %q", odd[0])
	}
}

// checkSyntax lets encoding/json judge the text, so that everything after it may assume well-formed JSON.
func checkSyntax(data []byte) error {
	if json.Valid(data) {
		return nil
	}
	var text json.RawMessage
	return json.Unmarshal(data, &text)
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	rawType      = reflect.TypeFor[json.RawMessage]()
	textReader   = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value reads the next JSON value into v and returns the paths below v that it could not read.
func (r *reader) value(v reflect.Value) (odd []string) {
	switch {
	case v.Type() == rawType:
		v.SetBytes(append([]byte(nil), r.raw()...))
		return nil
	case isScalar(v):
		if !setScalar(v, r.raw()) {
			return []string{""}
		}
		return nil
	case r.null():
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		target := reflect.New(v.Type().Elem())
		if odd = r.value(target.Elem()); odd == nil {
			v.Set(target)
		}
		return odd
	case reflect.Struct:
		return r.structure(v, planOf(v.Type()))
	case reflect.Slice:
		return r.list(v)
	case reflect.Map:
		return r.mapping(v)
	}
	panic("pve: no way to decode " + v.Type().String())
}

func isScalar(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Map, reflect.Pointer:
		return v.Type() == timeType || (v.CanAddr() && v.Addr().Type().Implements(textReader))
	}
	return true
}

func (r *reader) structure(v reflect.Value, p *plan) (odd []string) {
	if !r.open('{') {
		odd = append(odd, "")
		r.raw()
	} else {
		for r.more('}') {
			odd = append(odd, r.member(v, p)...)
		}
	}
	if p.odd != nil && odd != nil {
		v.FieldByIndex(p.odd).Set(reflect.ValueOf(odd))
		return nil
	}
	return odd
}

// member reads one key and its value into the field of that name, if there is one.
func (r *reader) member(v reflect.Value, p *plan) (odd []string) {
	key := r.key()
	if f, found := p.fields[string(key)]; found {
		odd = r.value(fieldOf(v, f.index))
	} else if f, number, found := p.familyOf(key); found {
		odd = r.mapEntry(fieldOf(v, f.index), reflect.ValueOf(number))
	} else if p.rest != nil {
		odd = r.mapEntry(fieldOf(v, p.rest), reflect.ValueOf(string(key)))
	} else {
		r.raw()
	}
	if odd == nil {
		return nil
	}
	return below(string(key), odd)
}

func (r *reader) list(v reflect.Value) (odd []string) {
	if !r.open('[') {
		raw := r.raw()
		if text, ok := scalarText(raw); ok && v.Type().Elem().Kind() == reflect.String {
			setList(v, text)
			return nil
		}
		return []string{""}
	}
	out := v
	for i := 0; r.more(']'); i++ {
		out = reflect.Append(out, reflect.New(v.Type().Elem()).Elem())
		odd = append(odd, below(strconv.Itoa(i), r.value(out.Index(i)))...)
	}
	if out.IsNil() {
		out = reflect.MakeSlice(v.Type(), 0, 0)
	}
	v.Set(out)
	return odd
}

func (r *reader) mapping(v reflect.Value) (odd []string) {
	if !r.open('{') {
		raw := r.raw()
		if string(raw) == "[]" { // an empty Perl hash that was once used as a list
			return nil
		}
		return []string{""}
	}
	for r.more('}') {
		key := string(r.key())
		odd = append(odd, below(key, r.mapEntry(v, reflect.ValueOf(key)))...)
	}
	return odd
}

func (r *reader) mapEntry(m, key reflect.Value) (odd []string) {
	entry := reflect.New(m.Type().Elem()).Elem()
	if odd = r.value(entry); odd != nil {
		return odd
	}
	if m.IsNil() {
		m.Set(reflect.MakeMap(m.Type()))
	}
	m.SetMapIndex(key.Convert(m.Type().Key()), entry)
	return nil
}

func fieldOf(v reflect.Value, index []int) reflect.Value {
	if len(index) == 1 {
		return v.Field(index[0])
	}
	return v.FieldByIndex(index)
}

// below puts key before each path.
func below(key string, odd []string) []string {
	for i, path := range odd {
		if path == "" {
			odd[i] = key
		} else {
			odd[i] = key + "." + path
		}
	}
	return odd
}

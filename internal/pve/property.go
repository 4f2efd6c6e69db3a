package pve

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// property is one part of a property string such as "local:vm-1-disk-0,size=8G". A bare value belongs to the key that
// its format calls the default.
type property struct {
	key, value string
	bare       bool
}

// parseProperties splits a property string the way pve-common JSONSchema.pm does.
func parseProperties(text, defaultKey string) []property {
	var all []property
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		key, value, named := strings.Cut(part, "=")
		switch {
		case part == "":
		case named:
			all = append(all, property{key: key, value: value})
		default:
			all = append(all, property{key: defaultKey, value: part, bare: true})
		}
	}
	return all
}

func formatProperties(all []property) string {
	parts := make([]string, len(all))
	for i, p := range all {
		if parts[i] = p.key + "=" + p.value; p.bare {
			parts[i] = p.value
		}
	}
	return strings.Join(parts, ",")
}

// readProperties fills the fields of *target that have a `prop:"name"` tag; `prop:"name,default"` marks the default key.
// What no field knows, and what a field cannot read, stays in the returned list.
func readProperties(text string, target any) []property {
	v := reflect.ValueOf(target).Elem()
	fields := propFieldsOf(v.Type())
	all := parseProperties(text, fields.defaultKey())
	for _, p := range all {
		if f := fields.find(p.key); f != nil {
			setProperty(v.Field(f.index), p.value)
		}
	}
	return all
}

// writeProperties is the other way: the properties of source in their order, where a field of *target still says what
// they say as they were, with the changes of the other fields.
func writeProperties(source []property, target any) string {
	v := reflect.ValueOf(target).Elem()
	fields := propFieldsOf(v.Type())
	out := make([]property, 0, len(source)+4)
	for _, p := range source {
		f := fields.find(p.key)
		if f == nil {
			out = append(out, p)
			continue
		}
		field, before := v.Field(f.index), reflect.New(v.Field(f.index).Type()).Elem()
		setProperty(before, p.value)
		switch {
		case reflect.DeepEqual(before.Interface(), field.Interface()):
			out = append(out, p)
		case !field.IsZero():
			p.value = propertyText(field)
			out = append(out, p)
		}
	}
	return formatProperties(fields.appendNew(out, source, v))
}

// appendNew adds the fields that source does not mention.
func (fs propFields) appendNew(out, source []property, v reflect.Value) []property {
	for _, f := range fs {
		mentioned := slices.ContainsFunc(source, func(p property) bool { return p.key == f.name })
		if field := v.Field(f.index); !mentioned && !field.IsZero() {
			text := propertyText(field)
			p := property{key: f.name, value: text, bare: f.isDefault && !strings.Contains(text, "=")}
			if f.isDefault {
				out = append([]property{p}, out...)
			} else {
				out = append(out, p)
			}
		}
	}
	return out
}

type propField struct {
	name      string
	index     int
	isDefault bool
}

type propFields []propField

func propFieldsOf(t reflect.Type) propFields {
	var fields propFields
	for i := range t.NumField() {
		if name, tagged := t.Field(i).Tag.Lookup("prop"); tagged {
			name, isDefault := strings.CutSuffix(name, ",default")
			fields = append(fields, propField{name, i, isDefault})
		}
	}
	return fields
}

func (fs propFields) find(name string) *propField {
	for i := range fs {
		if fs[i].name == name {
			return &fs[i]
		}
	}
	return nil
}

func (fs propFields) defaultKey() string {
	for _, f := range fs {
		if f.isDefault {
			return f.name
		}
	}
	return ""
}

// setProperty leaves a field at zero if it cannot read the text.
func setProperty(v reflect.Value, text string) {
	switch {
	case v.Kind() == reflect.Slice:
		v.Set(reflect.ValueOf(strings.Split(text, ";")))
	case v.Kind() == reflect.Pointer:
		target := reflect.New(v.Type().Elem())
		if text != "" && setText(target.Elem(), text) {
			v.Set(target)
		}
	case v.Kind() == reflect.String:
		v.SetString(text)
	case text != "":
		setText(v, text)
	}
}

func propertyText(v reflect.Value) string {
	if list, ok := v.Interface().([]string); ok {
		return strings.Join(list, ";")
	}
	return formText(v)
}

// parseSize reads a disk size such as 8G, 512M or 1048576 (pve-common JSONSchema.pm).
func parseSize(text string) (bytes int64, ok bool) {
	number, shift := text, 0
	if i := strings.IndexAny(text, "KMGT"); i >= 0 && i == len(text)-1 {
		number, shift = text[:i], 10*(1+strings.IndexByte("KMGT", text[i]))
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !(f >= 0 && f < float64(int64(1)<<62>>shift)) {
		return 0, false
	}
	return int64(f * float64(int64(1)<<shift)), true
}

package pve

import (
	"reflect"
	"strings"
	"sync"
)

// plan is what the codec knows of a struct type. Tags read `pve:"name[,option]"`:
//
//	pve:"maxmem"  the key
//	pve:"net*"    a family net0, net1, ...: the field is a map[int]T
//	pve:",rest"   a map[string]T for the keys that no other field names (reading only)
//	pve:",odd"    the []string that names unreadable fields (reading only)
//
// Embedded structs are part of the struct that holds them. Fields without a tag are left alone.
type plan struct {
	fields   map[string]planField
	ordered  []planField
	families []planField
	rest     []int
	odd      []int
}

type planField struct {
	name   string
	index  []int
	family bool
}

var plans sync.Map // reflect.Type -> *plan: a cache of pure functions of the type

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{fields: map[string]planField{}}
	p.collect(t, nil)
	plans.Store(t, p)
	return p
}

func (p *plan) collect(t reflect.Type, parent []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int(nil), parent...), i)
		if tag, tagged := f.Tag.Lookup("pve"); tagged {
			p.add(tag, index)
		} else if f.Anonymous && f.Type.Kind() == reflect.Struct {
			p.collect(f.Type, index)
		}
	}
}

func (p *plan) add(tag string, index []int) {
	name, option, _ := strings.Cut(tag, ",")
	switch option {
	case "rest":
		p.rest = index
		return
	case "odd":
		p.odd = index
		return
	}
	f := planField{index: index}
	f.name, f.family = strings.CutSuffix(name, "*")
	p.ordered = append(p.ordered, f)
	if f.family {
		p.families = append(p.families, f)
		return
	}
	p.fields[f.name] = f
}

// familyOf finds the family and the number of a key such as net0.
func (p *plan) familyOf(key []byte) (planField, int, bool) {
	for _, f := range p.families {
		digits, ok := strings.CutPrefix(string(key), f.name)
		if !ok || digits == "" || len(digits) > 4 {
			continue
		}
		if n, ok := parseDigits(digits); ok {
			return f, n, true
		}
	}
	return planField{}, 0, false
}

func parseDigits(s string) (int, bool) {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, s == "0" || s[0] != '0'
}

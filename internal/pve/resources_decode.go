package pve

import (
	"bytes"
	"reflect"
	"strconv"
)

// DecodeResources reads the body of an answer of /cluster/resources.
func DecodeResources(body []byte) (Resources, error) {
	a := answer{method: "GET", path: "/cluster/resources", status: 200, body: body}
	if err := a.open(); err != nil {
		return Resources{}, err
	}
	return a.resources()
}

func (a *answer) resources() (Resources, error) {
	var out Resources
	r := &reader{data: a.data}
	if !r.open('[') {
		return out, a.problem("its data is not a list")
	}
	for i := 0; r.more(']'); i++ {
		r.resource(&out, i)
	}
	return out, nil
}

// resource reads one row into the list of its type. Virtual machines, networks and types yet to come are passed over.
func (r *reader) resource(out *Resources, row int) {
	if r.data[r.pos] != '{' {
		out.Odd = append(out.Odd, strconv.Itoa(row))
		r.raw()
		return
	}
	switch kind, id := r.kindOfRow(); string(kind) {
	case "lxc":
		row := appendRow(r, &out.Containers)
		row.CPU = max(0, row.CPU)
		if row.VMID == 0 {
			row.VMID, _ = strconv.Atoi(string(id))
		}
	case "node":
		row := appendRow(r, &out.Nodes)
		row.CPU = max(0, row.CPU)
	case "storage":
		appendRow(r, &out.Storages)
	case "pool":
		appendRow(r, &out.Pools)
	default:
		r.raw()
	}
}

// appendRow reads the next value as a new last element of *rows.
func appendRow[T any](r *reader, rows *[]T) *T {
	var zero T
	*rows = append(*rows, zero)
	last := &(*rows)[len(*rows)-1]
	r.value(reflect.ValueOf(last).Elem())
	return last
}

// kindOfRow looks ahead for the type of a row and what follows the type in its id, such as lxc and 101.
func (r *reader) kindOfRow() (kind, id []byte) {
	ahead := *r
	ahead.open('{')
	for ahead.more('}') {
		switch key := ahead.key(); string(key) {
		case "type":
			kind = bytes.Trim(ahead.raw(), `"`)
		case "id":
			_, id, _ = bytes.Cut(bytes.Trim(ahead.raw(), `"`), []byte("/"))
		default:
			ahead.raw()
		}
		if kind != nil && id != nil {
			break
		}
	}
	return kind, id
}

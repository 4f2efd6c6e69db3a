package pvesim

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// property is the schema of one parameter, or of one key of a property string.
type property struct {
	Type                 string
	Optional             int
	Enum                 []string
	Minimum, Maximum     *float64
	MinLength, MaxLength *int
	Pattern              string
	Format               string
	Properties           map[string]*property // of a property string: key=value,key=value
	DefaultKey           int                  `json:"default_key"`
	Requires             string
	IndexMax             int `json:"x-index-max"`
	Items                *property

	pattern *regexp.Regexp
}

const (
	errMissing = "property is missing and it is not optional"
	errUnknown = "property is not defined in schema and the schema does not allow additional properties"
)

func compile(props map[string]*property) (err error) {
	for name, p := range props {
		if p.Pattern != "" && p.pattern == nil {
			if p.pattern, err = regexp.Compile("^(?:" + p.Pattern + ")$"); err != nil {
				return fmt.Errorf("pattern of %s: %w", name, err)
			}
		}
		if err := compile(p.Properties); err != nil {
			return err
		}
	}
	return nil
}

// lookup finds the schema of a key; net0 belongs to net[n].
func lookup(props map[string]*property, name string) *property {
	if p := props[name]; p != nil {
		return p
	}
	base := strings.TrimRight(name, "0123456789")
	if base == name {
		return nil
	}
	index := name[len(base):]
	p := props[base+"[n]"]
	if n, err := strconv.Atoi(index); p == nil || err != nil || n > p.IndexMax || strconv.Itoa(n) != index {
		return nil
	}
	return p
}

// validate checks all parameters of a call and returns PVE's 400 with one text per bad parameter.
func (r *route) validate(p params) error {
	errs := map[string]string{}
	for name, value := range p {
		prop := lookup(r.properties, name)
		if prop == nil {
			errs[name] = errUnknown
			continue
		}
		if prop.Type == "array" {
			for i, v := range strings.Split(value, "\x00") {
				if text := prop.Items.problem(name, v); text != "" {
					errs[fmt.Sprintf("%s[%d]", name, i)] = text
				}
			}
		} else if text := prop.problem(name, value); text != "" {
			errs[name] = text
		} else if prop.Requires != "" && !p.has(prop.Requires) {
			errs[prop.Requires] = fmt.Sprintf("missing property - '%s' requires this property", name)
		}
	}
	for name, prop := range r.properties {
		if _, has := p[name]; !has && prop.Optional == 0 && prop.IndexMax == 0 {
			errs[name] = errMissing
		}
	}
	if len(errs) > 0 {
		return invalid(errs)
	}
	return nil
}

// problem is the message about a value, or "".
func (p *property) problem(name, value string) string {
	if text := p.typeProblem(value); text != "" {
		return text
	}
	if text := p.formatProblem(name, value); text != "" {
		return text
	}
	return p.limitProblem(value)
}

var (
	integerText = regexp.MustCompile(`^[+-]?\d+$`)
	numberText  = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$`)
)

func (p *property) typeProblem(value string) string {
	ok := true
	switch p.Type {
	case "integer":
		ok = integerText.MatchString(value)
	case "number":
		ok = numberText.MatchString(value)
	case "boolean":
		ok = value == "0" || value == "1"
	}
	if !ok {
		return fmt.Sprintf("type check ('%s') failed - got '%s'", p.Type, value)
	}
	return ""
}

func (p *property) limitProblem(value string) string {
	switch p.Type {
	case "integer", "number":
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
			return fmt.Sprintf("type check ('%s') failed - got '%s'", p.Type, value)
		case p.Minimum != nil && n < *p.Minimum:
			return fmt.Sprintf("value must have a minimum value of %v", plain(*p.Minimum))
		case p.Maximum != nil && n > *p.Maximum:
			return fmt.Sprintf("value must have a maximum value of %v", plain(*p.Maximum))
		}
		return ""
	}
	switch {
	case p.MinLength != nil && len(value) < *p.MinLength:
		return fmt.Sprintf("value must be at least %d characters long", *p.MinLength)
	case p.MaxLength != nil && len(value) > *p.MaxLength:
		return fmt.Sprintf("value may only be %d characters long", *p.MaxLength)
	case p.pattern != nil && !p.pattern.MatchString(value):
		return "value does not match the regex pattern"
	case len(p.Enum) > 0 && !contains(p.Enum, value):
		return fmt.Sprintf("value '%s' does not have a value in the enumeration '%s'", value, strings.Join(p.Enum, ", "))
	}
	return ""
}

func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func contains[T comparable](list []T, v T) bool {
	for _, e := range list {
		if e == v {
			return true
		}
	}
	return false
}

// formatProblem checks named formats and property strings.
func (p *property) formatProblem(name, value string) string {
	if p.Properties != nil {
		if _, errs := parsePropertyString(p.Properties, value); len(errs) > 0 {
			text := "invalid format - format error\n"
			for _, key := range sortedKeys(errs) {
				text += name + "." + key + ": " + errs[key] + "\n"
			}
			return text
		}
		return ""
	}
	if p.Format == "" || p.Type == "integer" && p.Format != "pve-vmid" {
		return ""
	}
	if text := checkFormat(p.Format, value); text != "" {
		return "invalid format - " + text + "\n"
	}
	return ""
}

// parsePropertyString reads "key=value,key=value" with PVE's default key, and names what is wrong by key.
func parsePropertyString(props map[string]*property, text string) (map[string]string, map[string]string) {
	out, errs := map[string]string{}, map[string]string{}
	for _, part := range strings.Split(text, ",") {
		if part == "" {
			continue
		}
		key, value, named := strings.Cut(part, "=")
		if !named {
			key, value = defaultKey(props), part
		}
		p := props[key]
		switch {
		case p == nil:
			errs[key] = errUnknown
			continue
		case out[key] != "":
			errs[key] = "duplicate key in comma-separated list property: " + key
			continue
		}
		if p.Type == "boolean" {
			value = loosely(value)
		}
		if problem := p.problem(key, value); problem != "" {
			errs[key] = strings.TrimSuffix(problem, "\n")
		}
		out[key] = value
	}
	for key, p := range props {
		if _, has := out[key]; !has && p.Optional == 0 {
			errs[key] = errMissing
		}
	}
	return out, errs
}

// loosely maps the booleans that property strings allow to 0 and 1.
func loosely(value string) string {
	switch strings.ToLower(value) {
	case "1", "on", "yes", "true":
		return "1"
	case "0", "off", "no", "false":
		return "0"
	}
	return value
}

func defaultKey(props map[string]*property) string {
	for key, p := range props {
		if p.DefaultKey == 1 {
			return key
		}
	}
	return ""
}

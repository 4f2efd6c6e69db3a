package pvesim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// postLimit is the largest body (since http-server 5.2.1; 64 KiB before).
func (s *Sim) postLimit() int64 {
	if s.world.release.before(8, 4) {
		return 64 << 10
	}
	return 512 << 10
}

// readParams collects query, body and path; the query wins over the body.
func (c *call) readParams() (params, error) {
	out := params{}
	if c.req.Method == http.MethodPost || c.req.Method == http.MethodPut {
		read := c.readBody
		if c.route.upload {
			read = c.readUpload
		}
		if err := read(out); err != nil {
			return nil, err
		}
	}
	out.merge(parseForm(c.req.URL.RawQuery))
	delete(out, "_dc")
	for name, value := range c.vars {
		if have, ok := out[name]; ok && have != value {
			return nil, invalidParam(name, "duplicate parameter (already defined in URI) with conflicting values!")
		}
		out[name] = value
	}
	return out, nil
}

func (c *call) readBody(out params) error {
	length := max(c.req.ContentLength, 0)
	if limit := c.sim.postLimit(); length > limit {
		return &apiError{status: 501, text: "for data too large", bare: true}
	}
	kind, _, _ := mime.ParseMediaType(c.req.Header.Get("Content-Type"))
	if raw := c.req.Header.Get("Content-Type"); raw != "" && kind != "application/x-www-form-urlencoded" && kind != "application/json" {
		return &apiError{status: 506, text: fmt.Sprintf("upload 'Content-Type '%s' not implemented", raw), plain: true}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(c.req.Body, body); err != nil {
		return errHangUp
	}
	if kind == "application/json" {
		return parseJSON(body, out, !c.sim.world.release.before(8, 0))
	}
	out.merge(parseForm(string(body)))
	return nil
}

// parseForm splits on "&" and ";"; repeated keys become one value joined by NUL, as PVE does.
func parseForm(text string) params {
	out := params{}
	for pair := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescapeQuery(name), unescapeQuery(value)
		if have, ok := out[name]; ok {
			value = have + "\x00" + value
		}
		out[name] = value
	}
	return out
}

func unescapeQuery(text string) string {
	if u, err := url.QueryUnescape(text); err == nil {
		return u
	}
	return text
}

// parseJSON reads a JSON object; true and false become 1 and 0 (since 8.0), arrays are joined by NUL.
func parseJSON(body []byte, out params, booleans bool) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return &apiError{status: 500, plain: true, text: fmt.Sprintf("'\"' expected, at character offset 1 (before %q) at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934.\n", strings.Trim(string(body), "{}"))}
	}
	for name, value := range fields {
		out[name] = jsonText(value)
		if b, is := value.(bool); is && !booleans {
			out[name] = strconv.FormatBool(b)
		}
	}
	return nil
}

func jsonText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "1"
		}
		return "0"
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = jsonText(e)
		}
		return strings.Join(parts, "\x00")
	case nil:
		return ""
	}
	return "HASH(0x55d0c0de)" // what Perl makes of an object where a text is expected
}

package pvesim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// render turns the outcome into the answer PVE would send.
func render(c *call, format string, data any, err error) *response {
	a := &response{status: 200, reason: "OK", viaDaemon: c.route != nil && c.route.protected}
	var refused *apiError
	if err != nil && !errors.As(err, &refused) {
		refused = &apiError{status: 500, text: err.Error()}
	}
	if page, ok := data.(htmlPage); ok && err == nil {
		a.contentType, a.body = "text/html; charset=utf-8", []byte(page)
		return a
	}
	if refused != nil {
		a.status, a.reason = refused.status, refused.text
		if refused.bare || refused.plain {
			if refused.plain {
				a.body = []byte(refused.text)
			}
			return a
		}
	}
	if raw, is := data.(rawJSON); is && refused == nil && format == "json" {
		a.contentType = "application/json;charset=UTF-8"
		a.body = append(append([]byte(`{"data":`), raw...), '}')
		return a
	}
	envelope := c.envelope(format, data, refused)
	if format == "extjs" {
		a.status, a.reason = 200, "OK"
	}
	a.contentType = "application/json;charset=UTF-8"
	a.body = encode(envelope)
	return a
}

// envelope is the JSON around every answer.
func (c *call) envelope(format string, data any, refused *apiError) obj {
	out := obj{"data": data}
	if c.total != nil {
		out["total"] = *c.total
	}
	if refused != nil {
		out["data"] = nil
		if len(refused.errors) > 0 {
			out["errors"] = refused.errors
		}
		if !c.sim.world.release.before(8, 4) || format == "extjs" {
			out["message"] = refused.text
			if refused.status != 501 {
				out["message"] = refused.text + "\n"
			}
		}
	}
	if format == "extjs" {
		out["success"] = flag(refused == nil)
		if refused != nil {
			out["status"] = refused.status
		}
	}
	return out
}

// obj is one JSON object of an answer. PVE never sends true or false: use flag.
type obj = map[string]any

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("pvesim: answer cannot be encoded: %v", err)) // a handler returned something that is not JSON
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// htmlPage is an answer outside the API.
type htmlPage string

const welcomePage = htmlPage(`<!DOCTYPE html><html><head><title>Simulated Proxmox Virtual Environment</title></head>` +
	`<body>This is a simulated cluster. The API is below /api2/json, faults are below /sim/.</body></html>`)

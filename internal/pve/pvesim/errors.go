package pvesim

import (
	"errors"
	"fmt"
)

// apiError is a refusal with PVE's status and text.
type apiError struct {
	status int
	text   string            // reason phrase and message
	errors map[string]string // per parameter, for 400
	bare   bool              // empty body: 401, 595, 596
	plain  bool              // text body: errors of the web server itself
}

func (e *apiError) Error() string { return e.text }

// die is what PVE's code does most often: status 500 with a message.
func die(format string, args ...any) error {
	return &apiError{status: 500, text: fmt.Sprintf(format, args...)}
}

func forbid(format string, args ...any) error {
	return &apiError{status: 403, text: fmt.Sprintf(format, args...)}
}

// invalid is a 400 about parameters.
func invalid(errs map[string]string) error {
	return &apiError{status: 400, text: "Parameter verification failed.", errors: errs}
}

func invalidParam(name, format string, args ...any) error {
	return invalid(map[string]string{name: fmt.Sprintf(format, args...)})
}

func unauthenticated(text string) error { return &apiError{status: 401, text: text, bare: true} }

// errHangUp means that the connection was used up or cut by the handler.
var errHangUp = errors.New("connection handled")

package berth

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Code classifies an Error by what a person can do about it.
type Code string

// The codes.
const (
	Invalid         Code = "invalid"         // 422: correct the input
	NotFound        Code = "not-found"       // 404
	Conflict        Code = "conflict"        // 409: somebody or something was faster
	Unauthenticated Code = "unauthenticated" // 401: sign in
	Forbidden       Code = "forbidden"       // 403: ask somebody with more rights
	TooLarge        Code = "too-large"       // 413: send less
	TooMany         Code = "too-many"        // 429: too often; try again later
	Unavailable     Code = "unavailable"     // 503: try again later
)

// Error is an error that a person can act on. Message is one plain sentence for that person; Err, if any, is for the log.
type Error struct {
	Code    Code
	Message string
	Fields  map[string]string // message per input field
	Err     error
}

// Error gives the message, the fields and the cause, as for a log.
func (e *Error) Error() string {
	parts := []string{e.Message}
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		if e.Fields[name] != e.Message {
			parts = append(parts, name+": "+e.Fields[name])
		}
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error whose message is the formatted sentence.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// InvalidFields makes an Invalid error out of a message per field.
func InvalidFields(fields map[string]string) *Error {
	message := "Some values need to be corrected."
	if len(fields) == 1 {
		for _, m := range fields {
			message = m
		}
	}
	return &Error{Code: Invalid, Message: message, Fields: fields}
}

// CodeOf is the code of the Error in err's chain; empty if there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

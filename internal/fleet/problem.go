package fleet

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"berth/internal/pve"
)

// plainProblem says in words for people why a cluster could not be asked.
func plainProblem(err error) string {
	if certificate, ok := errors.AsType[*pve.CertificateError](err); ok {
		return sentence(certificate.Error())
	}
	problem := pve.Classify(err)
	switch problem.Kind {
	case pve.KindUnauthenticated:
		return "It refuses Berth's API token: the token was deleted, has expired, or its user is disabled."
	case pve.KindForbidden:
		return sentence("Berth's API token may not do this: " + problem.Message)
	case pve.KindNodeUnreachable:
		return "The node that was asked cannot reach the one it needs."
	}
	return connectionProblem(err, problem)
}

func connectionProblem(err error, problem pve.Problem) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "Its host name " + dns.Name + " cannot be resolved."
	case errors.Is(err, syscall.ECONNREFUSED):
		return "The connection is refused: Proxmox VE is not running there, or a firewall rejects it."
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "There is no route to it."
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "The connection is cut before there is an answer: by a firewall, or by something that is not Proxmox VE."
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "It did not answer in time."
	}
	if problem.Message != "" {
		return sentence(problem.Message)
	}
	return sentence(err.Error())
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// isFinal tells that asking again will not help, so that people are told at once.
func isFinal(err error) bool {
	switch pve.Classify(err).Kind {
	case pve.KindUnauthenticated, pve.KindUntrusted, pve.KindForbidden:
		return true
	}
	return false
}

// sentence makes text begin with a capital letter and end with a full stop.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return text
	}
	first, size := utf8.DecodeRuneInString(text)
	text = string(unicode.ToUpper(first)) + text[size:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

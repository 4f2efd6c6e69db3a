package pve

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
)

// Kind is what a failure means for the caller.
type Kind string

// The kinds of failure.
const (
	KindOther           Kind = "other"            // anything else; the message says it
	KindNoContainer     Kind = "no container"     // no such container on this node; it may have moved to another
	KindNotFound        Kind = "not found"        // no such snapshot, task, volume, storage, node, bridge, history
	KindExists          Kind = "exists"           // VMID, snapshot name or token id is taken
	KindLocked          Kind = "locked"           // container is locked by work on it; see Problem.Lock
	KindBusy            Kind = "busy"             // lock file timeout or failed fork: the same call may work in a moment
	KindAlreadyRunning  Kind = "already running"  // start of a running container
	KindNotRunning      Kind = "not running"      // stop, shutdown or reboot of a stopped container
	KindMustBeStopped   Kind = "must be stopped"  // delete or overwrite of a running container
	KindProtected       Kind = "protected"        // protection flag of a container or backup
	KindForbidden       Kind = "forbidden"        // a privilege is missing; see Problem.Path, Privileges, RootOnly
	KindInvalid         Kind = "invalid"          // bad parameters; see Problem.Fields, or else the message
	KindSecondFactor    Kind = "second factor"    // the account needs one that was not given
	KindUnauthenticated Kind = "unauthenticated"  // token, ticket or password is not (or no longer) good
	KindNodeUnreachable Kind = "node unreachable" // the cluster answers, the node of the call does not
	KindNoQuorum        Kind = "no quorum"        // the cluster is read-only
	KindUnavailable     Kind = "unavailable"      // no endpoint answers, or something other than Proxmox does
	KindUntrusted       Kind = "untrusted"        // the certificate is not the pinned one, or not signed by a known authority
	KindChanged         Kind = "changed"          // somebody else changed the configuration (digest)
	KindUnsupported     Kind = "unsupported"      // this version has no such call, or the storage cannot do it
	KindAborted         Kind = "aborted"          // the task was stopped by a person or a crash
	KindCanceled        Kind = "canceled"         // the caller gave up
)

// Problem is what [Classify] read from an error.
type Problem struct {
	Kind       Kind
	Message    string            // the server's text, without the call
	Lock       string            // KindLocked: backup, snapshot, migrate, ...
	Path       string            // KindForbidden: such as /vms/101; empty if the server did not say
	Privileges []string          // KindForbidden: any one of these would do
	RootOnly   bool              // KindForbidden: only root@pam itself may, no token can
	Fields     map[string]string // KindInvalid: text per parameter
}

// Classify says what an error of this package means: of a call, of a task (its exit text), or of the connection.
func Classify(err error) Problem {
	var refused *Error
	var failed *TaskError
	var certificate *CertificateError
	switch {
	case err == nil:
		return Problem{}
	case errors.As(err, &failed):
		return classifyText(failed.Exit)
	case errors.As(err, &refused):
		return classifyRefusal(refused)
	case errors.As(err, &certificate):
		return Problem{Kind: KindUntrusted, Message: certificate.Error()}
	case errors.Is(err, ErrSecondFactor):
		return Problem{Kind: KindSecondFactor, Message: err.Error()}
	case errors.Is(err, ErrNotOnNode):
		return Problem{Kind: KindNoContainer, Message: err.Error()}
	case errors.Is(err, context.Canceled):
		return Problem{Kind: KindCanceled, Message: err.Error()}
	}
	var broken *connectionError
	var unusable *AnswerError
	if errors.As(err, &broken) || errors.As(err, &unusable) || errors.Is(err, context.DeadlineExceeded) {
		return Problem{Kind: KindUnavailable, Message: err.Error()}
	}
	return Problem{Kind: KindOther, Message: err.Error()}
}

// classifyRefusal goes by the status where it says something. 500 says nothing: it is the status of everything that a
// call dies with, not-found included; there, and in the fields of a 400, the text decides.
func classifyRefusal(e *Error) Problem {
	p := classifyText(e.Message)
	p.Fields = e.Params
	switch e.Status {
	case http.StatusUnauthorized:
		p.Kind = KindUnauthenticated
	case http.StatusForbidden:
		p.Kind = KindForbidden
	case http.StatusNotImplemented:
		p.Kind = KindUnsupported
	case 595, 596: // pve-http-server: connection to the node failed; no answer within 30 s
		p.Kind = KindNodeUnreachable
	case 597, 599, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		p.Kind = KindUnavailable
	case http.StatusBadRequest:
		classifyFields(&p)
	}
	return p
}

// classifyFields looks for fields that say something other than "badly written".
func classifyFields(p *Problem) {
	if p.Kind == KindOther {
		p.Kind = KindInvalid
	}
	for _, text := range p.Fields {
		switch q := classifyText(text); q.Kind {
		case KindExists, KindNotFound, KindNoContainer, KindForbidden:
			p.Kind, p.RootOnly = q.Kind, q.RootOnly
		}
	}
}

// textRules are tried in order. The first group of a pattern, if any, is kept by the rule that uses it.
var textRules = []struct {
	kind    Kind
	pattern *regexp.Regexp
}{
	{KindForbidden, regexp.MustCompile(`Permission check failed|only allowed for root@pam|[Oo]nly root (?:may|can)|need proper ticket`)},
	{KindNoQuorum, regexp.MustCompile(`no quorum|unable to open file '/etc/pve/\S+' - Permission denied`)},
	{KindLocked, regexp.MustCompile(`(?:CT|VM) is locked \(`)},
	{KindBusy, regexp.MustCompile(`can't lock file '[^']*' - got timeout|Failed to obtain guest migration lock|got no worker upid|cfs-lock '[^']*' error: got lock request timeout`)},
	{KindNodeUnreachable, regexp.MustCompile(`hostname lookup '[^']*' failed`)},
	{KindChanged, regexp.MustCompile(`detected modified configuration`)},
	{KindProtected, regexp.MustCompile(`protection mode enabled|cannot remove protected volume`)},
	{KindMustBeStopped, regexp.MustCompile(`container is running|can't overwrite running container|of a running container is only possible`)},
	{KindAlreadyRunning, regexp.MustCompile(`(?:CT|VM) \d+ already running`)},
	{KindNotRunning, regexp.MustCompile(`(?:CT|VM) \d+ not running|container '\d+' not running`)},
	{KindExists, regexp.MustCompile(`(?:CT|VM) \d+ already exists|snapshot name '[^']*' already used|Token already exists`)},
	{KindUnsupported, regexp.MustCompile(`feature is not available|[Ll]inked clone feature .* is not available|not implemented`)},
	{KindNoContainer, regexp.MustCompile(`[Cc]onfiguration file '[^']*' does not exist|unable to find VM '\d+'`)},
	{KindNotFound, regexp.MustCompile(`(?:snapshot|storage|volume|pool|bridge) '[^']*' does not exist|` +
		`[Nn]o such (?:task|storage|template|cluster node|token|user)|can't find file|^RRD error: .*No such file`)},
	{KindInvalid, regexp.MustCompile(`unable to (?:delete required|modify read-only) option|no options specified|unable to shrink disk size|` +
		`disk is already at specified size|\(reserved name\)|SSH public key validation error|^format error$`)},
	{KindAborted, regexp.MustCompile(`^unexpected status$|received interrupt|interrupted by signal`)},
}

var (
	lockForm      = regexp.MustCompile(`is locked \(([^)]*)\)`)
	privilegeForm = regexp.MustCompile(`Permission check failed \((/[^,()]*), ([A-Za-z.|]+)\)`)
)

func classifyText(text string) Problem {
	p := Problem{Kind: KindOther, Message: text}
	for _, rule := range textRules {
		if rule.pattern.MatchString(text) {
			p.Kind = rule.kind
			break
		}
	}
	switch p.Kind {
	case KindLocked:
		p.Lock = lockForm.FindStringSubmatch(text)[1]
	case KindForbidden:
		p.RootOnly = strings.Contains(text, "root@pam") || strings.Contains(strings.ToLower(text), "only root")
		if m := privilegeForm.FindStringSubmatch(text); m != nil {
			p.Path, p.Privileges = m[1], strings.Split(m[2], "|")
		}
	}
	return p
}

package pve

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFailuresThatWereNotRecordedAreClassified has texts of other versions and situations.
func TestFailuresThatWereNotRecordedAreClassified(t *testing.T) {
	t.Parallel()
	status := func(code int, text string) error {
		return &Error{Method: "GET", Path: "/x", Status: code, Message: text}
	}
	exit := func(text string) error { return &TaskError{UPID: startTask, Exit: text} }
	fields := map[string]string{"skiplock": "Only root may use this option."}
	tests := []struct {
		err  error
		want Problem // without the message
	}{
		{nil, Problem{}},
		{status(401, "permission denied - invalid PVE ticket"), Problem{Kind: KindUnauthenticated}},
		{status(401, "no such token 'x' for user 'y@pve'"), Problem{Kind: KindUnauthenticated}},
		{status(403, "Permission check failed (/sdn/zones/localnetwork/vmbr0/7, SDN.Use)"), Problem{Kind: KindForbidden, Path: "/sdn/zones/localnetwork/vmbr0/7", Privileges: []string{"SDN.Use"}}},
		{status(403, "Permission check failed"), Problem{Kind: KindForbidden}},
		{status(403, "URI '/access/password' not available with API token, need proper ticket."), Problem{Kind: KindForbidden}},
		{status(403, "Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)"), Problem{Kind: KindForbidden, RootOnly: true}},
		{status(500, "Only root can pass arbitrary filesystem paths."), Problem{Kind: KindForbidden, RootOnly: true}},
		{&Error{Status: 400, Message: "Parameter verification failed.", Params: fields}, Problem{Kind: KindForbidden, RootOnly: true, Fields: fields}},
		{status(500, "CT is locked (snapshot-delete)"), Problem{Kind: KindLocked, Lock: "snapshot-delete"}},
		{status(500, "VM 100 already exists on node 'pve2'"), Problem{Kind: KindExists}},
		{status(500, "got no worker upid - start worker failed"), Problem{Kind: KindBusy}},
		{status(501, "Method 'GET /nodes/pve1/lxc/101/interfaces' not implemented"), Problem{Kind: KindUnsupported}},
		{status(502, "Bad Gateway"), Problem{Kind: KindUnavailable}},
		{status(597, "Broken pipe"), Problem{Kind: KindUnavailable}},
		{status(596, "Connection timed out"), Problem{Kind: KindNodeUnreachable}},
		{exit("received interrupt"), Problem{Kind: KindAborted}},
		{exit("interrupted by signal"), Problem{Kind: KindAborted}},
		{exit("job errors"), Problem{Kind: KindOther}},
		{exit("unable to restore CT 214 - 403 Permission check failed (/vms/214, VM.Backup|VM.Allocate)"), Problem{Kind: KindForbidden, Path: "/vms/214", Privileges: []string{"VM.Backup", "VM.Allocate"}}},
		{&AnswerError{Problem: "it is empty"}, Problem{Kind: KindUnavailable}},
		{context.DeadlineExceeded, Problem{Kind: KindUnavailable}},
		{context.Canceled, Problem{Kind: KindCanceled}},
		{errors.New("something else"), Problem{Kind: KindOther}},
	}
	for _, test := range tests {
		err := test.err
		if err != nil {
			err = fmt.Errorf("start container 101 on pve1: %w", err)
		}
		got := Classify(err)
		if (got.Message == "") != (err == nil) {
			t.Errorf("%v: got message %q", err, got.Message)
		}
		got.Message = ""
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

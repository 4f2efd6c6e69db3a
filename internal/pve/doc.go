// Package pve is a client of the Proxmox VE API for containers: requests, sign-in, tasks, typed results and errors, console.
//
// A [Client] talks to one cluster through one or more of its nodes. Every call takes a context and answers with typed
// values: bytes as int64, times as [time.Time], spans as [time.Duration], CPU load as a fraction of what is configured.
//
// Proxmox writes the same field as a number, as a string, as null or not at all, depending on version and situation.
// Reading is therefore lenient: 1, "1" and true are all true, "24" is 24, and what is unknown is ignored. A value that
// cannot be read costs only its own field: the row stays, and its Odd field names what was unreadable.
//
// A refusal of the server is an [*Error], a failed task is a [*TaskError]; [Classify] says what either means.
package pve

// Package clocktest is the one clock of a test: of its Berth, of its simulated cluster and of what it expects of them.
//
// It is the machine's clock, unless BERTH_TEST_NOW says at which moment the test process begins, as in
// 2026-12-31T23:58:00Z; from there it goes on as time passes. The zone is that of TZ, as in a running Berth. What only
// measures how long something takes uses package time.
package clocktest

import (
	"os"
	"sync"
	"time"
)

const variable = "BERTH_TEST_NOW"

// Now is the current time of the tests.
func Now() time.Time { return time.Now().Add(ahead()) }

// Since is the time that has passed since t, a moment on this clock.
func Since(t time.Time) time.Duration { return Now().Sub(t) }

// Environment is the setting by which a process that the test starts has the same clock.
func Environment() string { return variable + "=" + Now().Format(time.RFC3339Nano) }

// ahead is how far the clock is before the machine's. It is a variable of the package because all of a process share it.
var ahead = sync.OnceValue(func() time.Duration {
	text := os.Getenv(variable)
	if text == "" {
		return 0
	}
	begin, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(variable + " is not a time like 2026-12-31T23:58:00Z: " + err.Error())
	}
	return time.Until(begin)
})

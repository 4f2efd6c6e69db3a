package auth

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"berth"
	"berth/internal/store/storetest"
)

// TestAFloodOfWrongPasswords is not parallel: it looks at the memory of the process.
func TestAFloodOfWrongPasswords(t *testing.T) {
	const attempts, most = 10_000, 200 << 20
	d := newDesk(t, storetest.Options(t, storetest.SQLite))
	if _, err := d.browser("10.0.0.1").signIn("bert", good); err != nil {
		t.Fatal(err)
	}
	start := make(chan struct{})
	var group sync.WaitGroup
	var mu sync.Mutex
	answers := map[berth.Code]int{}
	for i := range attempts {
		name, address := "bert", "192.0.2.1"
		if i%2 == 0 { // the other half comes from everywhere
			name, address = fmt.Sprintf("guess%d", i), fmt.Sprintf("198.%d.%d.1", i/256%256, i%256)
		}
		group.Go(func() {
			<-start
			_, err := d.browser(address).signIn(name, "a wrong password")
			mu.Lock()
			defer mu.Unlock()
			answers[berth.CodeOf(err)]++
		})
	}
	close(start)
	for range 5 {
		if _, err := d.browser("10.0.0.1").signIn("bert", good); err != nil {
			t.Errorf("meanwhile bert cannot sign in: %v", err)
		}
	}
	group.Wait()
	t.Logf("%d attempts: %v; the most memory was %d MiB", attempts, answers, peakMemory(t)>>20)
	if answers[berth.Unauthenticated]+answers[berth.TooMany]+answers[berth.Unavailable] != attempts {
		t.Errorf("answers are %v", answers)
	}
	if got := peakMemory(t); got > most {
		t.Errorf("the most memory was %d MiB, want at most %d MiB", got>>20, most>>20)
	}
}

// peakMemory gives the most bytes that the process ever had in memory.
func peakMemory(t *testing.T) (bytes int64) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("only Linux tells the memory of a process")
	}
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &bytes); err == nil {
			return bytes << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

package pvesim

import (
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"
)

func large(b *testing.B) *Sim {
	b.Helper()
	s, err := New(Options{Seed: 1, Nodes: 100, Containers: 10_000})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Start("127.0.0.1:0"); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	return s
}

// cpu is the processor time of this process.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkResources10000 is one GET /cluster/resources of 10,000 containers on 100 nodes, over HTTPS, read to its end.
func BenchmarkResources10000(b *testing.B) {
	for _, encoding := range []string{"identity", "gzip"} {
		b.Run(encoding, func(b *testing.B) {
			u := as(large(b), "")
			b.Cleanup(u.client.CloseIdleConnections)
			req, err := http.NewRequest("GET", u.sim.URL()+"/api2/json/cluster/resources", nil)
			if err != nil {
				b.Fatal(err)
			}
			req.Header.Set("Authorization", "PVEAPIToken="+u.sim.Token())
			req.Header.Set("Accept-Encoding", encoding)
			before := cpu(b)
			for b.Loop() {
				resp, err := u.client.Do(req)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, resp.Body)
				if err != nil || resp.StatusCode != 200 {
					b.Fatal(resp.Status, err)
				}
				resp.Body.Close()
				b.ReportMetric(float64(n), "bytes/answer")
			}
			b.ReportMetric(float64((cpu(b)-before)/time.Duration(b.N))/1e6, "cpu-ms/op")
		})
	}
}

// BenchmarkResources10000AsToken is the same for a token that may only watch, right after its rights have changed.
func BenchmarkResources10000AsToken(b *testing.B) {
	s := large(b)
	w := &s.world
	w.users["w@pve"] = &user{id: "w@pve", tokens: map[string]*token{"t1": {secret: "x", privsep: true}}}
	for _, g := range []grant{{"/", "user", "w@pve", "PVEAuditor", true}, {"/", "token", "w@pve!t1", "PVEAuditor", true}, {"/vms/101", "user", "w@pve", "PVEVMUser", true}} {
		w.acl[g.path] = append(w.acl[g.path], g)
	}
	c := &call{sim: s, user: caller{"w@pve", "t1"}, params: params{}, now: time.Now()}
	for b.Loop() {
		w.aclChanged()
		if _, err := clusterResources(c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBuild10000 is the time New takes.
func BenchmarkBuild10000(b *testing.B) {
	for b.Loop() {
		s, err := New(Options{Seed: 1, Nodes: 100, Containers: 10_000})
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

// BenchmarkIdle10000 reports the share of a core that an idle cluster of 10,000 containers takes.
func BenchmarkIdle10000(b *testing.B) {
	large(b)
	before, span := cpu(b), 2*time.Second
	for b.Loop() {
		<-time.After(span)
	}
	b.ReportMetric(100*float64(cpu(b)-before)/float64(time.Duration(b.N)*span), "%core")
}

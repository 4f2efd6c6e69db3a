package berth

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

func manyContainers(n int) []*Container {
	containers := make([]*Container, n)
	for i := range containers {
		c := webContainer()
		c.VMID, c.Hostname = 100+i, fmt.Sprintf("shop-%d-web", i)
		c.Node, c.Cluster = fmt.Sprintf("pve%d", i%20), fmt.Sprintf("site%d", i%4)
		c.Addresses = []Address{{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 16)}, c.Addresses[1]}
		containers[i] = c
	}
	return containers
}

var benchmarkQueries = map[string]string{
	"five terms that all match":  "web status:running node:pve* mem>10% -tag:test",
	"five terms, last one fails": "shop status:running ip:10.0.0.0/16 cpu>0.5 created<1h",
	"five words not there":       "-nowhere -never -nobody -nothing -none",
	"five numbers as words":      "-99999 -88888 -77777 -66666 -55555",
	"a list of 150 words":        "-" + numbers(150),
	"a list of 150 names":        "-name:" + numbers(150),
	"a list of 150 addresses":    "-ip:" + strings.ReplaceAll(numbers(150), "99", "9."),
	"50 words with asterisks":    strings.Repeat("-*q*z*z ", 49),
}

func numbers(n int) string {
	var list []string
	for i := range n {
		list = append(list, strconv.Itoa(99000+i))
	}
	return strings.Join(list, ",")
}

func BenchmarkQuery10000(b *testing.B) {
	containers := manyContainers(10_000)
	for name, text := range benchmarkQueries {
		b.Run(name, func(b *testing.B) {
			q, err := ParseQuery(text)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				for _, c := range containers {
					q.Matches(c, queryNow)
				}
			}
		})
	}
}

func BenchmarkParseQuery(b *testing.B) {
	const text = `web status:running node:pve1,pve2 -tag:test cluster:home template:gitea service:nginx ip:10.0.3.0/24 mem>80% cpu>0.5 uptime<1h vmid:100-199 is:locked`
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseQuery(text); err != nil {
			b.Fatal(err)
		}
	}
}

func TestMatchingAllocatesNothing(t *testing.T) {
	c := manyContainers(1)[0]
	c.Services = []Service{{Name: "nginx"}}
	c.Cluster = strings.ToLower(c.Cluster)
	q, err := ParseQuery(`shop 10.0. 100 status:running node:pve* ip:10.0. ip:10.0.0.0/8 ip:fd00::* mem>10% cpu:1 -tag:test service:ngi name:*web created>1h vmid:100-200 is:tracked`)
	if err != nil {
		t.Fatal(err)
	}
	if !q.Matches(c, queryNow) {
		t.Fatal("the query does not match, so this test shows nothing")
	}
	now := queryNow.Add(time.Second)
	if got := testing.AllocsPerRun(100, func() { q.Matches(c, now) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

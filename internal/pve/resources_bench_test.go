package pve

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// clusterOf writes an answer of /cluster/resources as a large cluster gives it.
func clusterOf(containers int) []byte {
	var b strings.Builder
	b.WriteString(`{"data":[`)
	for node := range 40 {
		fmt.Fprintf(&b, `{"status":"online","type":"node","id":"node/pve%d","node":"pve%d","level":"","cgroup-mode":2,"cpu":0.12345,"maxcpu":64,`+
			`"mem":123456789012,"maxmem":270553174016,"disk":20285272064,"maxdisk":270553174016,"uptime":1234567},`, node, node)
	}
	for i := range containers {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"netin":%d,"diskread":%d,"name":"web%d.example.org","vmid":%d,"memhost":0,"node":"pve%d","status":"running","type":"lxc",`+
			`"maxmem":1073741824,"diskwrite":%d,"pool":"customer%d","maxdisk":8589934592,"id":"lxc/%d","netout":%d,"mem":%d,"uptime":%d,`+
			`"cpu":0.0%d,"tags":"prod;web;customer%d","template":0,"disk":1073741824,"maxcpu":2}`,
			i*7919, i*4096, i, i+100, i%40, i*8192, i%100, i+100, i*104729, 200000000+i*1000, 86400+i, i%90000+1, i%100)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

func BenchmarkDecodeResources10000(b *testing.B) {
	body := clusterOf(10000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := DecodeResources(body)
		if err != nil || len(r.Containers) != 10000 || len(r.Nodes) != 40 {
			b.Fatal(err, len(r.Containers), len(r.Nodes))
		}
	}
}

// leanRow has the fields of the client, and nothing else.
type leanRow struct {
	Type      string  `json:"type"`
	VMID      int     `json:"vmid"`
	Node      string  `json:"node"`
	Name      string  `json:"name"`
	Status    string  `json:"status"`
	Lock      string  `json:"lock"`
	Tags      string  `json:"tags"`
	Pool      string  `json:"pool"`
	HAState   string  `json:"hastate"`
	Template  int     `json:"template"`
	Uptime    int64   `json:"uptime"`
	CPU       float64 `json:"cpu"`
	MaxCPU    float64 `json:"maxcpu"`
	Mem       int64   `json:"mem"`
	MaxMem    int64   `json:"maxmem"`
	Disk      int64   `json:"disk"`
	MaxDisk   int64   `json:"maxdisk"`
	NetIn     int64   `json:"netin"`
	NetOut    int64   `json:"netout"`
	DiskRead  int64   `json:"diskread"`
	DiskWrite int64   `json:"diskwrite"`
}

// BenchmarkEncodingJSON10000 is the yardstick: encoding/json into the leanest struct with the same fields.
func BenchmarkEncodingJSON10000(b *testing.B) {
	body := clusterOf(10000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var answer struct {
			Data []leanRow `json:"data"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			b.Fatal(err)
		}
	}
}

// compressed starts a server that answers with 10,000 rows, compressed as by the real one.
func compressed(b *testing.B) *httptest.Server {
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	z.Write(clusterOf(10000))
	z.Close()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(body.Bytes())
	}))
	b.Cleanup(s.Close)
	return s
}

// BenchmarkResourcesOverHTTPS10000 is a whole call.
func BenchmarkResourcesOverHTTPS10000(b *testing.B) {
	server := compressed(b)
	client, err := New(Config{Endpoints: []string{server.URL}, Token: testToken, Fingerprint: fingerprintText(server)})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for b.Loop() {
		if r, err := client.Resources(b.Context()); err != nil || len(r.Containers) != 10000 {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncodingJSONOverHTTPS10000 is the yardstick: net/http and encoding/json.
func BenchmarkEncodingJSONOverHTTPS10000(b *testing.B) {
	server := compressed(b)
	for b.Loop() {
		response, err := server.Client().Get(server.URL)
		if err != nil {
			b.Fatal(err)
		}
		var answer struct {
			Data []leanRow `json:"data"`
		}
		err = json.NewDecoder(response.Body).Decode(&answer)
		response.Body.Close()
		if err != nil || len(answer.Data) != 10040 {
			b.Fatal(err, len(answer.Data))
		}
	}
}

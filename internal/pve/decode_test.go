package pve

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestScalarsAreReadWhateverTheirType(t *testing.T) {
	t.Parallel()
	type row struct {
		Int      int            `pve:"int"`
		Float    float64        `pve:"float"`
		Bool     bool           `pve:"bool"`
		Text     string         `pve:"text"`
		Pointer  *int           `pve:"pointer"`
		Time     time.Time      `pve:"time"`
		Span     time.Duration  `pve:"span"`
		List     []string       `pve:"list"`
		Address  netip.Addr     `pve:"address"`
		Family   map[int]string `pve:"net*"`
		Unsigned map[string]int `pve:"map"`
		Odd      []string       `pve:",odd"`
	}
	seven := 7
	tests := map[string]struct {
		in   string
		want row
	}{
		"numbers":                  {`{"int":7,"float":0.5,"bool":1,"text":12345,"pointer":7,"time":1,"span":2}`, row{Int: 7, Float: .5, Bool: true, Text: "12345", Pointer: &seven, Time: time.Unix(1, 0).UTC(), Span: 2 * time.Second}},
		"numbers as strings":       {`{"int":"7","float":"0.50","bool":"1","pointer":"7","time":"1","span":"2.5"}`, row{Int: 7, Float: .5, Bool: true, Pointer: &seven, Time: time.Unix(1, 0).UTC(), Span: 2500 * time.Millisecond}},
		"null is zero":             {`{"int":null,"float":null,"bool":null,"text":null,"pointer":null,"time":null,"list":null,"map":null}`, row{}},
		"empty text is zero":       {`{"int":"","float":"","bool":"","pointer":"","time":""}`, row{Pointer: new(int)}},
		"true and false":           {`{"bool":true,"int":true,"float":false}`, row{Bool: true, Int: 1}},
		"words of property lists":  {`{"bool":"on"}`, row{Bool: true}},
		"exponent and fraction":    {`{"int":1e3,"float":1E-2,"pointer":7.9}`, row{Int: 1000, Float: .01, Pointer: &seven}},
		"negative":                 {`{"int":-7,"float":-1.217}`, row{Int: -7, Float: -1.217}},
		"time with a fraction":     {`{"time":1.5}`, row{Time: time.Unix(1, 5e8).UTC()}},
		"lists":                    {`{"list":["a","b"],"address":"192.0.2.1"}`, row{List: []string{"a", "b"}, Address: netip.MustParseAddr("192.0.2.1")}},
		"list as text":             {`{"list":"a;b, c"}`, row{List: []string{"a", "b", "c"}}},
		"families":                 {`{"net0":"x","net31":1,"net01":"no","netX":"no","net":"no"}`, row{Family: map[int]string{0: "x", 31: "1"}}},
		"unknown keys":             {`{"new":{"a":[1,{"b":"}"}]},"int":7}`, row{Int: 7}},
		"escapes":                  {`{"text":"a\"b\\cä\n😀","\u0069nt":7}`, row{Text: "a\"b\\cä\n😀", Int: 7}},
		"empty hash as a list":     {`{"map":[]}`, row{}},
		"values of the wrong type": {`{"int":"x","float":"0x1","bool":{},"text":[1],"pointer":[],"time":-5,"span":"NaN","list":{},"address":"x","net0":{},"map":{"a":"b"}}`, row{Odd: strings.Fields("int float bool text pointer time span list address net0 map.a")}},
		"numbers out of range":     {`{"int":1e300,"pointer":99999999999999999999,"time":1e18,"span":1e18}`, row{Odd: strings.Fields("int pointer time span")}},
		"not an object":            {`[1,2]`, row{Odd: []string{""}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got row
			if err := decode([]byte(test.in), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("decoding %s (-want +got):\n%s", test.in, diff)
			}
		})
	}
}

// TestAnswersOfOlderVersionsAreRead has what clients of Proxmox VE 6 to 8 stumbled over.
func TestAnswersOfOlderVersionsAreRead(t *testing.T) {
	t.Parallel()
	client := newClient(t, newServer(t, func(*http.Request) (string, string) {
		return "200 OK", `{"data":[{"vmid":"101","status":"running","name":"web1","template":"","lock":"","pid":"1234","uptime":"246","cpus":"0.5",
			"cpu":"0.0123","mem":1e+08,"maxmem":"134217728","disk":"0","netin":290.5,"pressurecpusome":null,"type":"lxc"},
			{"vmid":102,"status":"stopped","name":"db1","cpus":0.5,"cpu":-1.217,"mem":{"oops":1}}]}`
	}))
	got, err := client.Containers(t.Context(), "pve1")
	want := []ContainerStatus{
		{VMID: 101, Status: "running", Name: "web1", PID: 1234, Uptime: 246 * time.Second, CPUs: .5, CPU: .0123, MemoryBytes: 1e8, MaxMemoryBytes: 128 << 20, NetInBytes: 290},
		{VMID: 102, Status: "stopped", Name: "db1", CPUs: .5, Odd: []string{"mem"}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestConfigurationsAreRead(t *testing.T) {
	t.Parallel()
	var c ContainerConfig
	err := decode([]byte(`{"env":"PATH=/bin\u0000HOME=/root","net10":"name=eth1","mp0":"tank:1,mp=/data","unused3":"tank:x","dev0":"/dev/ttyUSB0,mode=0660",
		"lxc":[["lxc.apparmor.profile","unconfined"]],"features":"nesting=1,mount=nfs;cifs","startup":"order=2,up=30","swap":0,"new-key":7,"cpulimit":"0.5"}`), &c)
	if err != nil {
		t.Fatal(err)
	}
	if env := c.Environment(); len(env) != 2 || env[1] != "HOME=/root" || (ContainerConfig{}).Environment() != nil {
		t.Errorf("got environment %q", env)
	}
	if c.Networks[10].Name != "eth1" || c.Mounts[0].Path != "/data" || c.Unused[3] != "tank:x" || c.Devices[0].Path != "/dev/ttyUSB0" || c.Devices[0].Mode != "0660" {
		t.Errorf("got families %v %v %v %v", c.Networks, c.Mounts, c.Unused, c.Devices)
	}
	if c.RawLines[0][1] != "unconfined" || !c.Features.Nesting || c.Features.Mount[1] != "cifs" || *c.Startup.Order != 2 || *c.Startup.UpSeconds != 30 || *c.SwapMiB != 0 || c.CPULimit != .5 {
		t.Errorf("got %+v", c)
	}
	if len(c.Unknown) != 1 || c.Unknown["new-key"] != "7" || c.Odd != nil {
		t.Errorf("got unknown keys %v and odd values %v, want new-key and none", c.Unknown, c.Odd)
	}
}

func TestAddressesOfOlderVersionsAreTheTwoThatTheyTell(t *testing.T) {
	t.Parallel()
	var i Interface
	if err := decode([]byte(`{"name":"eth0","hwaddr":"bc:24:11:00:00:01","inet":"10.99.0.12/24","inet6":"fe80::1/64"}`), &i); err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.99.0.12/24"), netip.MustParsePrefix("fe80::1/64")}
	if got := i.Addresses(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestPlainValuesAreReadLikeEncodingJSON compares with the standard library where that accepts a value.
func TestPlainValuesAreReadLikeEncodingJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type row struct {
			I int64               `json:"i" pve:"i"`
			F float64             `json:"f" pve:"f"`
			S string              `json:"s" pve:"s"`
			B bool                `json:"b" pve:"b"`
			L []string            `json:"l" pve:"l"`
			N *int                `json:"n" pve:"n"`
			M map[string][]string `json:"m" pve:"m"`
		}
		want := row{
			I: rapid.Int64().Draw(t, "i"),
			F: rapid.Float64().Draw(t, "f"),
			S: rapid.String().Draw(t, "s"),
			B: rapid.Bool().Draw(t, "b"),
			L: rapid.SliceOfN(rapid.String(), 1, 4).Draw(t, "l"),
			N: rapid.Ptr(rapid.Int(), true).Draw(t, "n"),
			M: rapid.MapOfN(rapid.String(), rapid.SliceOfN(rapid.String(), 1, 2), 1, 3).Draw(t, "m"),
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got row
		if err := decode(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var plain row
		if err := json.Unmarshal(text, &plain); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain, got); diff != "" {
			t.Fatalf("%s (-encoding/json +decode):\n%s", text, diff)
		}
	})
}

// FuzzDecode looks for text that the reader of JSON trips over, and compares strings with encoding/json.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a":"x","b":[{"c":"\ud83d"}, 1.5e3 ,null],"net0":"name=eth0","d":{"e":{}}}`))
	f.Add([]byte(" [ ] "))
	f.Add([]byte(`{"a":{},"a":"\"\\","":[[["]"]]]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got struct {
			A    string                     `pve:"a"`
			B    []ContainerConfig          `pve:"b"`
			Rest map[string]json.RawMessage `pve:",rest"`
			Odd  []string                   `pve:",odd"`
		}
		err := decode(text, &got)
		if valid := json.Valid(text); valid != (err == nil) {
			t.Fatalf("got %v for %q, encoding/json says valid=%v", err, text, valid)
		}
		var plain map[string]json.RawMessage
		if err != nil || json.Unmarshal(text, &plain) != nil {
			return
		}
		for key, value := range got.Rest {
			if string(plain[key]) != string(value) {
				t.Fatalf("%q: got %q for key %q, want %q", text, value, key, plain[key])
			}
		}
	})
}

func FuzzDecodeResources(f *testing.F) {
	f.Add(clusterOf(2))
	f.Add([]byte(`{"data":[{"type":"lxc","id":"lxc/101","vmid":{}},7,null]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := DecodeResources(body)
		if err != nil && len(r.Containers)+len(r.Nodes) > 0 {
			t.Fatalf("got rows beside the error %v", err)
		}
	})
}

func FuzzTaskLog(f *testing.F) {
	f.Add([]byte(`{"total":1,"data":[{"n":1,"t":"TASK OK"}]}`))
	f.Add([]byte(`{"data":[{"n":1,"t":"no content"}]}`))
	f.Add([]byte(`{"data":[{"n":1,"t":"unable to open file - x"}],"total":"1"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, client := newTape(t)
		p.recording = recording{Status: 200, Reason: "OK", Body: string(body)}
		lines, err := client.TaskLog(t.Context(), "UPID:pve1:00002C8B:0002765F:6B03A7B9:vzstart:101:root@pam:", 0, 0)
		if err == nil && len(lines) == 1 && (lines[0].Text == noContent || strings.HasPrefix(lines[0].Text, unreadable)) {
			t.Fatalf("got the placeholder %+v as a line", lines)
		}
	})
}

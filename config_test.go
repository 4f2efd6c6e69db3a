package berth

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChangeToBringsBackWhatCanBe(t *testing.T) {
	t.Parallel()
	now := ConfigVersion{Values: map[string]string{"memory": "1024", "cores": "2", "rootfs": "a:1", "onboot": "1", "mp0": "b:1"}}
	older := ConfigVersion{Values: map[string]string{"memory": "512", "cores": "2", "rootfs": "a:2", "tags": "x"}}
	change, left := now.ChangeTo(older)
	want := ConfigChange{Set: map[string]string{"memory": "512", "tags": "x"}, Unset: []string{"onboot"}}
	if diff := cmp.Diff(want, change); diff != "" {
		t.Errorf("change -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"mp0", "rootfs"}, left); diff != "" {
		t.Errorf("left -want +got:\n%s", diff)
	}
}

func TestEffectsAreKnownBeforeAChange(t *testing.T) {
	t.Parallel()
	config := map[string]string{"unprivileged": "1", "features": "nesting=1"}
	for _, test := range []struct {
		key, value string
		restart    bool
		rootOnly   bool
	}{
		{"memory", "1024", false, false}, {"net0", "name=eth0", false, false}, {"nameserver", "10.0.0.1", true, false},
		{"features", "", true, false}, {"features", "nesting=1,fuse=1", true, true}, {"hookscript", "local:x", true, true},
		{"dev0", "/dev/kvm", true, true}, {"mp3", "/srv,mp=/srv", false, true}, {"mp3", "local-lvm:4,mp=/srv", false, false},
	} {
		got := EffectOf(test.key, test.value, config)
		if got.Restart != test.restart || (got.RootOnly != "") != test.rootOnly {
			t.Errorf("%s to %q: %+v, want restart %v, root only %v", test.key, test.value, got, test.restart, test.rootOnly)
		}
	}
	if EffectOf("features", "nesting=1", map[string]string{}).RootOnly == "" {
		t.Error("the features of a privileged container can be changed by a token")
	}
}

func TestValuesThatCannotBeAreRefusedPerKey(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]string{"cores": "1.5", "cpulimit": "-1", "cpuunits": "much", "memory": "8", "swap": "512 MiB", "onboot": "yes", "hostname": "-web"} {
		err := ConfigChange{Set: map[string]string{key: value}}.Validate()
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != Invalid || e.Fields[key] == "" {
			t.Errorf("%s: %q gives %v, want Invalid with a message for it", key, value, err)
		}
	}
	good := ConfigChange{Set: map[string]string{"cores": "2", "cpulimit": "1.5", "memory": "1024", "swap": "0", "onboot": "0", "hostname": "web1.example"}, Unset: []string{"cpuunits", "tags"}}
	if err := good.Validate(); err != nil {
		t.Errorf("what is right is refused: %v", err)
	}
}

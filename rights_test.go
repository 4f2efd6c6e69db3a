package berth

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// rightsOf gives the rights at paths, each passed down.
func rightsOf(paths map[string]string) Rights {
	r := Rights{}
	for at, privileges := range paths {
		r[at] = map[string]bool{}
		for p := range strings.SplitSeq(privileges, ",") {
			r[at][p] = true
		}
	}
	return r
}

func roleText(name string) string {
	for _, r := range proposedRoles {
		if r.name == name {
			return r.privileges
		}
	}
	panic(name)
}

func TestRightsOfADeeperPathReplaceThoseFromAbove(t *testing.T) {
	t.Parallel()
	r := Rights{"/": {"VM.Audit": true, "Sys.Audit": false}, "/vms/101": {"VM.PowerMgmt": true}, "/pool": {"Pool.Audit": true}}
	for _, test := range []struct {
		at, privilege string
		want          bool
	}{
		{"/", "Sys.Audit", true}, {"/nodes/pve1", "Sys.Audit", false}, {"/vms/100", "VM.Audit", true},
		{"/vms/101", "VM.Audit", false}, {"/vms/101", "VM.PowerMgmt", true}, {"/pool/web", "Pool.Audit", true}, {"/storage/x", "Datastore.Audit", false},
	} {
		if got := r.Has(test.at, test.privilege); got != test.want {
			t.Errorf("%s at %s is %t", test.privilege, test.at, got)
		}
	}
}

var twoStorages = []Storage{{Name: "local", Content: []string{"backup", "vztmpl"}}, {Name: "tank", Content: []string{"rootdir"}}}

func finding(t *testing.T, all []Finding, feature string) Finding {
	t.Helper()
	i := slices.IndexFunc(all, func(f Finding) bool { return f.Feature == feature })
	if i < 0 {
		t.Fatalf("nothing is said of %q", feature)
	}
	return all[i]
}

// Whatever Berth proposes to grant for a purpose must be enough for the features of that purpose in the doctor's eyes.
func TestProposedGrantsAreEnoughForTheirPurpose(t *testing.T) {
	t.Parallel()
	works := map[Purpose]string{PurposeWatch: "See containers", PurposeOperate: "Back up, and see backups", PurposeCreate: "Create containers"}
	for purpose, feature := range works {
		g := Grants{Purpose: purpose, Backups: []string{"local"}, Disks: []string{"tank"}}
		paths := map[string]string{}
		for _, p := range g.places() {
			paths[p.path] = roleText(p.role)
		}
		if got := finding(t, Diagnose(Cluster{TokenID: "berth@pve!berth"}, rightsOf(paths), twoStorages), feature); got.State != FeatureWorks {
			t.Errorf("%s: %q is %+v", purpose, feature, got)
		}
	}
}

func TestDoctorSaysWhatIsMissingAndHowToGrantIt(t *testing.T) {
	t.Parallel()
	watching := rightsOf(map[string]string{"/": roleText("BerthWatch")})
	all := Diagnose(Cluster{TokenID: "berth@pve!panel"}, watching, twoStorages)
	got := finding(t, all, "Start, shut down, stop, reboot")
	if got.State != FeatureMissing || !slices.Equal(got.Missing, []string{"VM.PowerMgmt on /vms"}) ||
		!slices.Contains(got.Commands, "pveum acl modify /vms --tokens 'berth@pve!panel' --roles BerthOperate") {
		t.Errorf("got %+v", got)
	}
	if got := finding(t, all, "See storages"); got.State != FeatureWorks {
		t.Errorf("got %+v", got)
	}
	if got := finding(t, all, "Hook scripts"); got.State != FeatureRootOnly {
		t.Errorf("got %+v", got)
	}
	some := rightsOf(map[string]string{"/": roleText("BerthWatch"), "/vms/101": roleText("BerthOperate")})
	if got := finding(t, Diagnose(Cluster{}, some, twoStorages), "Console"); got.State != FeaturePartly || got.Where != "/vms/101" {
		t.Errorf("got %+v", got)
	}
}

func TestGrantsThatAShellWouldMisreadAreRefused(t *testing.T) {
	t.Parallel()
	for field, g := range map[string]Grants{
		"user": {Purpose: PurposeWatch, User: "a b@pve"}, "token": {Purpose: PurposeWatch, Token: "x'; reboot #"}, "backups": {Purpose: PurposeOperate, Backups: []string{"$(id)"}},
		"bridges": {Purpose: PurposeCreate, Bridges: []string{"vmbr0;id"}}, "pool": {Purpose: PurposeCreate, Pool: "-x"}, "purpose": {Purpose: "root"},
	} {
		err := g.Validate()
		if CodeOf(err) != Invalid || fieldsOf(err)[field] == "" {
			t.Errorf("%s: got %v", field, err)
		}
	}
	good := Grants{Purpose: PurposeCreate, Backups: []string{"local"}, Disks: []string{"local", "tank"}, Bridges: []string{"vmbr0"}, Pool: "web"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, line := range good.Commands() {
		if !strings.HasPrefix(line, "pveum ") {
			t.Errorf("%q is no command of pveum", line)
		}
	}
}

func fieldsOf(err error) map[string]string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Fields
	}
	return nil
}

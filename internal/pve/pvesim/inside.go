package pvesim

import "berth/internal/pve/pvesim/shell"

// inside is what runs in a container; it is made when it is first looked at. The world is locked.
func (s *Sim) inside(ct *container) *shell.Box {
	if ct.box == nil {
		ct.box = shell.New(s.boxSpec(ct))
	}
	c := &call{sim: s, now: s.now()}
	var addrs []string
	for _, n := range ct.nics() {
		addrs = append(addrs, c.addresses(ct, n)...)
	}
	ct.box.SetAddrs(addrs)
	return ct.box
}

func (s *Sim) boxSpec(ct *container) shell.Spec {
	spec := shell.Spec{Hostname: ct.name(), OS: ct.conf["ostype"], Memory: ct.shape.memory, Disk: ct.shape.disk, Cores: int(ct.shape.cores),
		Password: ct.rootPassword, Keys: ct.rootKeys, Now: s.now, Made: s.moment(ct.made)}
	if ct.running {
		spec.Booted = s.moment(ct.started)
	}
	for _, sv := range ct.services {
		spec.Services = append(spec.Services, shell.Service{Name: sv.name, Port: sv.port, Running: ct.running, Enabled: true})
	}
	return spec
}

func rebooted(b *shell.Box) {
	if b != nil {
		b.Rebooted()
	}
}

func copied(b *shell.Box) *shell.Box {
	if b == nil {
		return nil
	}
	return b.Copy()
}

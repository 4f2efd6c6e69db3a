package fleet

import (
	"errors"
	"fmt"

	"berth"
	"berth/internal/pve"
)

var pveImages = pve.ContentQuery{Content: "vztmpl"}

func fieldsIn(err error) map[string]string {
	if e, ok := errors.AsType[*berth.Error](err); ok {
		return e.Fields
	}
	return nil
}

// outsideRequest is the request for the same container as somebody else sends it.
func outsideRequest(spec *berth.CreateSpec) pve.CreateRequest {
	settings := settingsOf(spec)
	settings.RootFS = &pve.Mount{Volume: fmt.Sprintf("%s:%d", spec.DiskStorage, spec.DiskGiB)}
	return pve.CreateRequest{VMID: spec.VMID, OSImage: spec.Image, Settings: settings, Unprivileged: &spec.Unprivileged, Password: spec.Password}
}

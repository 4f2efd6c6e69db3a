package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// badOrders are dialogs on a container that nobody should fill in so. None of them makes a job, and none tells of what is hidden.
func (b *battlefield) badOrders() (all []hostile) {
	inside, _ := b.sides()
	own, hidden := "/containers/home:"+strconv.Itoa(inside[0].VMID)+"/orders/", "/containers/home:"+strconv.Itoa(b.hidden.VMID)+"/orders/"
	taken := url.QueryEscape(fmt.Sprintf("local:backup/vzdump-lxc-%d-2026_01_01-00_00_00.tar.zst", b.hidden.VMID))
	const snapshot = "snapshot=clean&" // of a running container only a snapshot can be cloned
	for _, bad := range []struct {
		order, form string
		want        int
	}{
		{"clone", snapshot + "vmid=x", 422}, {"clone", snapshot + "vmid=-1", 422}, {"clone", snapshot + "vmid=99999999999999999999", 422}, {"clone", snapshot + "hostname=%3Cscript%3Ealert(1)", 422},
		{"clone", snapshot + "hostname=a%0Ab", 422}, {"clone", snapshot + "storage=..%2Flocal", 422}, {"clone", snapshot + "storage=local", 422}, {"clone", snapshot + "node=pve2", 403},
		{"clone", snapshot + "node=%3Cscript%3Ealert(1)", 403}, {"clone", snapshot + "vmid=" + strconv.Itoa(b.hidden.VMID), 422}, {"clone", "", 409},
		{"migrate", "node=pve2&mode=restart", 403}, {"migrate", "node=&mode=restart", 422}, {"migrate", "node=pve1&mode=restart", 409}, {"migrate", "node=pve2&mode=online", 409},
		{"resize", "name=rootfs", 422}, {"resize", "name=rootfs&gib=1e3", 422}, {"resize", "name=rootfs&gib=-5", 422}, {"resize", "name=rootfs&gib=999999999", 422}, {"resize", "name=..%2Frootfs&gib=99", 422}, {"resize", "name=unused0&gib=99", 422},
		{"move-volume", "name=rootfs&storage=", 422}, {"move-volume", "name=rootfs&storage=a%2Cb", 422}, {"move-volume", "name=rootfs&storage=nas", 409}, {"template", "", 409},
		{"snapshot", "name=current", 422}, {"snapshot", "name=" + strings.Repeat("a", 41), 422}, {"snapshot", "name=a%2F..%2Fb", 422}, {"rollback", "name=", 422}, {"snapshot-delete", "name=..", 422},
		{"backup", "storage=local&mode=shell&compress=zstd", 422}, {"backup", "storage=local-lvm&mode=stop&compress=zstd", 422}, {"backup", "storage=&mode=stop&compress=zstd", 422},
		{"backup-delete", "volume=%2Fetc%2Fpasswd", 422}, {"restore", "volume=local%3Avztmpl%2Fx&stop-first=1", 422},
		{"restore-new", "volume=" + taken + "&node=pve1&storage=local-lvm", 403}, {"restore-new", "volume=x&node=pve1&storage=local-lvm", 422}, {"restore-new", "volume=" + taken + "&node=nowhere&storage=local-lvm", 403},
		{"nonsense", "", 404}, {"config", "", 404}, {"%3Cscript%3E", "", 404},
	} {
		all = append(all, hostile{"order", b.eve, http.MethodPost, own + bad.order, nil, bad.form, []int{bad.want}})
	}
	for name := range orders {
		all = append(all, hostile{"order on a hidden container", b.eve, http.MethodGet, hidden + name, nil, "", []int{404}},
			hostile{"order on a hidden container", b.eve, http.MethodPost, hidden + name, nil, "name=clean", []int{404}},
			hostile{"dialog with anything in it", b.eve, http.MethodGet, own + name + "?again=1&name=%3Cscript%3Ealert&node=%22%3E%3Cscript%3Ealert&storage=x&vmid=x&volume=%3Cscript%3Ealert", nil, "", []int{200}})
	}
	return append(all, hostile{"snapshot that is none", b.eve, http.MethodGet, strings.TrimSuffix(own, "orders/") + "snapshots/difference?name=..%2F..%2Fconfig&to=%3Cscript%3Ealert", nil, "", []int{503}},
		hostile{"version of another container", b.eve, http.MethodGet, strings.TrimSuffix(own, "orders/") + "config/restore?version=%27+OR+1=1", nil, "", []int{422}})
}

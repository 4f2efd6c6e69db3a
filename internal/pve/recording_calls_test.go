package pve

import (
	"net/url"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// replayedCall is a call of the client that recordings are played to.
type replayedCall struct {
	pattern    string
	run        func(t *testing.T, c *Client, a []string, p url.Values) (any, error)
	unrecorded bool // by the recorded server, which could not do it
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1 // recordings of bad VMIDs
	}
	return n
}

func nothing(err error) (any, error) { return nil, err }

func some[T any](v T, err error) (any, error) { return v, err }

var replayedCalls = []replayedCall{
	{pattern: "GET /version", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Version(t.Context()))
	}},
	{pattern: "GET /nodes", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Nodes(t.Context()))
	}},
	{pattern: "GET /cluster/resources", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		if p.Has("type") { // which the client does not offer
			r := get("/cluster/resources").with(p)
			a, err := c.do(t.Context(), r)
			if err != nil {
				return nil, err
			}
			return some(DecodeResources(a.body))
		}
		direct, body, err := c.ResourcesRaw(t.Context())
		if err != nil {
			return nil, err
		}
		later, err := DecodeResources(body)
		if diff := cmp.Diff(direct, later); diff != "" {
			t.Errorf("resources read from the stored body differ:\n%s", diff)
		}
		return later, err
	}},
	{pattern: "GET /cluster/tasks", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.ClusterTasks(t.Context()))
	}},
	{pattern: "GET /cluster/nextid", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		if p.Has("vmid") {
			return some(fetch[int](t.Context(), c, get("/cluster/nextid").with(p)))
		}
		return some(c.NextID(t.Context()))
	}},
	{pattern: "GET /cluster/log", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.ClusterLog(t.Context(), max(0, number(p.Get("max")))))
	}},
	{pattern: "GET /cluster/options", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.ClusterOptions(t.Context()))
	}},
	{pattern: "GET /cluster/backup", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.BackupJobs(t.Context()))
	}},
	{pattern: "GET /cluster/backup-info/not-backed-up", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.NotBackedUp(t.Context()))
	}},
	{pattern: "GET /access/permissions", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		if p.Has("path") {
			return some(c.PermissionsAt(t.Context(), p.Get("path")))
		}
		return some(fetch[Permissions](t.Context(), c, get("/access/permissions").with(p)))
	}},
	{pattern: "GET /access/domains", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Realms(t.Context()))
	}},
	{pattern: "GET /access/users", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		if !p.Has("full") {
			return some(fetch[[]User](t.Context(), c, get("/access/users")))
		}
		return some(c.Users(t.Context()))
	}},
	{pattern: "GET /access/users/{}/token", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Tokens(t.Context(), a[0]))
	}},
	{pattern: "POST /access/users/{}/token/{}", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		_, err := c.CreateToken(t.Context(), a[0], a[1], fromForm[TokenRequest](t, p))
		return nothing(err)
	}},
	{pattern: "DELETE /access/users/{}/token/{}", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return nothing(c.DeleteToken(t.Context(), a[0], a[1]))
	}},
	{pattern: "GET /nodes/{}/lxc", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Containers(t.Context(), a[0]))
	}},
	{pattern: "POST /nodes/{}/lxc", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		if p.Has("restore") {
			return some(c.Restore(t.Context(), a[0], fromForm[RestoreRequest](t, p)))
		}
		return some(c.start(t.Context(), post("/nodes/{node}/lxc", a[0]).with(typed[CreateRequest](t, p))))
	}},
	{pattern: "DELETE /nodes/{}/lxc/{}", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Delete(t.Context(), a[0], number(a[1]), fromForm[DeleteOptions](t, p)))
	}},
	{pattern: "GET /nodes/{}/lxc/{}/status/current", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.ContainerStatus(t.Context(), a[0], number(a[1])))
	}},
	{pattern: "GET /nodes/{}/lxc/{}/config", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.ContainerConfig(t.Context(), a[0], number(a[1]), fromForm[ConfigQuery](t, p)))
	}},
	{pattern: "PUT /nodes/{}/lxc/{}/config", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return nothing(c.run(t.Context(), put("/nodes/{node}/lxc/{vmid}/config", a[0], a[1]).with(typed[ConfigChange](t, p))))
	}},
	{pattern: "GET /nodes/{}/lxc/{}/pending", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.PendingConfig(t.Context(), a[0], number(a[1])))
	}},
	{pattern: "GET /nodes/{}/lxc/{}/interfaces", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Interfaces(t.Context(), a[0], number(a[1])))
	}},
	{pattern: "GET /nodes/{}/lxc/{}/rrddata", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.ContainerHistory(t.Context(), a[0], number(a[1]), fromForm[HistoryQuery](t, p)))
	}},
	{pattern: "GET /nodes/{}/rrddata", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.NodeHistory(t.Context(), a[0], fromForm[HistoryQuery](t, p)))
	}},
	{pattern: "GET /nodes/{}/lxc/{}/feature", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		_, err := c.HasFeature(t.Context(), a[0], number(a[1]), p.Get("feature"))
		return nothing(err)
	}},
	{pattern: "POST /nodes/{}/lxc/{}/status/start", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		if p.Has("skiplock") { // which the client does not offer
			return some(c.start(t.Context(), post("/nodes/{node}/lxc/{vmid}/status/start", a[0], a[1]).with(p)))
		}
		return some(c.Start(t.Context(), a[0], number(a[1])))
	}},
	{pattern: "POST /nodes/{}/lxc/{}/status/stop", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		if p.Has("skiplock") {
			return some(c.start(t.Context(), post("/nodes/{node}/lxc/{vmid}/status/stop", a[0], a[1]).with(p)))
		}
		return some(c.Stop(t.Context(), a[0], number(a[1]), fromForm[StopOptions](t, p)))
	}},
	{pattern: "POST /nodes/{}/lxc/{}/status/shutdown", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Shutdown(t.Context(), a[0], number(a[1]), fromForm[ShutdownOptions](t, p)))
	}},
	{pattern: "POST /nodes/{}/lxc/{}/status/reboot", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Reboot(t.Context(), a[0], number(a[1]), fromForm[RebootOptions](t, p)))
	}},
	{pattern: "PUT /nodes/{}/lxc/{}/resize", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Resize(t.Context(), a[0], number(a[1]), p.Get("disk"), p.Get("size")))
	}},
	{pattern: "POST /nodes/{}/lxc/{}/move_volume", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.MoveVolume(t.Context(), a[0], number(a[1]), fromForm[MoveVolumeRequest](t, p)))
	}},
	{pattern: "POST /nodes/{}/lxc/{}/clone", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Clone(t.Context(), a[0], number(a[1]), fromForm[CloneRequest](t, p)))
	}},
	{pattern: "GET /nodes/{}/lxc/{}/migrate", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.CheckMigration(t.Context(), a[0], number(a[1])))
	}},
	{pattern: "POST /nodes/{}/lxc/{}/migrate", unrecorded: true, run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Migrate(t.Context(), a[0], number(a[1]), fromForm[MigrateRequest](t, p)))
	}},
	{pattern: "GET /nodes/{}/lxc/{}/snapshot", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		snapshots, parent, err := c.Snapshots(t.Context(), a[0], number(a[1]))
		return append(snapshots, Snapshot{Name: "current", Parent: parent, Description: "You are here!"}), err
	}},
	{pattern: "POST /nodes/{}/lxc/{}/snapshot", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.CreateSnapshot(t.Context(), a[0], number(a[1]), p.Get("snapname"), p.Get("description")))
	}},
	{pattern: "DELETE /nodes/{}/lxc/{}/snapshot/{}", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.DeleteSnapshot(t.Context(), a[0], number(a[1]), a[2], p.Get("force") == "1"))
	}},
	{pattern: "POST /nodes/{}/lxc/{}/snapshot/{}/rollback", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Rollback(t.Context(), a[0], number(a[1]), a[2], p.Get("start") == "1"))
	}},
	{pattern: "PUT /nodes/{}/lxc/{}/snapshot/{}/config", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return nothing(c.DescribeSnapshot(t.Context(), a[0], number(a[1]), a[2], p.Get("description")))
	}},
	{pattern: "GET /nodes/{}/lxc/{}/firewall/rules", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.FirewallRules(t.Context(), a[0], number(a[1])))
	}},
	{pattern: "POST /nodes/{}/lxc/{}/firewall/rules", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return nothing(c.AddFirewallRule(t.Context(), a[0], number(a[1]), fromForm[FirewallRule](t, p)))
	}},
	{pattern: "DELETE /nodes/{}/lxc/{}/firewall/rules/{}", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return nothing(c.DeleteFirewallRule(t.Context(), a[0], number(a[1]), number(a[2]), p.Get("digest")))
	}},
	{pattern: "GET /nodes/{}/lxc/{}/firewall/options", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.FirewallOptions(t.Context(), a[0], number(a[1])))
	}},
	{pattern: "PUT /nodes/{}/lxc/{}/firewall/options", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return nothing(c.UpdateFirewallOptions(t.Context(), a[0], number(a[1]), fromForm[FirewallOptions](t, p)))
	}},
	{pattern: "GET /nodes/{}/status", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.NodeStatus(t.Context(), a[0]))
	}},
	{pattern: "GET /nodes/{}/storage", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		if p.Has("enabled") {
			return some(fetch[[]StorageStatus](t.Context(), c, get("/nodes/{node}/storage", a[0]).with(p)))
		}
		return some(c.Storages(t.Context(), a[0], p.Get("content")))
	}},
	{pattern: "GET /nodes/{}/storage/{}/content", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.StorageContent(t.Context(), a[0], a[1], fromForm[ContentQuery](t, p)))
	}},
	{pattern: "GET /nodes/{}/storage/{}/content/{}", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Volume(t.Context(), a[0], a[1], a[2]))
	}},
	{pattern: "PUT /nodes/{}/storage/{}/content/{}", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return nothing(c.UpdateVolume(t.Context(), a[0], a[1], a[2], fromForm[VolumeChange](t, p)))
	}},
	{pattern: "DELETE /nodes/{}/storage/{}/content/{}", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.DeleteVolume(t.Context(), a[0], a[1], a[2]))
	}},
	{pattern: "POST /nodes/{}/storage/{}/download-url", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.DownloadImage(t.Context(), a[0], a[1], fromForm[DownloadRequest](t, p)))
	}},
	{pattern: "GET /nodes/{}/network", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(fetch[[]NetworkInterface](t.Context(), c, get("/nodes/{node}/network", a[0]).with(p)))
	}},
	{pattern: "GET /nodes/{}/aplinfo", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.Appliances(t.Context(), a[0]))
	}},
	{pattern: "POST /nodes/{}/aplinfo", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.DownloadAppliance(t.Context(), a[0], p.Get("storage"), p.Get("template")))
	}},
	{pattern: "POST /nodes/{}/vzdump", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.start(t.Context(), post("/nodes/{node}/vzdump", a[0]).with(backupForm(t, p))))
	}},
	{pattern: "GET /nodes/{}/vzdump/extractconfig", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(c.BackupConfig(t.Context(), a[0], p.Get("volume")))
	}},
	{pattern: "GET /nodes/{}/tasks", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		if p.Has("statusfilter") { // which the client does not offer
			return some(fetch[[]TaskRow](t.Context(), c, get("/nodes/{node}/tasks", a[0]).with(p)))
		}
		return some(c.NodeTasks(t.Context(), a[0], fromForm[TaskQuery](t, p)))
	}},
	{pattern: "GET /nodes/{}/tasks/{}/status", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return some(fetch[TaskStatus](t.Context(), c, get("/nodes/{node}/tasks/{upid}/status", a[0], a[1])))
	}},
	{pattern: "GET /nodes/{}/tasks/{}/log", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		u, err := ParseUPID(a[1])
		if err != nil {
			return some(fetch[[]TaskLine](t.Context(), c, get("/nodes/{node}/tasks/{upid}/log", a[0], a[1])))
		}
		return some(c.TaskLog(t.Context(), u, max(0, number(p.Get("start"))), max(0, number(p.Get("limit")))))
	}},
	{pattern: "DELETE /nodes/{}/tasks/{}", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		return nothing(c.Abort(t.Context(), UPID(a[1])))
	}},
	{pattern: "POST /nodes/{}/lxc/{}/termproxy", run: func(t *testing.T, c *Client, a []string, p url.Values) (any, error) {
		ticket, _, err := c.consoleTicket(t.Context(), a[0], number(a[1]))
		return ticket, err
	}},
}

// typed reads a recorded form into the client's own request, or leaves it as it is if it holds values that the client
// cannot send, which were recorded to be refused.
func typed[T any](t *testing.T, form url.Values) any {
	request, err := formTo[T](form)
	if err != nil {
		return form
	}
	return request
}

func backupForm(t *testing.T, p url.Values) any {
	if p.Has("all") { // which the client does not offer
		return p
	}
	request := fromForm[struct {
		BackupRequest
		List []string `pve:"vmid"`
	}](t, p)
	request.VMIDs = nil
	for _, vmid := range request.List {
		request.VMIDs = append(request.VMIDs, number(vmid))
	}
	return request.BackupRequest
}

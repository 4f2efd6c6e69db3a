package web

import (
	"net/http"

	"berth"
	"berth/internal/fleet"
	"berth/internal/web/static"
)

// route is one line of the table of routes: every route says who may use it.
type route struct {
	pattern string
	needs   access
	handle  handler
}

// access is who may use a route.
type access string

const (
	anybody  access = "anybody"  // also without being signed in
	somebody access = "somebody" // who is signed in, also without a role
	viewer          = access(berth.RoleViewer)
	operator        = access(berth.RoleOperator)
	admin           = access(berth.RoleAdmin)
)

// refusal tells why somebody with these rights may not use a route; nil if they may. A route about containers is open to
// whoever has the role on some, and then it is looked at which; what is about Berth itself takes an admin everywhere.
func (needs access) refusal(a berth.Access) error {
	has := a.Highest()
	if needs == admin {
		has = a.Everywhere()
	}
	switch {
	case needs == somebody || has.Includes(berth.Role(needs)):
		return nil
	case a.Highest() == "":
		return berth.Errorf(berth.Forbidden, "You have not been given a role yet; ask an admin for one.")
	case needs == admin:
		return berth.Errorf(berth.Forbidden, "This needs the role admin everywhere.")
	}
	return berth.Errorf(berth.Forbidden, "This needs the role %s; you are %s.", needs, has)
}

// handler answers a request or returns why it cannot. Nothing is written before it is sure that there is an answer.
type handler func(http.ResponseWriter, *http.Request) error

// routes is every route of the web interface.
func (s *Server) routes() []route {
	return []route{
		{"GET /{$}", viewer, s.getDashboard},
		{"GET /containers", viewer, s.getDashboard},
		{"GET /nodes", viewer, s.getNodes},
		{"GET /nodes/live", viewer, s.getNodesLive},
		{"GET /clusters/new", admin, s.getConnect},
		{"POST /clusters/new", admin, s.postConnect},
		{"GET /clusters/{name}", viewer, s.getCluster},
		{"POST /clusters/{name}/test", admin, s.changeCluster(s.testCluster)},
		{"POST /clusters/{name}/rights", admin, s.changeCluster(s.readRights)},
		{"POST /clusters/{name}/look", admin, s.changeCluster(s.lookAtCluster)},
		{"POST /clusters/{name}/pin", admin, s.changeCluster(s.pinCluster)},
		{"POST /clusters/{name}/token", admin, s.changeCluster(s.rotateToken)},
		{"POST /clusters/{name}/endpoints", admin, s.changeCluster(s.setEndpoints)},
		{"POST /clusters/{name}/ssh", admin, s.changeCluster(s.setUpSSH)},
		{"POST /clusters/{name}/ssh/scan", admin, s.changeCluster(s.scanSSH)},
		{"POST /clusters/{name}/ssh/pin", admin, s.changeCluster(s.pinSSH)},
		{"POST /clusters/{name}/ssh/test", admin, s.changeCluster(s.testSSH)},
		{"POST /clusters/{name}/ssh/remove", admin, s.changeCluster(s.removeSSH)},
		{"POST /clusters/{name}/remove", admin, s.postRemoveCluster},
		{"GET /containers/new", operator, s.getCreate},
		{"POST /containers/new", operator, s.postCreate},
		{"GET /containers/new/choices", operator, s.getCreateChoices},
		{"POST /containers/new/images", operator, s.postImages},
		{"GET /containers/new/images/{id}", operator, s.getImages},
		{"GET /containers/{id}", viewer, s.getContainer},
		{"GET /containers/{id}/now", viewer, s.containerPart("#now", s.showNow, fleet.PartFigures)},
		{"GET /containers/{id}/about", viewer, s.containerPart("#about", s.showAbout, fleet.PartConfig)},
		{"GET /containers/{id}/history", viewer, s.getHistory},
		{"GET /containers/{id}/events", viewer, s.getEventsTab},
		{"GET /containers/{id}/events/now", viewer, s.containerPart("#timeline", s.showTimeline, fleet.PartEvents, fleet.PartTasks)},
		{"GET /containers/{id}/snapshots", viewer, s.getSnapshotsTab},
		{"GET /containers/{id}/snapshots/now", viewer, s.containerPart("#snapshots", s.showSnapshots, fleet.PartSnapshots)},
		{"GET /containers/{id}/snapshots/difference", viewer, s.getDifference},
		{"GET /containers/{id}/orders/{action}", operator, s.getOrder},
		{"POST /containers/{id}/orders/{action}", operator, s.postOrder},
		{"GET /containers/{id}/backups", viewer, s.getBackupsTab},
		{"GET /containers/{id}/backups/now", viewer, s.containerPart("#backups", s.showBackups, fleet.PartBackups)},
		{"GET /containers/{id}/backups/running", viewer, s.containerPart("#backups-running", s.showRunning)},
		{"GET /containers/{id}/backups/last", viewer, s.containerPart("#last-backup", s.showLastBackup)},
		{"GET /containers/{id}/config", viewer, s.getConfigTab},
		{"GET /containers/{id}/config/edit", operator, s.getEdit},
		{"POST /containers/{id}/config/edit", operator, s.postEdit},
		{"GET /containers/{id}/config/restore", operator, s.getRestore},
		{"POST /containers/{id}/config/restore", operator, s.postRestore},
		{"GET /containers/{id}/config/now", viewer, s.containerPart("#config", s.showConfig, fleet.PartConfig, fleet.PartPending)},
		{"GET /containers/{id}/actions", viewer, s.getActions},
		{"GET /containers/{id}/actions/{action}", viewer, s.getAction},
		{"POST /containers/{id}/actions/{action}", operator, s.postAction},
		{"POST /containers/{id}/tags", operator, s.postTags},
		{"GET /containers/{id}/goes-with", operator, s.getGoesWith},
		{"GET /containers/{id}/console", viewer, s.getConsole},
		{"GET /containers/{id}/console/socket", operator, s.getConsoleSocket},
		{"POST /bulk", operator, s.postBulk},
		{"GET /jobs", viewer, s.getJobs},
		{"GET /jobs/live", viewer, s.getJobsLive},
		{"GET /jobs/{id}", viewer, s.getJob},
		{"GET /jobs/{id}/live", viewer, s.getJobLive},
		{"POST /jobs/{id}/cancel", operator, s.postCancel},
		{"POST /jobs/{id}/retry", operator, s.postRetry},
		{"GET /audit", viewer, s.getAudit},
		{"GET /audit/export", viewer, s.getAuditExport},
		{"GET /list", viewer, s.getList},
		{"GET /more", viewer, s.getMore},
		{"GET /complete", viewer, s.getComplete},
		{"GET /palette", viewer, s.getPalette},
		{"GET /live", viewer, s.getLive},
		{"GET /refresh", viewer, s.getRefresh},
		{"POST /refresh", viewer, s.postRefresh},
		{"POST /preferences", somebody, s.postPreferences},
		{"POST /views", somebody, s.postViews},
		{"POST /views/{id}/remove", somebody, s.postRemoveView},
		{"GET /settings/access", admin, s.getAccess},
		{"POST /settings/users", admin, s.postUsers},
		{"POST /settings/users/{name}/link", admin, s.postUserLink},
		{"POST /settings/users/{name}/remove", admin, s.changeAccess(s.removeUser)},
		{"POST /settings/groups", admin, s.changeAccess(s.addGroup)},
		{"POST /settings/groups/{name}/remove", admin, s.changeAccess(s.removeGroup)},
		{"POST /settings/groups/{name}/members", admin, s.changeAccess(s.changeMember)},
		{"POST /settings/grants", admin, s.changeAccess(s.changeGrant)},
		{"GET /account", somebody, s.getAccount},
		{"POST /account/password", somebody, s.postPassword},
		{"GET /account/second-factor", somebody, s.getSecondFactor},
		{"POST /account/second-factor", somebody, s.postSecondFactor},
		{"POST /account/second-factor/prove", somebody, s.postProveSecondFactor},
		{"POST /account/second-factor/remove", somebody, s.postRemoveSecondFactor},
		{"POST /account/sessions/{id}/end", somebody, s.postEndSession},
		{"POST /account/tokens", somebody, s.postTokens},
		{"POST /account/tokens/{id}/revoke", somebody, s.postRevokeToken},
		{"GET /setup", anybody, s.getSetup},
		{"POST /setup", anybody, s.postSetup},
		{"POST /login", anybody, s.postLogin},
		{"GET /login/code", anybody, s.getLoginCode},
		{"POST /login/code", anybody, s.postLoginCode},
		{"GET /login/sso/{name}", anybody, s.getSignOn},
		{"POST /login/sso/{name}", anybody, s.postSignOn},
		{"GET /login/sso/{name}/callback", anybody, s.getSignOnBack},
		{"GET /login", anybody, s.getLogin},
		{"POST /logout", anybody, s.postLogout},
		{"GET /static/", anybody, getStatic},
		{"/", anybody, notFound},
	}
}

func getStatic(w http.ResponseWriter, r *http.Request) error {
	static.Handler().ServeHTTP(w, r)
	return nil
}

func notFound(_ http.ResponseWriter, r *http.Request) error {
	return berth.Errorf(berth.NotFound, "There is no page at %s.", r.URL.Path)
}

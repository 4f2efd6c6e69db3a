package web

import (
	"net/http"

	"berth"
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
	anybody  access = "anybody" // also without being signed in
	viewer          = access(berth.RoleViewer)
	operator        = access(berth.RoleOperator)
)

// handler answers a request or returns why it cannot. Nothing is written before it is sure that there is an answer.
type handler func(http.ResponseWriter, *http.Request) error

// routes is every route of the web interface.
func (s *Server) routes() []route {
	return []route{
		{"GET /{$}", viewer, s.getDashboard},
		{"GET /containers", viewer, s.getDashboard},
		{"GET /nodes", viewer, s.getNodes},
		{"GET /containers/{id}", viewer, s.getContainer},
		{"GET /containers/{id}/actions", viewer, s.getActions},
		{"GET /containers/{id}/actions/{action}", viewer, s.getAction},
		{"POST /containers/{id}/actions/{action}", operator, s.postAction},
		{"GET /containers/{id}/goes-with", operator, s.getGoesWith},
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
		{"POST /preferences", viewer, s.postPreferences},
		{"POST /views", viewer, s.postViews},
		{"POST /views/{id}/remove", viewer, s.postRemoveView},
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

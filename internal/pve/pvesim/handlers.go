package pvesim

import "maps"

// handlers is the table of all calls that are answered; everything else is 501.
func handlers() map[string]handler {
	all := map[string]handler{}
	for _, part := range []map[string]handler{accessCalls, clusterCalls, nodeCalls, containerCalls} {
		maps.Copy(all, part)
	}
	return all
}

var accessCalls = map[string]handler{
	"GET /access":                                   index("subdir", "users", "groups", "roles", "acl", "domains", "openid", "tfa", "ticket", "password"),
	"GET /access/domains":                           domains,
	"GET /access/ticket":                            func(*call) (any, error) { return nil, nil },
	"POST /access/ticket":                           createTicket,
	"GET /access/permissions":                       permissions,
	"GET /access/users":                             listUsers,
	"POST /access/users":                            addUser,
	"GET /access/users/{userid}":                    getUser,
	"PUT /access/users/{userid}":                    changeUser,
	"DELETE /access/users/{userid}":                 removeUser,
	"PUT /access/password":                          setPassword,
	"GET /access/users/{userid}/token":              listTokens,
	"GET /access/users/{userid}/token/{tokenid}":    getToken,
	"POST /access/users/{userid}/token/{tokenid}":   addToken,
	"PUT /access/users/{userid}/token/{tokenid}":    changeToken,
	"DELETE /access/users/{userid}/token/{tokenid}": removeToken,
	"GET /access/groups":                            listGroups,
	"POST /access/groups":                           addGroup,
	"DELETE /access/groups/{groupid}":               removeGroup,
	"GET /access/roles":                             listRoles,
	"POST /access/roles":                            addRole,
	"GET /access/roles/{roleid}":                    getRole,
	"PUT /access/roles/{roleid}":                    changeRole,
	"DELETE /access/roles/{roleid}":                 removeRole,
	"GET /access/acl":                               listACL,
	"PUT /access/acl":                               changeACL,
	"GET /access/tfa":                               listTFA,
}

var clusterCalls = map[string]handler{
	"GET /":                                     index("subdir", "version", "cluster", "nodes", "storage", "access", "pools"),
	"GET /version":                              version,
	"GET /cluster":                              index("name", "acme", "backup", "backup-info", "bulk-action", "ceph", "config", "firewall", "ha", "jobs", "log", "mapping", "metrics", "notifications", "nextid", "options", "qemu", "replication", "resources", "status", "tasks", "sdn"),
	"GET /cluster/resources":                    clusterResources,
	"GET /cluster/status":                       clusterStatus,
	"GET /cluster/config/nodes":                 clusterConfigNodes,
	"GET /cluster/tasks":                        clusterTasks,
	"GET /cluster/nextid":                       nextID,
	"GET /cluster/log":                          clusterLog,
	"GET /cluster/options":                      clusterOptions,
	"PUT /cluster/options":                      setClusterOptions,
	"GET /cluster/ha":                           index("id", "status", "resources", "groups", "rules"),
	"GET /cluster/ha/status/current":            haStatus,
	"GET /cluster/ha/resources":                 listHA,
	"POST /cluster/ha/resources":                addHA,
	"GET /cluster/ha/resources/{sid}":           getHA,
	"PUT /cluster/ha/resources/{sid}":           changeHA,
	"DELETE /cluster/ha/resources/{sid}":        removeHA,
	"POST /cluster/ha/resources/{sid}/migrate":  migrateHA,
	"POST /cluster/ha/resources/{sid}/relocate": migrateHA,
}

var nodeCalls = map[string]handler{
	"GET /nodes":                            listNodes,
	"GET /nodes/{node}":                     index("name", "aplinfo", "certificates", "config", "dns", "firewall", "lxc", "network", "query-oci-repo-tags", "query-url-metadata", "rrddata", "services", "startall", "status", "stopall", "storage", "subscription", "syslog", "tasks", "termproxy", "time", "version", "vzdump"),
	"GET /nodes/{node}/version":             version,
	"GET /nodes/{node}/status":              nodeStatus,
	"GET /nodes/{node}/time":                nodeTime,
	"GET /nodes/{node}/dns":                 nodeDNS,
	"GET /nodes/{node}/subscription":        nodeSubscription,
	"GET /nodes/{node}/services":            nodeServices,
	"GET /nodes/{node}/network":             networks,
	"GET /nodes/{node}/certificates/info":   certificates,
	"GET /nodes/{node}/tasks":               nodeTasks,
	"GET /nodes/{node}/tasks/{upid}":        taskIndex,
	"GET /nodes/{node}/tasks/{upid}/status": taskStatus,
	"GET /nodes/{node}/tasks/{upid}/log":    taskLog,
	"DELETE /nodes/{node}/tasks/{upid}":     abortTask,
}

var containerCalls = map[string]handler{
	"GET /nodes/{node}/lxc":                         listContainers,
	"GET /nodes/{node}/lxc/{vmid}":                  index("subdir", "config", "pending", "status", "vncproxy", "termproxy", "vncwebsocket", "spiceproxy", "migrate", "clone", "rrd", "rrddata", "firewall", "snapshot", "resize", "interfaces"),
	"GET /nodes/{node}/lxc/{vmid}/status":           index("subdir", "current", "start", "stop", "shutdown", "reboot", "migrate"),
	"GET /nodes/{node}/lxc/{vmid}/status/current":   statusCurrent,
	"POST /nodes/{node}/lxc/{vmid}/status/start":    startContainer,
	"POST /nodes/{node}/lxc/{vmid}/status/stop":     stopContainer,
	"POST /nodes/{node}/lxc/{vmid}/status/shutdown": shutdownContainer,
	"POST /nodes/{node}/lxc/{vmid}/status/reboot":   rebootContainer,
	"POST /nodes/{node}/lxc/{vmid}/status/suspend":  suspendContainer,
	"POST /nodes/{node}/lxc/{vmid}/status/resume":   resumeContainer,
	"GET /nodes/{node}/lxc/{vmid}/interfaces":       interfaces,
	"GET /nodes/{node}/lxc/{vmid}/config":           getConfig,
	"GET /nodes/{node}/lxc/{vmid}/pending":          getPending,
}

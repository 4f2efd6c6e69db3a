package berth

import (
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Cluster is a Proxmox VE cluster or standalone node that Berth is connected to. Its API token's secret is not part of it.
type Cluster struct {
	ID          string
	Name        string
	Endpoints   []string // https://HOST:8006, tried in this order
	Fingerprint string   // SHA-256 of the certificate, AB:CD:...; empty: the system's roots decide
	TokenID     string   // USER@REALM!ID
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

var clusterName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// Validate tells what is wrong with the cluster's own fields, as Invalid with a message per field.
func (c *Cluster) Validate() error {
	fields := map[string]string{}
	if !clusterName.MatchString(c.Name) {
		fields["name"] = "A cluster's name has 1 to 40 small letters, digits and dashes, and starts and ends with a letter or digit."
	}
	if len(c.Endpoints) == 0 {
		fields["url"] = "A cluster needs an address such as https://pve.example.org:8006."
	}
	for _, e := range c.Endpoints {
		if why := endpointProblem(e); why != "" {
			fields["url"] = why
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return InvalidFields(fields)
}

func endpointProblem(endpoint string) string {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "":
		return "“" + endpoint + "” is not an address such as https://pve.example.org:8006."
	case u.Scheme != "https":
		return "Proxmox VE is reached over https: “" + endpoint + "” does not start with https://."
	case u.User != nil:
		return "The address must not hold a user or password; the API token is given on its own."
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "The address ends after the port: https://" + u.Host + "."
	}
	return ""
}

// Node is a Proxmox VE node of a cluster as last seen.
type Node struct {
	Cluster          string
	Name             string
	Online           bool
	Since            time.Time // since when it is offline; zero while online
	CPUs             float64
	CPU              float64 // fraction of CPUs in use
	MemoryBytes      int64
	MemoryLimitBytes int64
	StartedAt        time.Time
	Load             [3]float64 // average of 1, 5 and 15 minutes; zero while not known
	Version          string     // of Proxmox VE; empty while not known
	Containers       Counts
}

// Storage is a storage of a node; one that is shared is listed once for every node.
type Storage struct {
	Cluster   string
	Node      string
	Name      string
	Type      string   // dir, zfspool, lvmthin, nfs, ...
	Content   []string // rootdir, vztmpl, backup, iso, ...
	Shared    bool
	Available bool
	UsedBytes int64
	Bytes     int64 // 0: not known
}

// Connection is how Berth reaches a cluster, as last seen.
type Connection struct {
	Endpoint        string        // host and port that answered last; empty: none yet
	CertificateEnds time.Time     // of the certificate that it showed
	ClockSkew       time.Duration // how far the server's clock is ahead of this one, to about a second
	Version         string        // of Proxmox VE; empty while not known
	QuorumKnown     bool
	Quorate         bool
}

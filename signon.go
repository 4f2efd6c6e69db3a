package berth

import (
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// SignOn is somebody whose word is taken for who somebody else is: a provider of OpenID Connect, or the realms of a
// connected cluster. Its client secret is not part of it.
type SignOn struct {
	ID          string
	Name        string            // as people read it on the page to sign in
	Issuer      string            // https://..., its configuration is below that; or proxmox://CLUSTER
	ClientID    string            // empty with Proxmox
	GroupsClaim string            // name of the claim that lists somebody's groups
	Mapping     map[string]string // names of their groups to names of ours, which then have the roles
	CreatedAt   time.Time
}

// Validate tells what is wrong with the provider's own fields, as Invalid with a message per field.
func (p *SignOn) Validate() error {
	fields := map[string]string{}
	if !userName.MatchString(p.Name) {
		fields["name"] = "A provider's name has 1 to 64 letters, digits and . _ @ + -, and starts with a letter or digit."
	}
	if u, err := url.Parse(p.Issuer); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != proxmox && !isLoopback(u) {
		fields["issuer"] = "A provider's address starts with https://."
	}
	if p.ClientID == "" && p.Cluster() == "" {
		fields["client-id"] = "The provider gives Berth a client id."
	}
	if len(p.Mapping) == 0 {
		fields["map"] = "Say which group of theirs is which of Berth: nobody else gets in."
	}
	if len(fields) == 0 {
		return nil
	}
	return InvalidFields(fields)
}

const proxmox = "proxmox"

// OfCluster is the issuer that means the realms of a connected cluster.
func OfCluster(name string) string { return proxmox + "://" + name }

// Cluster is the name of the cluster whose realms are meant; empty: it is a provider of OpenID Connect.
func (p *SignOn) Cluster() string {
	name, _ := strings.CutPrefix(p.Issuer, OfCluster(""))
	if name == p.Issuer {
		return ""
	}
	return name
}

func isLoopback(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

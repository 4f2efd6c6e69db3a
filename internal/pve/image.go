package pve

import "context"

// Appliance is an OS image of the catalogue that can be downloaded.
type Appliance struct {
	Template     string   `pve:"template"` // file name
	Package      string   `pve:"package"`
	Version      string   `pve:"version"`
	OS           string   `pve:"os"`
	Section      string   `pve:"section"` // system, turnkeylinux, ...
	Headline     string   `pve:"headline"`
	Description  string   `pve:"description"`
	Architecture string   `pve:"architecture"`
	InfoPage     string   `pve:"infopage"`
	Odd          []string `pve:",odd"`
}

// Appliances lists the catalogue, which the node itself renews daily.
func (c *Client) Appliances(ctx context.Context, node string) ([]Appliance, error) {
	return fetch[[]Appliance](ctx, c, get("/nodes/{node}/aplinfo", node))
}

// DownloadAppliance fetches an OS image of the catalogue onto a storage. It needs Datastore.AllocateTemplate there.
func (c *Client) DownloadAppliance(ctx context.Context, node, storage, template string) (UPID, error) {
	form := struct {
		Storage  string `pve:"storage"`
		Template string `pve:"template"`
	}{storage, template}
	return c.start(ctx, post("/nodes/{node}/aplinfo", node).with(form))
}

// DownloadRequest describes a download of an OS image from anywhere.
type DownloadRequest struct {
	URL                string `pve:"url"`
	FileName           string `pve:"filename"` // must end in .tar.gz, .tar.xz, .tar.zst or .tar.bz2
	Checksum           string `pve:"checksum"`
	ChecksumAlgorithm  string `pve:"checksum-algorithm"` // sha256, sha512, ...
	VerifyCertificates *bool  `pve:"verify-certificates"`
}

// DownloadImage fetches an OS image from a URL onto a storage. It needs Datastore.AllocateTemplate there and
// Sys.AccessNetwork on the node.
func (c *Client) DownloadImage(ctx context.Context, node, storage string, r DownloadRequest) (UPID, error) {
	form := encodeForm(r)
	form.Set("content", "vztmpl")
	return c.start(ctx, post("/nodes/{node}/storage/{storage}/download-url", node, storage).with(form))
}

// OCITags lists the tags of a container image such as registry.example/library/nginx; the node asks the registry. Since 9.1.
func (c *Client) OCITags(ctx context.Context, node, reference string) ([]string, error) {
	query := struct {
		Reference string `pve:"reference"`
	}{reference}
	return fetch[[]string](ctx, c, get("/nodes/{node}/query-oci-repo-tags", node).with(query))
}

// PullOCI fetches a container image (registry.example/library/nginx:1.29) onto a storage as an OS image. It never replaces a
// file. An empty file name lets the server choose. Since 9.1.
func (c *Client) PullOCI(ctx context.Context, node, storage, reference, fileName string) (UPID, error) {
	form := struct {
		Reference string `pve:"reference"`
		FileName  string `pve:"filename"`
	}{reference, fileName}
	return c.start(ctx, post("/nodes/{node}/storage/{storage}/oci-registry-pull", node, storage).with(form))
}

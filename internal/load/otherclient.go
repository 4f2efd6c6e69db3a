package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"berth/internal/pve/pvesim"
)

// otherClient is somebody else who uses the API of Proxmox VE: Berth knows nothing of what they do.
type otherClient struct {
	base, token string
	http        *http.Client
	made        atomic.Int64
}

func newOtherClient(sim *pvesim.Sim) *otherClient {
	// The certificate is the simulator's own, on this machine.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 10} //nolint:gosec
	return &otherClient{base: sim.URL() + "/api2/json", token: sim.Token(), http: &http.Client{Transport: transport, Timeout: 10 * time.Second}}
}

func (o *otherClient) calls() int { return int(o.made.Load()) }

// call makes a request and decodes the data of its answer.
func (o *otherClient) call(ctx context.Context, method, path string, data any) error {
	request, err := http.NewRequestWithContext(ctx, method, o.base+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "PVEAPIToken="+o.token)
	o.made.Add(1)
	response, err := o.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	return json.Unmarshal(body.Bytes(), &struct{ Data any }{data})
}

// do starts a task (start, stop) of a container and waits for its end. It gives the latest time at which the task was
// seen running: it has not ended before.
func (o *otherClient) do(ctx context.Context, c row, verb string) (running time.Time, err error) {
	var upid string
	if err := o.call(ctx, http.MethodPost, fmt.Sprintf("/nodes/%s/lxc/%d/status/%s", c.node, c.vmid, verb), &upid); err != nil {
		return time.Time{}, err
	}
	for {
		asked := time.Now()
		var task struct{ Status, ExitStatus string }
		if err := o.call(ctx, http.MethodGet, "/nodes/"+c.node+"/tasks/"+url.PathEscape(upid)+"/status", &task); err != nil {
			return time.Time{}, err
		}
		if task.Status == "running" {
			running = asked
			continue
		}
		if task.ExitStatus != "OK" {
			return running, fmt.Errorf("%s of container %d ended with %q", verb, c.vmid, task.ExitStatus)
		}
		return running, nil
	}
}

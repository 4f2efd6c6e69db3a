package pve_test

import (
	"context"
	"fmt"
	"log"

	"berth/internal/pve"
)

func Example() {
	client, err := pve.New(pve.Config{
		Endpoints:   []string{"https://pve1.example.org:8006", "https://pve2.example.org:8006"},
		Token:       "berth@pve!panel=00000000-0000-0000-0000-000000000000",
		Fingerprint: "sha256:0000000000000000000000000000000000000000000000000000000000000000",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	resources, err := client.Resources(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range resources.Containers {
		fmt.Println(c.VMID, c.Name, c.Status, c.Uptime)
	}
}

func ExampleClient_Wait() {
	start := func(ctx context.Context, client *pve.Client, node string, vmid int) error {
		task, err := client.Start(ctx, node, vmid)
		if err == nil {
			_, err = client.Wait(ctx, task)
		}
		if pve.Classify(err).Kind == pve.KindAlreadyRunning {
			return nil // that is what was wanted
		}
		return err
	}
	_ = start
}

func ExampleClassify() {
	err := &pve.Error{Method: "POST", Path: "/nodes/pve1/lxc/101/status/start", Status: 403,
		Message: "Permission check failed (/vms/101, VM.PowerMgmt)"}
	problem := pve.Classify(fmt.Errorf("start container 101: %w", err))
	fmt.Println(problem.Kind, problem.Path, problem.Privileges)
	// Output: forbidden /vms/101 [VM.PowerMgmt]
}

func ExampleNetwork() {
	var n pve.Network
	if err := n.UnmarshalText([]byte("name=eth0,bridge=vmbr0,hwaddr=BC:24:11:B0:FD:EA,new-key=1,ip=dhcp")); err != nil {
		log.Fatal(err)
	}
	n.IP, n.Gateway = "192.0.2.7/24", "192.0.2.1"
	fmt.Println(n)
	// Output: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:B0:FD:EA,new-key=1,ip=192.0.2.7/24,gw=192.0.2.1
}

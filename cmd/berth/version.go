package main

import (
	"fmt"
	"runtime/debug"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version = "dev"

type versionCommand struct{}

// Run prints the version, and the commit if the build knows it.
func (versionCommand) Run(o output) error {
	_, err := fmt.Fprintln(o.out, "berth", version, commit())
	return err
}

func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return ""
}

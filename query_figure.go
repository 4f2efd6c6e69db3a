package berth

import "time"

// The figures that queries compare; false where a container has none.

func vmidOf(c *Container, _ time.Time) (float64, bool) { return float64(c.VMID), true }

func memoryUsed(c *Container, _ time.Time) (float64, bool) {
	return float64(c.MemoryBytes), c.HasFigures
}

func memoryShare(c *Container, _ time.Time) (float64, bool) {
	return shareOf(c.MemoryBytes, c.MemoryLimitBytes, c.HasFigures)
}

// diskUsed knows nothing of a container that uses 0 bytes: pvestatd reports 0 for every container that does not run.
func diskUsed(c *Container, _ time.Time) (float64, bool) {
	return float64(c.DiskBytes), c.HasFigures && c.DiskBytes > 0
}

func diskShare(c *Container, _ time.Time) (float64, bool) {
	return shareOf(c.DiskBytes, c.DiskLimitBytes, c.HasFigures && c.DiskBytes > 0)
}

func coresUsed(c *Container, _ time.Time) (float64, bool) { return c.CPU * c.CPUs, c.HasFigures }

func cpuShare(c *Container, _ time.Time) (float64, bool) { return c.CPU, c.HasFigures }

func uptimeOf(c *Container, now time.Time) (float64, bool) {
	known := c.HasFigures && c.Live == LiveRunning && !c.StartedAt.IsZero()
	return c.Uptime(now).Seconds(), known
}

func ageOf(c *Container, now time.Time) (float64, bool) {
	return now.Sub(c.CreatedAt).Seconds(), !c.CreatedAt.IsZero()
}

func shareOf(used, limit int64, known bool) (float64, bool) {
	if !known || limit <= 0 {
		return 0, false
	}
	return float64(used) / float64(limit), true
}

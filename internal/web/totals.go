package web

import (
	"berth/internal/fleet"
	"berth/internal/web/ui"
)

// totalView is one figure over all nodes.
type totalView struct {
	Label, Used, Of, Hint string
	Fraction              float64
	Points                []float64 // its fraction over the last 15 minutes; empty: no history
}

// newTotalViews tells what all clusters use together; nothing before one has answered.
func newTotalViews(snapshot *fleet.Snapshot) []totalView {
	t := snapshot.Totals
	if t.CoresTotal == 0 && t.MemoryTotalBytes == 0 {
		return nil
	}
	history := snapshot.History()
	cpu, memory := make([]float64, 0, len(history)), make([]float64, 0, len(history))
	for _, m := range history {
		cpu = append(cpu, share(m.Cores, m.CoresTotal))
		memory = append(memory, share(float64(m.MemoryBytes), float64(m.MemoryTotalBytes)))
	}
	const hint = "The last 15 minutes"
	return []totalView{
		{Label: "CPU", Used: ui.Percent(share(t.Cores, t.CoresTotal)), Of: ui.Cores(t.CoresTotal), Fraction: share(t.Cores, t.CoresTotal), Points: cpu, Hint: hint},
		bytesView("Memory", t.MemoryBytes, t.MemoryTotalBytes, memory, hint),
		bytesView("Disk", t.DiskBytes, t.DiskTotalBytes, nil, ""),
	}
}

func bytesView(label string, used, total int64, points []float64, hint string) totalView {
	return totalView{Label: label, Used: ui.Bytes(used), Of: ui.Bytes(total), Fraction: share(float64(used), float64(total)), Points: points, Hint: hint}
}

func share(used, total float64) float64 {
	if total <= 0 {
		return 0
	}
	return used / total
}

package berth

import "time"

// Totals is how much of something large is in use, and how much there is. A total of 0 means that it is not known.
type Totals struct {
	Cores            float64 // in use
	CoresTotal       float64
	MemoryBytes      int64 // in use
	MemoryTotalBytes int64
	DiskBytes        int64 // in use
	DiskTotalBytes   int64
}

// Add adds other to t.
func (t *Totals) Add(other Totals) {
	t.Cores += other.Cores
	t.CoresTotal += other.CoresTotal
	t.MemoryBytes += other.MemoryBytes
	t.MemoryTotalBytes += other.MemoryTotalBytes
	t.DiskBytes += other.DiskBytes
	t.DiskTotalBytes += other.DiskTotalBytes
}

// Moment is the totals at one time.
type Moment struct {
	At time.Time
	Totals
}

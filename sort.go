package berth

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Sort is an order of containers.
type Sort struct {
	By         SortField
	Descending bool
}

// SortField is what containers are sorted by.
type SortField string

// The fields to sort by.
const (
	SortName    SortField = "name"
	SortStatus  SortField = "status"
	SortCreated SortField = "created"
	SortCPU     SortField = "cpu"
	SortMemory  SortField = "memory"
	SortDisk    SortField = "disk"
	SortUptime  SortField = "uptime"
	SortVMID    SortField = "vmid"
	SortNode    SortField = "node"
)

// SortFields lists every field to sort by, the default first.
func SortFields() []SortField {
	return []SortField{SortName, SortStatus, SortCreated, SortCPU, SortMemory, SortDisk, SortUptime, SortVMID, SortNode}
}

// ParseSort reads "cpu" or "-cpu" (descending); an empty text is by name.
func ParseSort(text string) (Sort, error) {
	name, descending := strings.CutPrefix(text, "-")
	if name == "" {
		name = string(SortName)
	}
	s := Sort{By: SortField(name), Descending: descending}
	if !slices.Contains(SortFields(), s.By) {
		return Sort{}, Errorf(Invalid, "“%s” is not something to sort by; choose name, status, created, cpu, memory, disk, uptime, vmid or node.", name)
	}
	return s, nil
}

// String gives the text that ParseSort reads.
func (s Sort) String() string {
	if s.Descending {
		return "-" + string(s.By)
	}
	return string(s.By)
}

// Apply sorts containers in place. Equal ones are in the order of name, cluster and VMID; those for which Proxmox
// gave no figures come last when figures decide.
func (s Sort) Apply(containers []*Container, now time.Time) {
	slices.SortFunc(containers, s.Compare(now))
}

// Compare gives the comparison by which Apply sorts; it tells any two containers apart.
func (s Sort) Compare(now time.Time) func(a, b *Container) int {
	compare := s.comparison(now)
	return func(a, b *Container) int {
		if order := compare(a, b); order != 0 {
			if s.Descending {
				return -order
			}
			return order
		}
		if order := CompareNatural(a.Hostname, b.Hostname); order != 0 && s.By != SortName {
			return order
		}
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.VMID, b.VMID))
	}
}

func (s Sort) comparison(now time.Time) func(a, b *Container) int {
	switch s.By {
	case SortStatus:
		return func(a, b *Container) int { return cmp.Compare(statusRank(a.Status), statusRank(b.Status)) }
	case SortCreated:
		return func(a, b *Container) int { return a.CreatedAt.Compare(b.CreatedAt) }
	case SortCPU:
		return figure(func(c *Container) float64 { return c.CPU * c.CPUs })
	case SortMemory:
		return figure(func(c *Container) float64 { return float64(c.MemoryBytes) })
	case SortDisk:
		return figure(func(c *Container) float64 { return float64(c.DiskBytes) })
	case SortUptime:
		return figure(func(c *Container) float64 { return c.Uptime(now).Seconds() })
	case SortVMID:
		return func(a, b *Container) int { return cmp.Compare(a.VMID, b.VMID) }
	case SortNode:
		return func(a, b *Container) int { return CompareNatural(a.Node, b.Node) }
	default:
		return func(a, b *Container) int { return CompareNatural(a.Hostname, b.Hostname) }
	}
}

// figure compares by a figure; a container without figures counts as less than any.
func figure(of func(*Container) float64) func(a, b *Container) int {
	value := func(c *Container) float64 {
		if !c.HasFigures {
			return -1
		}
		return of(c)
	}
	return func(a, b *Container) int { return cmp.Compare(value(a), value(b)) }
}

func statusRank(s Status) int { return slices.Index(Statuses(), s) }

// CompareNatural compares names as people do: runs of digits by their number, letters without regard to case, so that
// web2 comes before web10.
func CompareNatural(a, b string) int {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		if isDigit(a[i]) && isDigit(b[j]) {
			x, y := digits(a[i:]), digits(b[j:])
			if c := compareNumbers(x, y); c != 0 {
				return c
			}
			i, j = i+len(x), j+len(y)
			continue
		}
		if c := cmp.Compare(lower(a[i]), lower(b[j])); c != 0 {
			return c
		}
		i, j = i+1, j+1
	}
	return cmp.Or(cmp.Compare(len(a)-i, len(b)-j), strings.Compare(a, b))
}

// compareNumbers compares digit strings of any length by their value.
func compareNumbers(x, y string) int {
	x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
}

func digits(s string) string {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return s[:n]
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

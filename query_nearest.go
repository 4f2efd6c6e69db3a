package berth

import "strings"

// nearest gives the candidate that name was most likely meant to be; empty if none is near.
func nearest(name string, candidates []string) string {
	best, bestDistance := "", 3
	for _, candidate := range candidates {
		d := editDistance(name, candidate)
		if len(name) > 1 && strings.HasPrefix(candidate, name) {
			d = min(d, 1)
		}
		if d < bestDistance && d < max(len(candidate), len(name)) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// editDistance counts the letters to add, drop or change to make b of a (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

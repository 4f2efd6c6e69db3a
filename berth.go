// Package berth holds the words of the product: clusters, nodes, containers, users and the pure rules
// about them. It does no I/O and imports only the standard library; every other package imports it.
package berth

// Package live is publish and subscribe of "something changed": it carries no data, only the word that
// a topic has news, so that a slow subscriber costs nothing and never misses the latest state.
package live

import (
	"slices"
	"sync"
)

// Topic names what has news.
type Topic string

// The topics.
const (
	Fleet Topic = "fleet" // the snapshot of containers, nodes and clusters, or only how fresh it is
	Jobs  Topic = "jobs"  // jobs that began, went on or ended
)

// Hub connects publishers with subscribers. The zero value is ready to use.
type Hub struct {
	mu            sync.Mutex
	subscriptions map[*Subscription]struct{}
}

// Subscription wakes its owner when one of its topics has news.
type Subscription struct {
	hub    *Hub
	topics []Topic
	news   chan struct{}
}

// Subscribe starts a subscription to the topics; Close ends it.
func (h *Hub) Subscribe(topics ...Topic) *Subscription {
	s := &Subscription{hub: h, topics: topics, news: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subscriptions == nil {
		h.subscriptions = map[*Subscription]struct{}{}
	}
	h.subscriptions[s] = struct{}{}
	return s
}

// Publish tells every subscriber of topic that there is news. It never blocks.
func (h *Hub) Publish(topic Topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subscriptions {
		if !slices.Contains(s.topics, topic) {
			continue
		}
		select {
		case s.news <- struct{}{}:
		default: // it has not looked at the news before this yet
		}
	}
}

// News receives a value when there is something new to look at; many changes may be one value.
func (s *Subscription) News() <-chan struct{} { return s.news }

// Close ends the subscription.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	delete(s.hub.subscriptions, s)
}

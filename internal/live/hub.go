// Package live is publish and subscribe of "something changed": it carries no data, only the word that
// a topic has news, so that a slow subscriber costs nothing and never misses the latest state.
package live

import "sync"

// Topic names what has news.
type Topic string

// The topics.
const (
	Fleet Topic = "fleet" // the snapshot of containers, nodes and clusters
	Fresh Topic = "fresh" // a cluster answered, though nothing of it may have changed
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

	mu      sync.Mutex
	pending map[Topic]bool
}

// Subscribe starts a subscription to topics; Close ends it.
func (h *Hub) Subscribe(topics ...Topic) *Subscription {
	s := &Subscription{hub: h, topics: topics, news: make(chan struct{}, 1), pending: map[Topic]bool{}}
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
		s.notify(topic)
	}
}

// News receives a value when there is something to Take; many changes may be one value.
func (s *Subscription) News() <-chan struct{} { return s.news }

// Take gives the topics with news since the last Take and forgets them.
func (s *Subscription) Take() map[Topic]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.pending
	s.pending = map[Topic]bool{}
	return taken
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	delete(s.hub.subscriptions, s)
}

func (s *Subscription) notify(topic Topic) {
	for _, t := range s.topics {
		if t != topic {
			continue
		}
		s.mu.Lock()
		s.pending[topic] = true
		s.mu.Unlock()
		select {
		case s.news <- struct{}{}:
		default:
		}
	}
}

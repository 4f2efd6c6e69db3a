package live

import "testing"

func woken(s *Subscription) bool {
	select {
	case <-s.News():
		return true
	default:
		return false
	}
}

func TestManyChangesWakeOnce(t *testing.T) {
	t.Parallel()
	var hub Hub
	s := hub.Subscribe(Fleet)
	defer s.Close()
	hub.Publish(Fleet)
	hub.Publish(Fleet)
	if !woken(s) {
		t.Error("not woken by a change")
	}
	if woken(s) {
		t.Error("woken again for changes that were already looked at")
	}
	hub.Publish(Fleet)
	if !woken(s) {
		t.Error("not woken by a change after the look")
	}
}

func TestOthersAreNotWoken(t *testing.T) {
	t.Parallel()
	var hub Hub
	other := hub.Subscribe("another topic")
	defer other.Close()
	closed := hub.Subscribe(Fleet)
	closed.Close()
	hub.Publish(Fleet)
	if woken(other) {
		t.Error("woken by a topic that was not subscribed")
	}
	if woken(closed) {
		t.Error("woken after Close")
	}
}

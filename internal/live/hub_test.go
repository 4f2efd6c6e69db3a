package live

import "testing"

func TestManyChangesWakeOnce(t *testing.T) {
	t.Parallel()
	var hub Hub
	s := hub.Subscribe(Fleet, Fresh)
	defer s.Close()
	hub.Publish(Fleet)
	hub.Publish(Fleet)
	hub.Publish(Fresh)
	<-s.News()
	if got := s.Take(); !got[Fleet] || !got[Fresh] {
		t.Errorf("Take() = %v, want fleet and fresh", got)
	}
	select {
	case <-s.News():
		t.Error("a second wake-up for changes that were already taken")
	default:
	}
}

func TestOnlySubscribedTopicsWake(t *testing.T) {
	t.Parallel()
	var hub Hub
	s := hub.Subscribe(Fleet)
	hub.Publish(Fresh)
	select {
	case <-s.News():
		t.Error("woken by a topic that was not subscribed")
	default:
	}
	s.Close()
	hub.Publish(Fleet)
	if got := s.Take(); len(got) != 0 {
		t.Errorf("a closed subscription took %v", got)
	}
}

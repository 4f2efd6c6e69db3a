package ui

type shortcut struct {
	Keys []string
	Does string
}

// shortcuts lists the keys that keys.js, list.js and head.js know.
func shortcuts() []shortcut {
	return []shortcut{
		{[]string{"/"}, "Search; typing anywhere does too"},
		{[]string{"Ctrl", "K"}, "Find or do anything"},
		{[]string{"j", "k", "↓", "↑"}, "Move through the list; from a container to the next or previous one"},
		{[]string{"Enter"}, "Open the container"},
		{[]string{"x"}, "Select; with Shift up to here"},
		{[]string{"Esc"}, "Clear the selection"},
		{[]string{"g", "d"}, "Go to the containers"},
		{[]string{"g", "n"}, "Go to the nodes"},
		{[]string{"g", "j"}, "Go to the jobs"},
		{[]string{"g", "a"}, "Go to the audit"},
		{[]string{"+"}, "New container, from the list"},
		{[]string{"."}, "Actions on the container"},
		{[]string{"?"}, "Show these keys"},
	}
}

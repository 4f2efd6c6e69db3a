package shell

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// dockerContainer is a container that "docker run" or "docker compose up" made.
type dockerContainer struct {
	name, image string
	ports       [][2]int // host, container
	running     bool
}

func (d *dockerContainer) portText() string {
	var out []string
	for _, p := range d.ports {
		out = append(out, fmt.Sprintf("0.0.0.0:%d->%d/tcp", p[0], p[1]))
	}
	return strings.Join(out, ", ")
}

// docker knows run, ps, compose up/down/ps, start, stop, rm, pull, images, logs and inspect.
func docker(p *proc) int {
	words := p.args[1:]
	if strings.HasSuffix(p.args[0], "docker-compose") {
		words = append([]string{"compose"}, words...)
	}
	if len(words) == 0 {
		return 0
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	if d := p.box.services["docker"]; d != nil && !d.Running && words[0] != "--version" {
		fmt.Fprintln(p.errs, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
		return 1
	}
	switch words[0] {
	case "run", "create":
		return p.dockerRun(words[1:])
	case "ps":
		p.dockerList(words[1:])
	case "compose":
		return p.compose(words[1:])
	case "start", "restart", "stop", "kill", "rm":
		return p.dockerSwitch(words[0], words[1:])
	case "pull":
		p.printf("Status: Downloaded newer image for %s\n", words[len(words)-1])
	case "inspect":
		return p.dockerInspect(words[1:])
	case "version", "--version", "-v":
		p.printf("Docker version %s\n", p.box.versionOf("docker"))
	}
	return 0
}

func (p *proc) dockerRun(words []string) int {
	d := &dockerContainer{running: true}
	for i := 0; i < len(words); i++ {
		w := words[i]
		key, value, inline := strings.Cut(w, "=")
		takes := contains(strings.Fields("-p --publish --name -v --volume -e --env --network --restart -u --user -w --hostname -l --label --memory --cpus --entrypoint --mount --device --cap-add --env-file"), key)
		if takes && !inline && i+1 < len(words) {
			i++
			value = words[i]
		}
		switch {
		case key == "--name":
			d.name = value
		case key == "-p" || key == "--publish":
			d.ports = append(d.ports, portPair(value))
		case strings.HasPrefix(w, "-"):
		default:
			d.image = w
			i = len(words)
		}
	}
	if d.image == "" {
		return p.fail(1, "\"docker run\" requires at least 1 argument")
	}
	if d.name == "" {
		d.name = path.Base(strings.Split(d.image, ":")[0]) + strconv.Itoa(len(p.box.docker))
	}
	if p.box.docker[d.name] != nil {
		return p.fail(125, "Error response from daemon: Conflict. The container name \"/%s\" is already in use", d.name)
	}
	p.box.dockerUp(d)
	p.printf("%064x\n", p.box.pidOf(d.name)*7919)
	return 0
}

// portPair reads "8080:80", "127.0.0.1:8080:80/tcp" or "80".
func portPair(text string) [2]int {
	parts := strings.Split(strings.TrimSuffix(strings.TrimSuffix(strings.Trim(text, `"'`), "/tcp"), "/udp"), ":")
	inner, _ := strconv.Atoi(parts[len(parts)-1])
	outer := inner
	if len(parts) > 1 {
		outer, _ = strconv.Atoi(parts[len(parts)-2])
	}
	return [2]int{outer, inner}
}

// dockerUp makes the published port listen, through the proxy process that docker uses.
func (b *Box) dockerUp(d *dockerContainer) {
	b.docker[d.name] = d
	for _, p := range d.ports {
		b.services["docker-proxy:"+strconv.Itoa(p[0])] = &Service{Name: "docker-proxy", Port: p[0], Running: d.running, Enabled: true, docker: true}
	}
}

func (p *proc) dockerList(words []string) {
	all, format, quiet := false, "", false
	for i, w := range words {
		all = all || w == "-a" || w == "--all" || w == "-aq"
		quiet = quiet || w == "-q" || w == "-aq"
		if v, is := strings.CutPrefix(w, "--format="); is {
			format = v
		} else if w == "--format" && i+1 < len(words) {
			format = words[i+1]
		}
	}
	if format == "" && !quiet {
		p.printf("CONTAINER ID   IMAGE   COMMAND   CREATED   STATUS   PORTS   NAMES\n")
	}
	for _, name := range sortedNames(p.box.docker) {
		d := p.box.docker[name]
		if !d.running && !all {
			continue
		}
		id, state, status := fmt.Sprintf("%012x", p.box.pidOf(name)*7919), "running", "Up 3 minutes"
		if !d.running {
			state, status = "exited", "Exited (0) 2 minutes ago"
		}
		switch {
		case quiet:
			p.printf("%s\n", id)
		case strings.HasPrefix(format, "json") || format == "{{json .}}":
			p.printf(`{"ID":%q,"Names":%q,"Image":%q,"State":%q,"Status":%q,"Ports":%q}`+"\n", id, d.name, d.image, state, status, d.portText())
		case format != "":
			text := strings.NewReplacer("{{.ID}}", id, "{{.Names}}", d.name, "{{.Image}}", d.image, "{{.State}}", state, "{{.Status}}", status, "{{.Ports}}", d.portText(), `\t`, "\t", "table ", "").Replace(format)
			p.printf("%s\n", text)
		default:
			p.printf("%s   %s   \"entrypoint\"   3 minutes ago   %s   %s   %s\n", id, d.image, status, d.portText(), d.name)
		}
	}
}

func (p *proc) dockerSwitch(verb string, words []string) int {
	code := 0
	for _, name := range words {
		if strings.HasPrefix(name, "-") {
			continue
		}
		d := p.box.docker[name]
		if d == nil {
			code = p.fail(1, "Error response from daemon: No such container: %s", name)
			continue
		}
		d.running = verb == "start" || verb == "restart"
		for _, port := range d.ports {
			if s := p.box.services["docker-proxy:"+strconv.Itoa(port[0])]; s != nil {
				s.Running = d.running
			}
		}
		if verb == "rm" {
			delete(p.box.docker, name)
		}
		p.printf("%s\n", name)
	}
	return code
}

func (p *proc) dockerInspect(words []string) int {
	for _, name := range words {
		if strings.HasPrefix(name, "-") {
			continue
		}
		d := p.box.docker[name]
		if d == nil {
			return p.fail(1, "Error: No such object: %s", name)
		}
		p.printf(`[{"Name":"/%s","Config":{"Image":%q},"State":{"Running":%v}}]`+"\n", d.name, d.image, d.running)
	}
	return 0
}

// compose knows up, down, ps and pull, and reads services, images and ports out of the YAML file.
func (p *proc) compose(words []string) int {
	name, verb := "", ""
	for i, w := range words {
		switch {
		case (w == "-f" || w == "--file") && i+1 < len(words):
			name = words[i+1]
		case contains([]string{"up", "down", "ps", "pull", "version", "restart", "logs", "config"}, w):
			verb = w
		}
	}
	if verb == "ps" {
		p.dockerList(nil)
		return 0
	}
	if verb == "version" {
		p.printf("Docker Compose version v2.40.0\n")
		return 0
	}
	text := ""
	for _, candidate := range []string{name, "compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"} {
		if f, err := p.box.tree.find(p.abs(candidate), true); candidate != "" && err == nil {
			text = string(f.data)
			break
		}
	}
	if text == "" {
		return p.fail(14, "no configuration file provided: not found")
	}
	for _, d := range readCompose(text) {
		switch verb {
		case "up", "restart":
			p.box.dockerUp(d)
			fmt.Fprintf(p.errs, " Container %s  Started\n", d.name)
		case "down":
			p.dockerSwitch("rm", []string{d.name})
		}
	}
	return 0
}

// readCompose follows the indentation: services, their images, names and ports.
func readCompose(text string) []*dockerContainer {
	var out []*dockerContainer
	inServices, inPorts, indent := false, false, -1
	for _, line := range lines(text) {
		word := strings.TrimSpace(line)
		depth := len(line) - len(strings.TrimLeft(line, " "))
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		if depth == 0 {
			inServices = word == "services:"
			continue
		}
		if !inServices {
			continue
		}
		if indent < 0 {
			indent = depth
		}
		key, value, _ := strings.Cut(word, ":")
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		switch {
		case depth == indent:
			out = append(out, &dockerContainer{name: key, image: key, running: true})
			inPorts = false
		case len(out) == 0:
		case inPorts && strings.HasPrefix(word, "- "):
			out[len(out)-1].ports = append(out[len(out)-1].ports, portPair(strings.TrimSpace(word[2:])))
		default:
			inPorts = key == "ports"
			if key == "image" {
				out[len(out)-1].image = value
			}
			if key == "container_name" {
				out[len(out)-1].name = value
			}
		}
	}
	return out
}

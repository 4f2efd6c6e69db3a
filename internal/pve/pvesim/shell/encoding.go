package shell

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

func base64Cmd(p *proc) int {
	flags, rest := p.options("w")
	texts, code := p.inputs(rest)
	if code != 0 {
		return code
	}
	text := strings.Join(texts, "")
	if has(flags, "d", "decode") {
		clean := strings.Map(func(r rune) rune {
			if r == '\n' || r == '\r' || r == ' ' {
				return -1
			}
			return r
		}, text)
		data, err := base64.StdEncoding.DecodeString(clean)
		p.out.Write(data)
		if err != nil {
			return p.fail(1, "invalid input")
		}
		return 0
	}
	width := 76
	if n, err := strconv.Atoi(flags["w"]); err == nil {
		width = n
	}
	coded := base64.StdEncoding.EncodeToString([]byte(text))
	for width > 0 && len(coded) > width {
		p.printf("%s\n", coded[:width])
		coded = coded[width:]
	}
	p.printf("%s", coded)
	if width > 0 && coded != "" {
		p.printf("\n")
	}
	return 0
}

func sums(p *proc) int {
	flags, rest := p.options("")
	names := rest
	if len(names) == 0 {
		names = []string{"-"}
	}
	if has(flags, "c") {
		return p.checkSums(names)
	}
	code := 0
	for _, n := range names {
		texts, c := p.inputs([]string{n})
		if c != 0 {
			code = c
			continue
		}
		p.printf("%s  %s\n", p.sum(texts[0]), n)
	}
	return code
}

func (p *proc) sum(text string) string {
	switch {
	case strings.HasSuffix(p.args[0], "md5sum"):
		s := md5.Sum([]byte(text))
		return hex.EncodeToString(s[:])
	case strings.HasSuffix(p.args[0], "sha1sum"):
		s := sha1.Sum([]byte(text))
		return hex.EncodeToString(s[:])
	}
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

func (p *proc) checkSums(lists []string) int {
	texts, code := p.inputs(lists)
	for _, line := range lines(strings.Join(texts, "")) {
		want, name, _ := strings.Cut(line, " ")
		name = strings.TrimLeft(name, " *")
		data, c := p.inputs([]string{name})
		if c != 0 || p.sum(data[0]) != want {
			p.printf("%s: FAILED\n", name)
			code = 1
			continue
		}
		p.printf("%s: OK\n", name)
	}
	return code
}

// openssl knows rand and base64.
func openssl(p *proc) int {
	if len(p.args) < 2 {
		return 0
	}
	switch p.args[1] {
	case "rand":
		size := 16
		if n, err := strconv.Atoi(p.args[len(p.args)-1]); err == nil {
			size = n
		}
		data := make([]byte, size)
		rand.Read(data) // never fails (crypto/rand)
		if contains(p.args, "-hex") {
			p.printf("%s\n", hex.EncodeToString(data))
		} else {
			p.printf("%s\n", base64.StdEncoding.EncodeToString(data))
		}
	case "base64":
		child := *p
		child.args = append([]string{"base64"}, p.args[2:]...)
		return base64Cmd(&child)
	case "passwd":
		p.printf("$6$simulated$%x\n", sha256.Sum256([]byte(strings.Join(p.args, " "))))
	case "version":
		p.printf("OpenSSL 3.5.1 1 Jul 2025\n")
	case "req", "genrsa", "x509", "dhparam":
		p.keyFiles()
	default:
		return p.fail(1, "%s is not simulated", p.args[1])
	}
	return 0
}

// keyFiles writes something that looks like keys and certificates to -out and -keyout.
func (p *proc) keyFiles() {
	for i, a := range p.args[:len(p.args)-1] {
		if a == "-out" || a == "-keyout" {
			p.box.WriteFile(p.abs(p.args[i+1]), []byte(fmt.Sprintf("-----BEGIN SIMULATED-----\n%x\n-----END SIMULATED-----\n", sha256.Sum256([]byte(p.args[i+1])))), 0o600)
		}
	}
}

# Everything a contributor needs; `make` alone lists it.
export CGO_ENABLED = 0
export GOFLAGS = -buildvcs=false

TOOL = go tool -modfile=$(CURDIR)/tools/go.mod
VERSION ?= dev

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: dev
dev: ## Rebuild pages and styles, then run the demo
	$(MAKE) generate
	go run ./cmd/berth demo

.PHONY: demo
demo: ## Run Berth on a simulated cluster
	go run ./cmd/berth demo

.PHONY: check
check: ## Formatting, vet, lint, and whether generated files are current
	scripts/setup-check
	scripts/check

.PHONY: test
test: ## Every test, on both databases and in a real browser; installs what it needs on Debian as root
	scripts/setup-tests
	go test -p 1 -timeout 30m ./... # one package at a time: those that wait for browsers and clusters starve each other
	scripts/hours quick

.PHONY: hours
hours: ## Run the tests that deal with times at 36 hours, days and zones, some two hours; RUNS=1-12 for a part
	scripts/setup-tests
	scripts/hours $(RUNS)

.PHONY: generate
generate: node_modules ## Rebuild the generated files: templ, sqlc, css
	$(TOOL) templ generate -path internal/web
	cd internal/store && $(TOOL) sqlc generate
	npm run --silent build
	gofmt -w internal/web internal/store/sqlc

.PHONY: build
build: ## Build bin/berth, one static binary
	go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/berth ./cmd/berth

.PHONY: load
load: build ## Measure bin/berth against the numbers to hold, some seven minutes; LOAD="-only pages" for a part
	go run ./internal/load -berth bin/berth $(LOAD)

.PHONY: crash
crash: build ## Kill bin/berth at random moments of CRASH (100) actions on each database; SEED=N repeats a run
	BERTH_TEST_WITHOUT=browser scripts/setup-tests
	BERTH_CRASH=$(or $(CRASH),100) BERTH_CRASH_SEED=$(SEED) BERTH_CRASH_BINARY=$(CURDIR)/bin/berth go test -count=1 -v -timeout 8m -run TestActionsSurviveRandomKills ./cmd/berth

.PHONY: bench
bench: ## Benchmarks of the parts that many containers or many browsers make hot
	go test -run '^$$' -bench . -benchmem -benchtime 200ms . ./internal/fleet ./internal/web ./internal/pve ./internal/store

.PHONY: screenshots
screenshots: ## Take pictures of every page in every size and theme into tmp/screenshots
	scripts/setup-tests
	BERTH_SCREENSHOTS=$(CURDIR)/tmp/screenshots go test -count=1 -run TestPages ./internal/browsertest

.PHONY: fuzz
fuzz: ## Run every fuzz test, FUZZTIME each (10m)
	scripts/fuzz

.PHONY: exercise
exercise: ## Exercise the Proxmox VE client: the simulator always, a real server if BERTH_TEST_PVE_* name one
	go test -count=1 -v -run TestExercise ./internal/pve/pvetest

node_modules: package.json package-lock.json
	npm install --no-save --ignore-scripts # not npm ci, which wants the packages of every platform in the lock file
	@touch node_modules

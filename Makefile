# lendlog. `make help` lists the targets; scripts/ holds what needs more than a line.
SHELL := /bin/bash
GO    ?= go
BIN   := bin
BENCHTIME ?= 1s
BENCHCOUNT ?= 1
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILD := CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-buildid= -X main.version=$(VERSION)"

.PHONY: all help build demo anchor-demo check test test-all race fuzz bench contracts clean
all: check build

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/lendlog and bin/lendlog-verify
	$(BUILD) -o $(BIN)/ ./cmd/lendlog ./cmd/lendlog-verify

demo: build ## the main job on embedded data, and four attacks on it
	@$(BIN)/lendlog demo

anchor-demo: build ## anchors on a chain of this machine, and a rollback that it shows; needs npm
	@scripts/anchor-demo.sh

check: ## gofmt, go vet, staticcheck
	@scripts/check.sh

test: check ## the short tests, under 10 minutes on 2 cores
	$(GO) test -vet=off -timeout 20m ./... # check has vetted them

test-all: ## everything: real data, kills, failing system calls, soak, race detector, programs of others, fuzzing; needs LENDLOG_DATA, strace, node, python3 and chromium
	@scripts/test-all.sh

race: ## the short tests under the race detector
	$(GO) test -race -timeout 20m ./ledger/... ./api/...

fuzz: ## every fuzzer for FUZZTIME (default 5s)
	@scripts/fuzz.sh

bench: ## every stage of an append, for BENCHTIME (default 1s); `lendlog bench` measures the whole
	$(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) -count $(BENCHCOUNT) -benchmem \
		./ledger/canon ./ledger/record ./ledger/seal ./ledger/term ./ledger/tree ./ledger/mpt ./ledger/store ./ledger/fsck ./ledger/rule ./ledger ./api

contracts: ## compile contracts/ and make the Go bindings anew; needs node
	cd contracts && npm ci --no-audit --no-fund && node build.mjs && $(GO) run ./bind

clean: ## remove what was built
	rm -rf $(BIN)

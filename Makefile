# The commands of a developer. CI runs `make test` on Linux. The scripts in scripts/ can also be run directly.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Variables of the targets; an example: FUZZTIME=1m make fuzz
FUZZTIME ?= 30s
ROUNDS ?=
BEFORE ?=
ONLY ?=
FILES ?= 10000
DELIVERIES ?= 10000
LOAD ?= 30
BATCHES ?= 100000
BENCH ?= .

.PHONY: help build test race lint fmt tidy generate fhir fuzz attack bench bench-table crash batches deliveries load \
  release

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/carrel, a static binary
	CGO_ENABLED=0 go build -trimpath -o bin/carrel ./cmd/carrel

test: ## Run all tests; as root on Debian, first install what they need
	scripts/test

race: ## Run all tests of both modules with the race detector
	scripts/install-test-tools
	scripts/race

lint: ## Check format, modules, code and scripts
	scripts/lint

fmt: ## Format the Go code
	gofmt -s -w $$(git ls-files --cached --others --exclude-standard '*.go')

# Not tools/peers: that would download the programs that only bench-table needs.
tidy: ## Tidy the modules of the server, the SDK and the tools
	go mod tidy
	go -C digime mod tidy
	go -C tools mod tidy

generate: ## Generate the database code from its SQL
	go tool -modfile=tools/go.mod sqlc generate

fhir: ## Generate the table of FHIR from the definitions in FHIR_DEFINITIONS
	go generate ./internal/fhir

fuzz: ## Fuzz each target for FUZZTIME (30s)
	scripts/fuzz $(FUZZTIME)

attack: ## Run the tests that the table of docs/threat-model.md names
	scripts/attack

bench: ## Run the benchmarks that match BENCH (all)
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...
	go -C digime test -run '^$$' -bench '$(BENCH)' -benchmem ./...

bench-table: build ## Measure Carrel beside other programs for ROUNDS (5) rounds: docs/benchmarks.md
	CGO_ENABLED=0 go -C tools/peers build -trimpath -o ../../bin/peers/ \
	  github.com/versity/versitygw/cmd/versitygw github.com/pocketbase/pocketbase/examples/base
	go -C tools build -o ../bin/benchtable ./benchtable
	bin/benchtable -carrel bin/carrel -peers bin/peers -rounds $(or $(ROUNDS),5) -before '$(BEFORE)' -only '$(ONLY)'

crash: ## Kill servers under load for ROUNDS (200) rounds, and while they fetch FILES (10000); nothing may be lost
	CARREL_TEST_CRASH_ROUNDS=$(or $(ROUNDS),200) CARREL_TEST_CRASH_FILES=$(FILES) \
	  go test -count=1 -timeout 1h -v -run '^TestCrash' ./...

batches: ## Add BATCHES (100000) batches of pushes to PostgreSQL from two servers at once; none may deadlock
	CARREL_TEST_BATCHES=$(BATCHES) go test -count=1 -timeout 2h -v -run '^TestBatchesDoNotDeadlock$$' ./internal/store

deliveries: ## Deliver DELIVERIES (10000) resources through servers that are killed, to a provider that fails
	CARREL_TEST_DELIVERIES=$(DELIVERIES) go test -count=1 -timeout 1h -v -run '^TestDeliveries$$' ./cmd/carrel

load: ## Attack servers for LOAD (30) seconds each time, and print how long others wait
	CARREL_TEST_LOAD_SECONDS=$(LOAD) go test -count=1 -timeout 1h -v -run '^TestLoad$$' ./cmd/carrel

release: ## Build the files of a release into dist/
	scripts/release

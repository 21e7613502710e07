# What a developer does here; CI calls `make test` and nothing else.
# The work itself stands in scripts/, each of which runs by itself too.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# One fuzz target's time, and the rounds of each crash test: FUZZTIME=1m make fuzz
FUZZTIME ?= 30s
ROUNDS ?= 200
DELIVERIES ?= 10000
BENCH ?= .

.PHONY: help build test lint fmt tidy generate fhir fuzz bench crash deliveries

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/carrel, one static binary
	CGO_ENABLED=0 go build -trimpath -o bin/carrel ./cmd/carrel

test: ## Run every test there is; as root on Debian, install what it needs first
	scripts/test

lint: ## Check format, modules, code and scripts
	scripts/lint

fmt: ## Format the Go code
	gofmt -s -w $$(git ls-files --cached --others --exclude-standard '*.go')

tidy: ## Tidy both modules, the server's and the tools'
	go mod tidy
	go -C tools mod tidy

generate: ## Generate the database code from its SQL
	go tool -modfile=tools/go.mod sqlc generate

fhir: ## Draw FHIR's table anew from the definitions in FHIR_DEFINITIONS
	go generate ./internal/fhir

fuzz: ## Fuzz each target for FUZZTIME (30s)
	scripts/fuzz $(FUZZTIME)

bench: ## Run the benchmarks that match BENCH (all)
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

crash: ## Kill servers under load for ROUNDS (200) rounds, and look for what was lost
	CARREL_TEST_CRASH_ROUNDS=$(ROUNDS) go test -count=1 -timeout 1h -v -run '^TestCrash' ./...

deliveries: ## Deliver DELIVERIES (10000) resources through servers that are killed, to a provider that fails
	CARREL_TEST_DELIVERIES=$(DELIVERIES) go test -count=1 -timeout 1h -v -run '^TestDeliveries$$' ./cmd/carrel

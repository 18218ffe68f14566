# `make` lists what can be done. Everything runs in .venv, made from constraints.txt by the first target that needs it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
DEMO ?= 1
WORKERS ?= 2
TESTS ?= tests

# Every folder with a pyproject.toml below these is a distribution of ours.
DISTS := $(patsubst %/pyproject.toml,%,$(wildcard proto/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml deploy/*/pyproject.toml))
PROTOS := $(shell find proto/tercet -name '*.proto' 2>/dev/null)
CODE := $(wildcard libs services deploy tests benchmarks)

##@ Start
.PHONY: run
run: setup ## Start everything with a sample company: API on 127.0.0.1:8080 (PORT=...; DEMO=0: empty), Ctrl-C stops
	exec $(BIN)/tercet up --port $(PORT) --end-with-parent $(if $(filter 0,$(DEMO)),,--demo)

.PHONY: setup
setup: $(VENV)/.installed proto/gen/.compiled ## Make .venv with all packages and compile the protos

##@ Check
.PHONY: test
test: setup ## Run every test against real servers (TESTS=path, WORKERS=n)
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

.PHONY: lint
lint: setup ## Style, import rules and proto rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	cd proto && ../$(BIN)/buf lint && ../$(BIN)/buf format --diff --exit-code --path tercet

.PHONY: breaking
breaking: setup ## Prove that the protos break nobody who builds on the last ones (AGAINST=revision)
	$(BIN)/python proto/check_breaking.py $(AGAINST)

.PHONY: types
types: setup ## Check all types strictly
	$(BIN)/mypy $(CODE)

.PHONY: migrations
migrations: setup ## Prove that the migrations build what the models say, up, down and up again
	rm -rf $(VENV)/migration-trial
	for service in $(notdir $(wildcard services/*)); do for step in "migrate" "migrate --to base" "migrate" "check-migrations"; do \
	  $(BIN)/tercet service $$service --data $(VENV)/migration-trial $$step || { echo "$$service: $$step failed"; exit 1; }; done; done
	rm -rf $(VENV)/migration-trial
	$(BIN)/python -m tercet_schema check

.PHONY: ci
ci: lint breaking types migrations test ## All that must be green before a change lands

.PHONY: bench
bench: setup ## Measure every mark of speed against the floor of this machine (SECONDS=5 a measurement)
	PYTHONPATH=. $(BIN)/python -m benchmarks.run $(or $(SECONDS),5)

.PHONY: bench-identity
bench-identity: setup ## Measure who-is-who on a labelled set (DATA=folder with leads.csv, truth.csv, notes.csv)
	@test -n "$(DATA)" || { echo "name the folder: make bench-identity DATA=FOLDER"; exit 2; }
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks.identity_intake $(DATA)

.PHONY: bench-knowledge
bench-knowledge: setup ## Measure search and suggestions in the knowledge base (ARTICLES=10000 SECONDS=5)
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks.knowledge --articles $(or $(ARTICLES),10000) --seconds $(or $(SECONDS),5)

.PHONY: bench-sizes
bench-sizes: setup ## Measure what persons take of disk and memory (PERSONS=50000)
	PYTHONPATH=. $(BIN)/python -m benchmarks.sizes $(or $(PERSONS),50000)

.PHONY: bench-segments
bench-segments: setup ## Measure counts over profiles and events to membership (PROFILES=1000000 SECONDS=30)
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks.segments --profiles $(or $(PROFILES),1000000) --seconds $(or $(SECONDS),30)

##@ Images
# BASE_IMAGE, REGISTRY (with its slash) and TAG may be given; docker, podman or buildah builds, whichever is there.
BASE_IMAGE ?= python:3.11-slim-bookworm
TAG ?= 0.1.0
BUILDER ?= $(firstword $(foreach each,docker podman buildah,$(if $(shell command -v $(each)),$(each))))
IMAGE = $(BUILDER) build --network host --build-arg BASE_IMAGE=$(BASE_IMAGE)

.PHONY: images
images: ## Build the five services' images, and PostgreSQL's and NATS's for trials (BASE_IMAGE, REGISTRY, TAG)
	@test -n "$(BUILDER)" || { echo "docker, podman or buildah is needed to build images; none is there"; exit 2; }
	for service in $(notdir $(wildcard services/*)); do \
	  $(IMAGE) -f deploy/Dockerfile --build-arg SERVICE=$$service --build-arg VERSION=$(TAG) \
	    --build-arg REVISION="$$(git rev-parse --short HEAD)" -t $(REGISTRY)tercet-$$service:$(TAG) . || exit 1; done
	for server in postgres nats; do \
	  $(IMAGE) -f deploy/servers/Dockerfile --target $$server -t $(REGISTRY)tercet-$$server:$(TAG) . || exit 1; done

.PHONY: charts
charts: setup ## Render the chart's examples anew, to be looked at in the diff
	for example in trial production airgapped; do \
	  $(BIN)/helm template tercet deploy/helm/tercet --namespace crm --values deploy/helm/tercet/ci/$$example-values.yaml \
	    > deploy/helm/tercet/ci/rendered/$$example.yaml || exit 1; done

.PHONY: e2e
e2e: setup ## Try the chart on the cluster of KUBECONFIG (IMAGE_LOAD=command that puts images on its nodes; BASE_IMAGE, E2E=options)
	PYTHONPATH=tests $(BIN)/python -m chart.e2e.run $(E2E)

##@ Work
.PHONY: format
format: setup ## Format code and protos, fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd proto && ../$(BIN)/buf format --write --path tercet

.PHONY: protos
protos: $(VENV)/.installed ## Compile the protos again, in place
	@rm -f proto/gen/.compiled
	@$(MAKE) proto/gen/.compiled

.PHONY: migration
migration: setup ## Write the next migration from the models (SERVICE=leads NAME="add grade")
	$(BIN)/tercet service $(SERVICE) --data $(VENV)/migration-trial migrate
	$(BIN)/tercet service $(SERVICE) --data $(VENV)/migration-trial new-migration "$(NAME)"

.PHONY: release-schema
release-schema: setup ## Write down what code of this version relies on in each database, for the next version to keep
	$(BIN)/python -m tercet_schema release

.PHONY: openapi
openapi: setup ## Write docs/openapi.json anew from the protos
	$(BIN)/python -m tercet_gateway.edge.schema docs/openapi.json

.PHONY: lock
lock: ## Resolve all third-party versions anew into constraints.txt
	@rm -rf $(VENV)-lock
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet --upgrade -r requirements-dev.txt $(addprefix ./,$(DISTS))
	{ echo '# All third-party versions, resolved together by `make lock`.'; \
	  $(VENV)-lock/bin/pip list --format=freeze --exclude pip --exclude setuptools $(foreach d,$(DISTS),--exclude tercet-$(patsubst proto,protos,$(notdir $(d)))); } > constraints.txt
	rm -rf $(VENV)-lock

.PHONY: clean
clean: ## Remove .venv and all that was generated; data in .tercet/ stays
	rm -rf $(VENV) $(VENV)-lock proto/gen proto/include .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Tercet needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing). Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "Python's venv module is missing. On Debian and Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# One command gets all our folders, so no name of ours is ever looked up on an index.
$(VENV)/.installed: constraints.txt requirements-dev.txt $(addsuffix /pyproject.toml,$(DISTS)) | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-dev.txt $(addprefix -e ./,$(DISTS))
	@touch $@

proto/gen/.compiled: $(PROTOS) proto/compile_protos.py | $(VENV)/.installed
	$(BIN)/python proto/compile_protos.py
	@touch $@

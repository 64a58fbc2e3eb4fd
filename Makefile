# Thin calls of dltpod; `make help` lists them. Variables become flags:
#   make sync SOURCE="shop repo_commits" FULL_REFRESH=1
SHELL := /bin/bash
.DEFAULT_GOAL := help
DLTPOD := .venv/bin/dltpod
SOURCE ?=
PYTEST_FLAGS ?=
# Workers of the container tests, which wait much of the time.
J ?= 4
# Where make can keep the output of each apart (4.0 and later); else one after the other.
side_by_side = $(if $(filter output-sync,$(.FEATURES)),-j2 --output-sync=target)
# Thousands of small files, each gone with its test: in memory they cost a tenth less time than on a disk.
in_memory = $(shell grep -q ' /dev/shm .*noexec' /proc/mounts || \
  df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 2^22 {print "TMPDIR=/dev/shm"}')

flags = $(if $(FILE),--file '$(FILE)')
chosen = $(SOURCE) $(if $(ALL),--all) $(foreach tag,$(TAG),--tag '$(tag)')
sync_flags = $(flags) $(chosen) $(if $(JOBS),-j $(JOBS)) \
  $(if $(FULL_REFRESH),--full-refresh) $(foreach name,$(RESOURCE),--resource '$(name)') $(if $(LIMIT),--limit $(LIMIT)) \
  $(if $(FROM),--from '$(FROM)') $(if $(TO),--to '$(TO)') $(if $(EVERY),--every $(EVERY)) $(if $(AGAIN),--again) \
  $(foreach pair,$(SET),--set '$(pair)') $(if $(TIMEOUT),--timeout $(TIMEOUT)) $(if $(LOCKED),--locked) \
  $(if $(FAILED),--failed) $(if $(FAIL_FAST),--fail-fast) $(if $(WAIT),--wait) $(if $(DRY_RUN),--dry-run) $(if $(ENGINE),--engine $(ENGINE)) \
  $(if $(JSON),--json)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## the virtual environment .venv, from hashed pins; does nothing when it is there
	@scripts/setup

.PHONY: sync
sync: setup examples/shop.db ## run sources: SOURCE="a b" or ALL=1 or TAG=t; FULL_REFRESH=1 LIMIT=n FROM=date TO=date EVERY=1d JOBS=n SET="k=v" DRY_RUN=1 …
	@$(if $(strip $(chosen)),scripts/ensure-base-image $(flags) $(SOURCE))
	@$(DLTPOD) sync $(sync_flags)

.PHONY: check
check: setup ## verdicts on sources without running them: SOURCE="a b" or TAG=t, default all; DEEP=1 for a look inside the container
	@$(if $(DEEP),scripts/ensure-base-image $(flags) $(SOURCE) && )$(DLTPOD) check $(flags) $(chosen) $(if $(DEEP),--deep)

.PHONY: list
list: setup ## the sources
	@$(DLTPOD) list $(flags)

.PHONY: runs
runs: setup ## what ran, and what came of it: SOURCE=a
	@$(DLTPOD) runs $(flags) $(SOURCE)

.PHONY: report
report: setup ## one HTML page of what ran: .dltpod/report.html
	@$(DLTPOD) report $(flags)

.PHONY: build
build: setup ## the images of sources: SOURCE="a b" or TAG=t, default all
	@scripts/ensure-base-image $(flags) $(SOURCE)
	@$(DLTPOD) build $(flags) $(chosen)

.PHONY: lock
lock: setup ## pin what sources install, hashed, in locks/: SOURCE="a b" or TAG=t, default all
	@$(DLTPOD) lock $(flags) $(chosen)

.PHONY: doctor
doctor: setup ## what this machine lacks to run sources
	@$(DLTPOD) doctor

.PHONY: base-image
base-image: ## python:<version>-slim from Debian packages, where it can't be pulled: PYTHON=3.13
	@scripts/base-image $(or $(PYTHON),3.13)

examples/shop.db: examples/make_shop.py
	@python3 examples/make_shop.py

.PHONY: setup-dev
setup-dev:
	@scripts/setup dev

.PHONY: test
test: setup-dev ## everything: linters, and the three suites below
	@$(MAKE) --no-print-directory $(side_by_side) lint test-unit
	@scripts/test-needs pipeline containers
	@echo "tests: test-pipeline and test-containers run side by side; each is shown when it has ended"
	@$(MAKE) --no-print-directory $(side_by_side) test-pipeline test-containers

.PHONY: lint
lint: setup-dev ## ruff and mypy
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

.PHONY: test-unit
test-unit: setup-dev ## the tests that start no dlt pipeline and need no container engine
	@scripts/test-needs unit
	.venv/bin/pytest tests/unit -n auto -q $(PYTEST_FLAGS)

.PHONY: test-pipeline
test-pipeline: setup-dev ## the runner and dlt as processes, on DuckDB, files and Postgres; no container engine
	@scripts/test-needs pipeline
	$(in_memory) .venv/bin/pytest tests/pipeline -n auto -q -o tmp_path_retention_policy=failed $(PYTEST_FLAGS)

.PHONY: test-containers
test-containers: setup-dev examples/shop.db ## the tests on the real container engine
	@scripts/test-needs containers
	@scripts/ensure-base-image
	.venv/bin/pytest tests/containers -n $(J) --dist loadfile --no-loadscope-reorder -q $(PYTEST_FLAGS)

.PHONY: test-kubernetes
test-kubernetes: setup-dev ## the tests on the cluster that KUBECONFIG names
	@scripts/test-needs kubernetes
	@scripts/ensure-base-image
	.venv/bin/pytest tests/kubernetes -q $(PYTEST_FLAGS)

.PHONY: docs
docs: setup ## the documentation as a site in build/site, with the packages that requirements/docs.txt pins
	@.venv/bin/uv venv -q --allow-existing -p .venv/bin/python build/docs
	@.venv/bin/uv pip sync -q --require-hashes -p build/docs/bin/python requirements/docs.txt
	@build/docs/bin/sphinx-build -q -W --keep-going -j auto docs build/site
	@echo "build/site/index.html"

.PHONY: bench
bench: setup-dev examples/shop.db ## the tables of docs/performance.md, measured and written anew
	@scripts/ensure-base-image
	.venv/bin/python -m bench

.PHONY: bench-quick
bench-quick: setup-dev examples/shop.db ## the same with fewer runs and without the longest, in some minutes; only printed
	@scripts/ensure-base-image
	.venv/bin/python -m bench --quick

.PHONY: pins
pins: setup-dev ## resolve requirements/*.txt anew
	.venv/bin/uv pip compile -q --universal --python-version 3.10 --generate-hashes --no-annotate --no-header $(UPGRADE) \
	  pyproject.toml requirements/dev.in --extra kubernetes -o requirements/dev.txt
	.venv/bin/uv pip compile -q --universal --python-version 3.10 --generate-hashes --no-annotate --no-header $(UPGRADE) \
	  pyproject.toml -c requirements/dev.txt -o requirements/launcher.txt
	.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header $(UPGRADE) \
	  requirements/docs.in -o requirements/docs.txt

.PHONY: schema
schema: setup ## docs/sources.schema.json anew, from the models
	@$(DLTPOD) schema > docs/sources.schema.json

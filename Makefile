# Every target makes or reuses .venv by itself; nothing is done twice.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin

.PHONY: help demo test test-all lint bench clean setup

help:
	@echo "make demo   train, evaluate and report on generated images: runs/demo/report.html"
	@echo "make test   the test suite, without what is marked slow"
	@echo "make test-all  the whole test suite"
	@echo "make lint   style, types, layers"
	@echo "make bench  the benchmarks: ratios against peers, written to results/"
	@echo "make clean  remove the environment, caches and build outputs (runs/ stays)"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $@

demo: $(READY)
	$(BIN)/regard train --name demo

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	set -e; for f in benchmarks/*.py; do echo "== $$f"; $(BIN)/python $$f; done

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist build

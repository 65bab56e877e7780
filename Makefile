# Every target makes or reuses .venv by itself; nothing is done twice.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
READY_DOCS := $(VENV)/.ready-docs
RUN_NOTEBOOKS := docs/notebooks/.ready
BIN := $(VENV)/bin

.PHONY: help demo test test-all lint docs bench clean setup

help:
	@echo "make demo   maps of two photographs: runs/tried/report.html; then train, evaluate and report on generated images: runs/demo/report.html"
	@echo "make test   the test suite, without what is marked slow"
	@echo "make test-all  the whole test suite, with coverage"
	@echo "make lint   style, types, layers"
	@echo "make docs   the documentation as a site: site/index.html; runs the notebooks; a broken link is an error"
	@echo "make bench  the benchmarks: ratios against peers, written to results/"
	@echo "make clean  remove the environment, caches and build outputs (runs/ stays)"

setup: $(READY)

$(BIN)/uv:
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv

$(READY): pyproject.toml constraints.txt | $(BIN)/uv
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode \
		--constraint constraints.txt --editable . --group dev
	touch $@

# The site is made from the text of the source, which nothing imports; only its notebooks need regard.
$(READY_DOCS): pyproject.toml constraints.txt | $(BIN)/uv
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --constraint constraints.txt --group docs
	touch $@

demo: $(READY)
	$(BIN)/regard try --out runs/tried
	$(BIN)/regard train --name demo

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term-missing:skip-covered --cov-report=xml

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Notebooks run again where they, what runs them, or the package changed: some minutes.
$(RUN_NOTEBOOKS): $(READY) $(wildcard notebooks/*.py) tools/notebooks.py $(shell find src -name '*.py')
	$(BIN)/python -m tools.notebooks docs/notebooks
	touch $@

docs: $(RUN_NOTEBOOKS) $(READY_DOCS)
	$(BIN)/mkdocs build --strict

bench: $(READY)
	set -e; for f in benchmarks/*.py; do echo "== $$f"; $(BIN)/python $$f; done

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.* coverage.xml dist build site docs/notebooks

# Set-up and checks. `make demo` and `make test` are all that a fresh machine needs.
#
#   make demo VENV=/tmp/venv PYTHON=python3.12 PIP_FLAGS="--find-links wheels"

PYTHON ?= python3
VENV ?= .venv
PIP_FLAGS ?=
PYTEST_FLAGS ?=

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt $(PIP_FLAGS)
CODE := $(wildcard src tests examples scripts benchmarks)

DEMO_PDF := examples/documents/article.pdf
DEMO_TRUTH := examples/documents/article.txt
DEMO_TEXT := build/demo.txt

# No test and no example may reach for a model on the network: one that tries has to fail.
export HF_HUB_OFFLINE := 1

.PHONY: help demo test test-slow check lint types examples wheel clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.installed-eval ## read the example PDF, show its text and its distance to the truth
	@mkdir -p $(dir $(DEMO_TEXT))
	@echo "vary read $(DEMO_PDF)"
	@$(BIN)/vary read $(DEMO_PDF) | tee $(DEMO_TEXT)
	@$(BIN)/python scripts/compare_text.py $(DEMO_TEXT) $(DEMO_TRUTH) --at-most 0.05

# Two processes, as CI has two cores; PYTEST_FLAGS="-n 0" is one. Each runs its models on one thread.
test: $(VENV)/.installed-dev ## run the tests
	$(BIN)/python -m pytest -m "not slow and not gpu" -n 2 --dist worksteal $(PYTEST_FLAGS)

test-slow: $(VENV)/.installed-dev ## run the tests that take minutes
	$(BIN)/python -m pytest -m "slow and not gpu" $(PYTEST_FLAGS)

lint: $(VENV)/.installed-dev ## ruff: rules and format
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

types: $(VENV)/.installed-dev ## mypy
	$(BIN)/mypy

examples: $(VENV)/.installed-dev ## run every script of examples/
	@for script in examples/*.py; do echo "python $$script"; $(BIN)/python "$$script"; done

check: lint types test examples ## all of the above but the demo

wheel: $(VENV)/.installed-dev ## build the wheel and check that the package data is in it
	rm -rf build/wheel
	$(BIN)/python -m pip wheel --disable-pip-version-check --quiet --no-deps -w build/wheel .
	$(BIN)/python scripts/check_wheel.py build/wheel/vary-*.whl src/vary

clean: ## remove what make made
	rm -rf build dist $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	    || { echo "$(PYTHON) is not Python 3.11 to 3.13: give another, make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# Stamps, so that a second run starts at once; both installs are editable and may share one environment.
$(VENV)/.installed-eval: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e '.[eval]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e '.[all,dev]'
	@touch $@

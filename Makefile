# Needs Python 3.11 or newer with pip, make and a C compiler; nothing else is assumed.
# Everything is installed into .venv, from requirements/dev.txt, hash by hash.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first of these that runs and is new enough; `make PYTHON=…` names another.
PYTHON ?= $(shell for p in python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)

# Test processes side by side. Each starts its own database server, so more is not faster.
JOBS ?= 2
# Handed on to the command of `demo`, `test` (to pytest) and of the benchmarks.
ARGS ?=
# `make lock LOCK_ARGS=--upgrade` moves every pin to its newest release.
LOCK_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RESULTS := .results
PIP := $(BIN)/python -m pip --disable-pip-version-check
CODE := src tests tools examples .ci/total.py $(wildcard benchmarks)

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(STAMP) ## Start Paykeel with its own database, and buy something
	@$(BIN)/paykeel demo $(ARGS)

# Two runs, because a test marked `serial` cannot share the machine; one total for both.
# Exit status 5 is pytest's "nothing selected": allowed of the serial part alone.
.PHONY: test
test: check ## Run every check and every test
	@rm -rf $(RESULTS) && mkdir -p $(RESULTS)
	@status=0; \
	$(BIN)/pytest -n $(JOBS) -m "not serial" --junitxml=$(RESULTS)/parallel.xml $(ARGS) \
		|| status=$$?; \
	$(BIN)/pytest -m serial --junitxml=$(RESULTS)/serial.xml $(ARGS) \
		|| { code=$$?; test $$code -eq 5 || status=$$code; }; \
	$(BIN)/python .ci/total.py $(RESULTS)/parallel.xml $(RESULTS)/serial.xml || status=1; \
	exit $$status

.PHONY: check
check: $(STAMP) ## Formatting, lint, types and the order of imports; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports --no-logo

.PHONY: format
format: $(STAMP) ## Format the code, and mend what lint can mend by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: schema
schema: $(STAMP) ## Write schema.sql anew from the migrations
	$(BIN)/python tools/write_schema.py

.PHONY: bench
bench: $(STAMP) ## Measure purchases per second on this machine
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-fraud
bench-fraud: $(STAMP) ## Look for the frauds of a published simulation, beside its own figures
	@$(BIN)/python -m benchmarks.fraud $(ARGS)

# base.txt is what an installation runs with; dev.txt is that and the tools, at equal pins.
# --no-config keeps this machine's own settings, and the set command its paths, out of the files.
LOCK := $(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate --custom-compile-command "make lock" $(LOCK_ARGS)

.PHONY: lock
lock: $(STAMP) ## Write requirements/*.txt anew from pyproject.toml and dev.in
	$(LOCK) --output-file requirements/base.txt pyproject.toml
	$(LOCK) --output-file requirements/dev.txt --constraints requirements/base.txt \
		pyproject.toml requirements/dev.in

.PHONY: clean
clean: ## Remove the environment, caches and build results
	rm -rf $(VENV) $(RESULTS) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache
	find src tests $(wildcard benchmarks) -name __pycache__ -type d -prune -exec rm -rf {} +

# Some systems ship Python without ensurepip; there, the system's pip fills the environment.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Paykeel needs Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		$(PYTHON) -m venv --clear --without-pip $(VENV) \
		&& $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }

$(STAMP): requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) …"
	@$(PIP) install --quiet --require-hashes --requirement requirements/dev.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

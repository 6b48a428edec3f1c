# `make demo` shows dynconf at work; `make test` checks everything. Each makes what it needs first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# How many processes `make test` shares its tests among; much of their time they wait for a server.
WORKERS ?= 2
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# It looks for packages with the `python` that it finds on the path, and would go on line for its version.
PYRIGHT := PATH="$(abspath $(BIN)):$$PATH" PYRIGHT_PYTHON_IGNORE_WARNINGS=1 pyright

.PHONY: help demo test test-fast servers lint format bench soak clean

help:
	@echo 'make demo       see dynconf at work'
	@echo 'make test       lint, types and every test'
	@echo 'make test-fast  the tests that need no server'
	@echo 'make servers    make the server programs that the tests need, once'
	@echo 'make lint       lint and types only'
	@echo 'make format     let ruff mend what it can'
	@echo 'make bench      measure, also against other libraries'
	@echo 'make soak       what takes minutes: storms, races, growth, resources that move'
	@echo 'make clean      remove what these commands made'

demo: $(VENV)/.cli
	@$(BIN)/dynconf demo

# Making the servers takes minutes the first time, much of which it waits for the network.
test: $(VENV)/.dev
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=line lint servers
	@$(BIN)/python -m pytest -m alone --cov --cov-report= --cov-fail-under=0
	@$(BIN)/python -m pytest -m 'not alone' --numprocesses=$(WORKERS) --cov --cov-append --cov-report=term

test-fast: $(VENV)/.dev
	@$(BIN)/python -m pytest $(wildcard tests/unit tests/protocols tests/docs)

# Never fails: a test whose server is missing says so. They are kept outside of the clone.
servers: $(VENV)/.dev
	@echo '== servers'
	@$(BIN)/python -m tests.servers

lint: $(VENV)/.dev
	@echo '== lint'
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@echo '== types'
	@$(BIN)/mypy
	@$(PYRIGHT)
	@$(PYRIGHT) --verifytypes dynconf --ignoreexternal --outputjson | $(BIN)/python -m tests.typing.complete

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: servers $(VENV)/.bench
	@$(BIN)/python -m tests.bench

# What is measured is printed, so nothing is captured.
soak: servers
	@$(BIN)/python -m pytest --capture=no tests/soak

clean:
	rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache

# The stamps say what is installed; an edit of these two files makes them stale.
INPUTS := pyproject.toml constraints.txt

$(VENV)/.cli: $(INPUTS) | $(VENV)/.made
	@echo 'installing dynconf into $(VENV) ...'
	@$(INSTALL) --editable '.[cli]'
	@touch $@

$(VENV)/.dev: $(VENV)/.cli
	@echo 'installing the development tools into $(VENV) ...'
	@$(INSTALL) --group dev
	@touch $@

$(VENV)/.bench: $(VENV)/.cli
	@echo 'installing the peers to measure against into $(VENV) ...'
	@$(INSTALL) --group bench
	@touch $@

# Debian's pip is older than dependency groups.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo '$(PYTHON) is not Python 3.11 or later; name one that is: make PYTHON=python3.11 ...' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) --upgrade pip
	@touch $@

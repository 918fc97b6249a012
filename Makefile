# Two commands: `make repro` sets everything up and runs the pipeline; `make test` checks it.
# PRESET=smoke|default|flickr8k|cc3m|s-smke copies a preset to params.yaml first; PYTHON and VENV may be overridden.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: repro test setup lint constraints

setup: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "error: Python 3.11 to 3.13 is needed, found $$($(PYTHON) --version); set PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

repro: setup
ifdef PRESET
	cp presets/$(PRESET).yaml params.yaml
endif
	$(BIN)/finealign doctor
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/dvc repro

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

test: setup lint
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest

# Renews the pinned versions with the newest ones that pyproject.toml allows.
constraints:
	rm -rf .finealign/constraints-venv
	$(PYTHON) -m venv .finealign/constraints-venv
	.finealign/constraints-venv/bin/python -m pip install --quiet '.[dev]'
	.finealign/constraints-venv/bin/python -m pip freeze --exclude finealign > constraints.txt
	rm -rf .finealign/constraints-venv

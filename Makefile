# Two commands for a newcomer (demo, test); the rest is for whoever works on docdex.
PYTHON ?= python3
BIN := .venv/bin
# The CPU build of torch is what the tests need; an index that only has CUDA builds works too, it is only larger.
.PHONY: setup setup-test demo test check clean

setup: .venv/.base
setup-test: .venv/.test

.venv/.base: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.test: .venv/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,train]'
	@touch $@

demo: setup
	$(BIN)/docdex demo demo

test: setup-test
	$(BIN)/python -m pytest

check: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv demo build dist

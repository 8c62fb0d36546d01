# Two commands matter: `make demo` shows what works, `make test` proves it.
# Each builds its own .venv from the pinned lock; nothing else has to be installed by hand.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
OUT    ?= out
# At the developers' desks and in CI the data folder stands beside the checkout.
ifneq ($(wildcard ../shared/data),)
export SUREFOOT_DATA ?= $(abspath ../shared/data)
endif

.PHONY: demo test lint study bench docs lock clean install

install: $(STAMP)

$(STAMP): requirements/lock.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/lock.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: $(STAMP)  ## every room at quick scale, one page each
	$(BIN)/surefoot run --scale quick --out $(OUT)/demo

test: lint  ## lint, types and all tests
	$(BIN)/python -m pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

study: $(STAMP)  ## every room at full scale: what a report should rest on
	$(BIN)/surefoot run --scale full --out $(OUT)/study

bench: $(STAMP)  ## speed and memory against named peers, each a ratio in one run
	status=0; for script in benchmarks/*.py; do $(BIN)/python $$script || status=1; done; exit $$status

docs: $(STAMP)  ## run the guides' code and refresh the pictures
	$(BIN)/python -m pytest tests/guards tests/test_guides.py
	$(BIN)/python docs/refresh.py

lock: $(STAMP)  ## write down what is installed now
	@{ sed -n '/^#/p' requirements/lock.txt; $(BIN)/python -m pip freeze --exclude-editable \
	  | sed 's/^torch==\([0-9.]*\).*/torch==\1/'; } > requirements/lock.new
	mv requirements/lock.new requirements/lock.txt

clean:
	rm -rf $(VENV) $(OUT) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

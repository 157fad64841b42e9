# Each target calls one command; `python -m <part> --help` tells more. Settings such as DATA=,
# WEIGHTS=, SAMPLES= or RUN= may be given here or in the environment.
.PHONY: setup tune export demo data test lint tensorboard bench bench-search clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The first Python here that is of the right version makes the environment.
PYTHON ?= python3
TENSORFLOW ?= cpu

export ORT_DISABLE_TELEMETRY := 1
export GRADIO_ANALYTICS_ENABLED := False

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else "error: this needs Python 3.11 to 3.13, and PYTHON=$(PYTHON) is %d.%d; give PYTHON=python3.12 or the like" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,$(TENSORFLOW),dev]'
	@touch $@

tune: setup
	@$(BIN)/python -m tuning

export: setup
	@$(BIN)/python -m export

demo: setup
	@$(BIN)/python -m inference demo

data: setup
	@$(BIN)/python -m data fetch

test: setup
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

tensorboard: setup
	@$(BIN)/tensorboard --logdir artifacts/runs

bench-search: setup
	@$(BIN)/python -m tuning.bench

bench: setup
	@$(BIN)/python -m inference bench

clean:
	rm -rf $(VENV) *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

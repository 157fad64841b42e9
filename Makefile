# Each target calls one command; `python -m <part> --help` tells more. Settings such as DATA=,
# WEIGHTS=, SAMPLES= or RUN= may be given here or in the environment.
.PHONY: setup tune watch export space web push demo serve data test lint tensorboard bench bench-search \
	requirements clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The first Python here that is of the right version makes the environment.
RIGHT := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(RIGHT)' 2>/dev/null && echo $$p && break; done)
TENSORFLOW ?= cpu

export ORT_DISABLE_TELEMETRY := 1
export GRADIO_ANALYTICS_ENABLED := False

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@"$(PYTHON)" -c '$(RIGHT)' 2>/dev/null || \
		{ echo "error: this needs Python 3.11 to 3.13; give PYTHON=<path of one>" >&2; exit 1; }
	@echo 'setting up $(VENV), which takes a minute or two'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,$(TENSORFLOW),dev]'
	@touch $@

tune: setup
	@$(BIN)/python -m tuning

watch: setup
	@$(BIN)/python -m tuning watch

export: setup
	@$(BIN)/python -m export

space: setup
	@$(BIN)/python -m export space --to "$(or $(TO),artifacts/space)"

web: setup
	@$(BIN)/python -m export web --to "$(or $(TO),artifacts/web)"

push: setup
	@$(BIN)/python -m export push --to "$(TO)" $(if $(BACKBONE),--backbone "$(BACKBONE)") \
		$(if $(PRIVATE),--private) $(if $(SPACE),--space) $(if $(DRY_RUN),--dry-run) \
		$(if $(LICENSE),--license "$(LICENSE)")

demo: setup
	@$(BIN)/python -m inference demo

serve: setup
	@$(BIN)/python -m inference serve

data: setup
	@$(BIN)/python -m data fetch

# Many tests wait for a page or a process: one more at a time than there are processors.
AT_ONCE = $(BIN)/python -c "from data.processors import usable; print(min(8, usable() + 1))"
test: setup
	@$(BIN)/python -m pytest -n $$($(AT_ONCE)) --dist loadfile --no-loadscope-reorder

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --no-cache

tensorboard: setup
	@$(BIN)/tensorboard --logdir artifacts/runs

bench-search: setup
	@$(BIN)/python -m benchmarks $(BENCH)

bench: setup
	@$(BIN)/python -m inference bench

# The image's packages with their hashes, in the versions of constraints.txt: pip install pip-tools
requirements:
	@CUSTOM_COMPILE_COMMAND="make requirements" $(or $(PIP_COMPILE),pip-compile) --quiet \
		--extra service --extra heif --constraint constraints.txt --generate-hashes --strip-extras \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--output-file requirements-service.txt pyproject.toml

clean:
	rm -rf $(VENV) *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Every target does its own set-up: a virtual environment in .venv, made with this machine's
# Python and filled from requirements.lock, once, and again when the lock or pyproject changes.

VENV    := .venv
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready
PYTHONS := python3 python3.12 python3.11 python3.10
PIP     := $(BIN)/python -m pip --disable-pip-version-check --no-input -q

# An argument for pytest's command line: make test ARGS="-k accrue -x"
ARGS    ?=
# Where the demos leave their warehouses, triggers and reports.
OUTPUT  ?= out/demo
KAFKA_OUTPUT ?= out/kafka-demo
FLINK_OUTPUT ?= out/flink
# Of `make kafka`, on 127.0.0.1.
KAFKA_PORT   ?= 9092

USABLE  := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
INTACT  := import sys, pip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))

.PHONY: help demo kafka kafka-demo kafka-faults flink parity test test-nightly check format lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 21

demo: $(READY) ## set up and run a year of a grocer's loyalty data through the pipeline
	$(BIN)/kizuna demo --output $(OUTPUT)

kafka: $(READY) ## fetch Kafka with Maven, once, and run a broker on loopback until Ctrl-C
	$(BIN)/python -m scripts.kafka_broker start --port $(KAFKA_PORT)

kafka-demo: $(READY) ## events through a real Kafka: producers, two processes, a channel consumer
	$(BIN)/kizuna kafka-demo --output $(KAFKA_OUTPUT)

kafka-faults: $(READY) ## kill, suspend and restart everything under a live run, and compare (8 minutes)
	$(BIN)/python tests/faults/kafka_fault_run.py

flink: $(READY) ## a rebuild on a real Flink of several processes, compared with the local one
	$(BIN)/python -m scripts.flink_demo --output $(FLINK_OUTPUT)

parity: $(READY) ## run and rebuild 4 million events and compare every row (an hour)
	$(BIN)/python tests/parity_run.py

test: $(READY) ## set up and run every test; those on Kafka where Java and Maven are
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 10 $(ARGS)

test-nightly: $(READY) ## play the ledger's state machine 10,000 times, under all its programmes
	$(BIN)/python -m pytest -n 2 --hypothesis-profile nightly --durations 10 \
	  tests/properties/test_ledger_machine.py $(ARGS)

check: $(READY) ## formatter, linter and types; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY) ## format, and fix what the linter can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(READY) ## pin the newest versions that pyproject.toml allows, for Python 3.10 to 3.12
	$(PIP) install uv
	@echo "# Made by 'make lock' from pyproject.toml with the extras batch, demo, dev, live and quality. Don't edit." > requirements.new
	$(BIN)/uv pip compile pyproject.toml --extra batch --extra demo --extra dev --extra live --extra quality --upgrade --quiet \
	  --universal --python-version 3.10 --no-python-downloads --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url >> requirements.new
	mv requirements.new requirements.lock

clean: ## remove the environment, caches, build products, Kafka and the demos' output
	@! test -d .kafka || ! test -x $(BIN)/python || $(BIN)/python -m scripts.kafka_broker stop
	@! test -d .flink || ! test -x $(BIN)/python || $(BIN)/python -m scripts.flink_cluster stop
	rm -rf $(VENV) build dist ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf .kafka .flink $(OUTPUT) $(KAFKA_OUTPUT) $(FLINK_OUTPUT)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	@if ! $(BIN)/python -c '$(INTACT)' 2>/dev/null; then \
	  for python in $(PYTHONS); do \
	    if $$python -c '$(USABLE)' 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    seen=$$(for python in $(PYTHONS); do $$python --version 2>/dev/null; done | sort -u | tr '\n' ' '); \
	    echo "kizuna needs Python 3.10, 3.11 or 3.12 with venv and pip; found: $${seen:-no Python}" >&2; \
	    exit 2; \
	  fi; \
	  echo "Making $(VENV) with $$($$found --version)"; \
	  $$found -m venv --clear $(VENV); \
	fi
	@echo "Installing from requirements.lock"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $(READY)

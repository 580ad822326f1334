# Tallystick in six commands; each makes the virtual environment that it needs.
#   make demo  [ARGS="--seconds 20"]   a metered log platform, live in this terminal
#   make test  [ARGS="-k words"]       every test, against the real parts
#   make check                         lint, format, types, import rules
#   make faults [ARGS="--seconds 600"] kill -9, cut lines, full disks by seed: recorded = queryable + known gaps
#   make bench [ARGS="--quick"]        the figures of benchmarks/
#   make clean                         remove what these commands made

ARGS ?=
WORKERS ?= 3 # tests wait more than they count: one more than the usual two cores
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCHMARKS := $(wildcard $(addprefix benchmarks/,ingest.py records.py costs.py cumulative.py query.py export.py months.py levels.py record.py llm.py spool.py thresholds.py dashboard.py))

USABLE := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))
FIRST_USABLE = for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$python -c "$(USABLE)" 2>/dev/null; then echo $$python; break; fi; done
PYTHON ?= $(shell $(FIRST_USABLE))

.PHONY: help demo test faults check bench clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   //p' Makefile

demo: $(INSTALLED)
	@$(BIN)/tallystick demo $(ARGS)

test: $(INSTALLED)
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

faults: $(INSTALLED)
	@$(BIN)/python -W ignore tests/fault/long.py $(ARGS)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED)
	@set -e; for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python $$script $(ARGS); done

clean:
	rm -rf $(VENV) .cache dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src exporter receiver tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# pip 25.1 is the first that knows dependency groups; the stamp comes last, so an interrupted installation is repeated.
$(INSTALLED): pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c "$(USABLE)" 2>/dev/null || { \
		echo "Tallystick needs Python 3.11 or later with the module venv (Debian: apt-get install python3-venv);" \
			"name one with make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	@touch $@

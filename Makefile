# Needs python >= 3.11 with venv, git and a C compiler; everything else goes into .venv, at the versions
# of constraints.txt.
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
USABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c '$(USABLE)' 2>/dev/null && echo $$p && break; done)

# One thread a process: the same sums in the same order on every machine, and no fight over two cores.
export OMP_NUM_THREADS := 1

.PHONY: demo test test-all test-flower test-ray test-nvflare lint bench clean

demo: $(VENV)/installed
	$(BIN)/gradveil audit --preset quick

test: $(VENV)/installed
	$(BIN)/python -m pytest -n 2

test-all: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 -m ""

# flwr pins older packages than the rest, so its tests have an environment of their own.
test-flower: $(VENV)-flower/installed
	FLWR_TELEMETRY_ENABLED=0 $(VENV)-flower/bin/python -m pytest -n 2 --dist loadfile tests/fl/flower

# Tests of the extras ray and parquet, which the first environment does not have.
test-ray: $(VENV)-flower/installed
	$(VENV)-flower/bin/python -m pytest tests/audit/executors tests/records/test_parquet.py

# nvflare's own environment: it pulls in what none of the others needs.
test-nvflare: $(VENV)-nvflare/installed
	$(VENV)-nvflare/bin/python -m pytest tests/fl/nvflare

lint: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/installed
	$(BIN)/python -m pytest benchmarks/ops -m "" --benchmark-only

clean:
	rm -rf $(VENV) $(VENV)-flower $(VENV)-nvflare dist .*_cache .benchmarks .hypothesis

# torch comes first and alone, so that no later requirement can pull another build of it.
$(VENV)/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no python >= 3.11 with venv: install python3.11 and python3.11-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt torch hatchling editables
	$(PIP) install -q -c constraints.txt --no-build-isolation -e '.[dev]'
	touch $@

$(VENV)-flower/installed: pyproject.toml constraints-peers.txt
	@test -n "$(PYTHON)" || { echo "no python >= 3.11 with venv: install python3.11 and python3.11-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)-flower
	$(VENV)-flower/bin/python -m pip --disable-pip-version-check install -q -c constraints-peers.txt torch hatchling editables
	$(VENV)-flower/bin/python -m pip --disable-pip-version-check install -q -c constraints-peers.txt \
		--no-build-isolation -e '.[flower,ray,parquet]' hypothesis pytest pytest-timeout pytest-xdist
	touch $@

$(VENV)-nvflare/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no python >= 3.11 with venv: install python3.11 and python3.11-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)-nvflare
	$(VENV)-nvflare/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt torch hatchling editables
	$(VENV)-nvflare/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt \
		--no-build-isolation -e '.[nvflare]' hypothesis pytest pytest-timeout
	touch $@

# Each target does the set-up that it needs first, in .venv/, and is quick when nothing changed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
MINUTES ?= 2
# Most of the tests' time is waiting for cameras and servers: some files run at once. Those that run a
# whole lesson need the machine for themselves.
PARALLEL ?= -n 3 --dist loadfile --max-worker-restart 0 --ignore=tests/e2e

.PHONY: help setup demo test test-all check lock clean

help:
	@echo "make demo    run everything on simulated cameras (MINUTES=$(MINUTES))"
	@echo "make test    the tests (make test-all: the slow ones too)"
	@echo "make check   lint, types, import rules"
	@echo "make setup   only the virtual environment and the weights"
	@echo "make lock    write requirements.lock anew from pyproject.toml (needs uv)"

setup: $(READY)

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try: make PYTHON=python3.12 setup")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --require-hashes --progress-bar off -qr requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -qe .
	$(BIN)/facepose weights pull
	touch $(READY)

demo: setup
	$(BIN)/facepose demo --prepare --minutes $(MINUTES)
	$(BIN)/facepose demo --minutes $(MINUTES) --summary demo-summary.json

test: setup
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"
	$(BIN)/python -m pytest -m "not slow" tests/e2e

test-all: setup
	$(BIN)/python -m pytest $(PARALLEL)
	$(BIN)/python -m pytest tests/e2e

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-config --override requirements.override --upgrade -qo requirements.lock

clean:
	rm -rf .venv .facepose demo-summary.json demo-report.html demo-weekly.html demo-weekly.pdf

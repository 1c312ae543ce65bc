# `make demo` and `make test` do all of their own set-up; a second call installs nothing.

PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test lint lock torture fuzz sweep coverage clean

demo: .venv/run
	$(BIN)/snakemake --profile profiles/demo all
	$(BIN)/snakemake --profile profiles/demo --report results/demo/report.html all
	@echo 'The report, for a browser: results/demo/report.html'

test: lint
	$(BIN)/pytest

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check .
	$(BIN)/mypy
	PYTHONPATH=workflow_scripts $(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/snakemake --lint

.venv/%: envs/pip/%.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.12")'
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< || { \
	    echo 'The packages could not be installed, for the reason above. Behind a proxy, set HTTPS_PROXY; with an index of' \
	    'your own, PIP_INDEX_URL. Then type the same again.' >&2; exit 1; }
	touch $@

COMPILE = uv pip compile --universal --python-version 3.11 --no-annotate --no-emit-index-url --quiet

# Update the pinned versions: of what pip installs, and the same in the environments that conda makes.
lock:
	set -e; for set in run dev; do $(COMPILE) --generate-hashes --custom-compile-command "make lock" \
	    envs/pip/$$set.in -o envs/pip/$$set.txt; done
	set -e; for set in compute report; do \
	    pins="$$($(COMPILE) --no-header --constraints envs/pip/run.txt envs/pip/$$set.in)"; \
	    { printf '%s\n' "# Written by make lock, from envs/pip/$$set.in." 'channels: [conda-forge]' dependencies: \
	    '  - python=3.11' '  - pip' '  - pip:'; echo "$$pins" | sed 's/.*/      - "&"/'; } > envs/$$set.yaml; done

# Kills, full disks and bad inputs at the rules of all and of studies: an hour or more. The same command continues where
# it was stopped.
TORTURE ?= results/torture
torture: .venv/run
	$(BIN)/python tests/support/faults.py $(TORTURE)

# Any input works or is a sentence: so many of each kind, hours for 100,000. What fails is kept in tests/fuzz/failed/.
FUZZ ?= 100000
fuzz: .venv/dev
	FUZZ=$(FUZZ) $(BIN)/pytest tests/fuzz

# Hours: every network of torchvision and timm against independent readings of it; a second call goes on.
SWEEP ?= results/sweep.csv
sweep: .venv/dev
	PYTHONPATH=workflow_scripts $(BIN)/python tests/sweep/sweep_networks.py $(SWEEP)

# How often each 95 % interval covers the truth: the table of docs/claims.md, in a quarter of an hour.
coverage: .venv/dev
	PYTHONPATH=workflow_scripts $(BIN)/python tests/statistics/simulations.py 1000

clean:
	rm -rf results/demo

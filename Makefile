# `make demo` and `make test` do all of their own set-up; a second call installs nothing.

PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test lint lock clean

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
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

# Update the pinned versions.
lock:
	for set in run dev; do uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --no-emit-index-url --custom-compile-command "make lock" --quiet envs/pip/$$set.in -o envs/pip/$$set.txt; done

clean:
	rm -rf results/demo

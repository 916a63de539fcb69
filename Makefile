# Every target makes the virtual environment that it needs; a second run finds it ready.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Of the tests: one more than there are cores, since many wait for a program, a compiler or a deadline.
JOBS ?= $(shell $(PYTHON) -c "import os; print(1 + len(os.sched_getaffinity(0)))")
# Without looking for garbage black takes two thirds of the time, and 300 MB a core.
BLACK := $(BIN)/python -c "import gc; gc.disable(); from black import patched_main; patched_main()"
# Installing the package builds the explorer's C engine, where there is a compiler.
ENGINE := $(wildcard opvasm/explorer/native/source/*)

.PHONY: help demo test coverage collect exercise check check-format check-types format bench native kernels corpus screenshot site site-test editors vscode-test clean

help:
	@echo "make demo      find a race between two threads, and draw it"
	@echo "make test      run the tests (JOBS=1 in one process)"
	@echo "make fresh     make demo and make test in a bare Debian root (needs root and debootstrap)"
	@echo "make coverage  run the tests and print the lines that they missed"
	@echo "make check     black, ruff and mypy --strict"
	@echo "make format    let black and ruff change the files"
	@echo "make bench     measure, and print ratios"
	@echo "make native    build the explorer's engine in C again"
	@echo "make kernels   boot Debian's kernels in qemu, and hold the profiles against them"
	@echo "make corpus    audit a public server, and hold the result to what is known of it"
	@echo "make screenshot  make docs/images/explore.png with a headless Chromium"
	@echo "make site      build the documents and the playground in site/build (needs node and npm)"
	@echo "make editors   test the colours of VS Code, and package its extension (needs node and npm)"
	@echo "make vscode-test  install the extension in the server of VS Code, and use it (900 MB, Chromium)"
	@echo "make site-test open them in a headless Chromium"
	@echo "make clean     remove what the other targets made"

demo: $(VENV)/.run
	$(BIN)/opvasm explore samples/races/list.opv naive

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

fresh:
	.ci/fresh

coverage: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(JOBS) --cov=opvasm --cov-report=term-missing

# Compiles the files of the tests, so that not each process that runs some of them does.
collect: $(VENV)/.dev
	@$(BIN)/python -m pytest --collect-only --quiet --quiet >/dev/null

# The fallback is exercised: ops, lengths, alignments and outcomes that samples and cases reach.
exercise: $(VENV)/.dev
	$(BIN)/opvasm test --coverage --require 70 samples tests/conformance

# `make -j2 check` does both at a time, the first while what the second needs is installed.
check: check-format check-types

check-format: $(VENV)/.format
	$(BLACK) --check --diff --quiet opvasm tests benchmarks
	$(BIN)/ruff check opvasm tests benchmarks

check-types: $(VENV)/.dev
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix opvasm tests benchmarks
	$(BLACK) opvasm tests benchmarks

bench: $(VENV)/.run
	$(BIN)/python -m benchmarks

# Not for CI: downloads kernels into a temporary folder (KERNELS="--keep FOLDER" keeps them).
kernels: $(VENV)/.dev
	$(BIN)/python -m tests.kernels --boot --probe --tries 30 $(KERNELS)

native: $(VENV)/bin/python
	$(BIN)/python opvasm/explorer/native/build.py

corpus: $(VENV)/.dev
	$(BIN)/python -m benchmarks.corpus

screenshot: $(VENV)/.run
	sh docs/images/make.sh $(BIN)/opvasm

# To look at it: python3 -m http.server -d site/build
site: $(VENV)/.site site/node_modules/.ready
	$(BIN)/python site/build.py

# To try it in the editors that are installed: sh editors/try.sh .venv/bin/opvasm
editors: $(VENV)/.dev editors/vscode/node_modules/.ready
	$(BIN)/python editors/grammar.py --check
	cd editors/vscode && node test/grammar.mjs && npm run --silent package

vscode-test: editors $(VENV)/.site
	sh editors/vscode/server.sh
	$(BIN)/python -m pytest -p no:cacheprovider tests/editors/test_vscode.py

# Its pictures in the README: .venv/bin/python site/screenshots.py
site-test: $(VENV)/.site
	$(BIN)/python -m pytest -p no:cacheprovider tests/site

clean:
	rm -rf site/build site/.work site/node_modules $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

# .run has what a user needs, .dev also what the tests and checks need; .format, which is ready
# long before, has what check-format needs, and what builds the package in .dev.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "opvasm needs Python 3.11 or later; say which: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.run: $(VENV)/bin/python pyproject.toml hatch_build.py $(ENGINE)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.format: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check black ruff hatchling editables
	@touch $@

$(VENV)/.dev: $(VENV)/.format pyproject.toml hatch_build.py $(ENGINE)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[dev]'
	@touch $@ $(VENV)/.run

$(VENV)/.site: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[site]'
	@touch $@

editors/vscode/node_modules/.ready: editors/vscode/package.json
	@command -v npm >/dev/null || { echo "make editors needs node 20 or later and npm: apt-get install nodejs npm"; exit 1; }
	cp LICENSE editors/vscode/LICENSE
	cd editors/vscode && npm install --no-save --silent
	@touch $@

site/node_modules/.ready: site/package.json
	@command -v npm >/dev/null || { echo "make site needs node 20 or later and npm: apt-get install nodejs npm"; exit 1; }
	cd site && npm install --no-save --silent
	@touch $@

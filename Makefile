# Everything runs in .venv, which `make` builds from constraints.txt when it is not
# there or out of date. PYTHON=... picks the interpreter, ARGS=... is handed on to
# the command of `demo` and `test`.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# the first of these that is Python 3.10 or later
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
		&& echo $$python && break; \
	done)
BIN := .venv/bin
STAMP := .venv/.installed

JOBS ?= 2
NAME ?= *

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# no window opens for a picture that is only saved
export MPLBACKEND ?= Agg

.PHONY: help venv demo test lint types doctest docs benchmarks format clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/:/' | sort | \
		awk -F ': ' '{ printf "%-12s%s\n", $$1, $$2 }'

venv: $(STAMP) ## build the environment that all else runs in

$(STAMP): pyproject.toml setup.cfg constraints.txt
	@test -n "$(PYTHON)" || { echo "skwass needs Python 3.10 or later" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 \
		|| $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt \
		--editable '.[test,lint,docs]'
	@touch $@

demo: $(STAMP) ## embed the bundled digits and save the picture
	$(BIN)/python -m skwass $(ARGS)

# one OpenMP thread in each worker: the workers already fill the cores
test: $(STAMP) ## run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) $(ARGS)

doctest: $(STAMP) ## run the examples in docstrings and documentation
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --doctest-modules \
		--doctest-glob='*.rst' skwass docs/*.rst

lint: $(STAMP) ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## check types
	$(BIN)/mypy

docs: $(STAMP) ## build the documentation into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

benchmarks: $(STAMP) ## run benchmarks/*.py, or one of them with NAME=...
	@set -e; for script in benchmarks/$(NAME).py; do \
		case $$script in */_*) continue;; esac; \
		echo "== $$script"; $(BIN)/python $$script; \
	done

format: $(STAMP) ## rewrite the code in the style that `lint` asks for
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment and everything that was built
	rm -rf .venv build dist skwass.egg-info docs/_build docs/generated \
		docs/auto_examples docs/sg_execution_times.rst \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis
	find skwass tests benchmarks examples docs -name __pycache__ -prune \
		-exec rm -rf {} +

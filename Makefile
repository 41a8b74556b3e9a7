# demo, test, lint and bench set up what they need in .venv/ and run. PYTHON names another interpreter.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
ARGS ?=
# How many processes share the tests; with 0 they run in this one, as a debugger needs it.
WORKERS ?= 2
BIN := .venv/bin
# Airflow is a lot to compile: what is imported by every task is compiled once, into .venv and __pycache__.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## show this
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

.venv/made: setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
	  { echo "Daybreak needs Python 3.10 or later as '$(PYTHON)'. Install it, or name one: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "'$(PYTHON)' cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Setting up .venv (once, a few minutes at most) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --constraint constraints.txt --group dev --editable '.[all]'
	@touch $@

.PHONY: demo
demo: .venv/made ## run the daily chain on this machine; ARGS=--exit stops it afterwards
	@$(BIN)/python -m demo $(ARGS)

.PHONY: env
env: ## write the secrets of docker-compose.yaml into .env; PROFILES="mail celery" adds to the stack
	@bash compose/env.sh $(PROFILES)

.PHONY: test
test: .venv/made ## run the tests; ARGS=tests/unit runs some of them
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope $(ARGS)

.PHONY: lint
lint: .venv/made ## ruff, mypy and the import contract
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy provider plugins dags demo
	@PYTHONPATH=provider $(BIN)/lint-imports --config setup.cfg

.PHONY: bench
bench: .venv/made ## measure; ARGS=releases measures one part
	@PYTHONPATH=. $(BIN)/python tests/bench $(ARGS)

.PHONY: soak
soak: .venv/made ## kill everything at random while reports run, then count; DAYS=120 SEED=1
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --constraint constraints.txt --group soak
	@PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=. $(BIN)/python tests/soak --days $(or $(DAYS),120) --seed $(or $(SEED),1) $(ARGS)

.PHONY: matrix
matrix: .venv/made ## install over versions of Airflow and Python, run the daily report on each; ARGS=--write puts the table into README.md
	@PYTHONPATH=. $(BIN)/python tests/matrix $(ARGS)

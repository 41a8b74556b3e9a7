# demo, test, lint and bench set up what they need in .venv/ and run. PYTHON names another interpreter.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
ARGS ?=
# How many processes share the tests, more than there are cores, since many wait; with 0 they run in this one, as a debugger needs it.
WORKERS ?= 4
BIN := .venv/bin
# Airflow is a lot to compile: what is imported by every task is compiled once, into .venv and __pycache__.
unexport PYTHONDONTWRITEBYTECODE
# What Python is told to load elsewhere is meant for other programs.
unexport PYTHONPATH PYTHONHOME PYTHONWARNINGS

.PHONY: help
help: ## show this
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

.PHONY: .venv/made
.venv/made:
	@bash demo/set_up.sh '$(PYTHON)'

.PHONY: demo
demo: .venv/made ## run the daily chain on this machine; ARGS=--exit stops it afterwards
	@$(BIN)/python -m demo $(ARGS)

.PHONY: env
env: ## write the secrets of docker-compose.yaml into .env; PROFILES="mail celery" adds to the stack
	@bash compose/env.sh $(PROFILES)

.PHONY: test
test: .venv/made ## run the tests; ARGS=tests/unit runs some of them
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope $(ARGS)

.PHONY: sweep
sweep: .venv/made ## attack all that is promised, a thousand times as a rule, and count; ARGS=tests/integration/archive takes a part
	@DAYBREAK_SWEEP=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadscope -m attack --timeout 3600 $(ARGS)

.PHONY: audit
audit: .venv/made ## look for known mistakes: bandit in the code, zizmor in the workflow of docs/ci
	@$(BIN)/uv tool run --quiet 'bandit[toml]==1.9.4' --quiet --configfile pyproject.toml --recursive provider dags plugins
	@$(BIN)/uv tool run --quiet zizmor==1.32.0 --offline --no-progress --config .ci/zizmor.yml docs/ci/github.yml

.PHONY: lint
lint: .venv/made ## ruff, mypy and the import contract
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy provider plugins dags demo
	@PYTHONPATH=provider $(BIN)/lint-imports --config setup.cfg

.PHONY: docs
docs: ## build the site of the documents, in build/site; a warning is an error
	@[[ -x build/docs/bin/python ]] || '$(PYTHON)' -m venv build/docs
	@build/docs/bin/python -m pip install --quiet --disable-pip-version-check --requirement docs/site/requirements.txt
	@build/docs/bin/python -m docs.site

.PHONY: release
release: .venv/made ## make what is published, in dist/: wheel, bill of materials, digests; ARGS=--trial before its day
	@PYTHON=$(BIN)/python bash .ci/release $(ARGS)

.PHONY: bench
bench: .venv/made ## measure; ARGS=releases measures one part, ARGS=--short whether something got worse, in a minute
	@PYTHONPATH=. $(BIN)/python tests/bench $(ARGS)

.PHONY: pictures
pictures: .venv/made ## make the pictures of the documents anew
	@DAYBREAK_PICTURES=docs/images $(BIN)/python -m pytest -q tests/integration/reports/test_looks.py \
		tests/integration/reports/test_flights.py tests/unit/reports/test_docs.py
	@npm install --silent --no-audit --no-fund --no-save --prefix build/mermaid mermaid@11.17.2
	@$(BIN)/python -m docs.site.diagrams build/mermaid/node_modules/mermaid/dist/mermaid.min.js "$$(command -v chromium)"

.PHONY: soak
soak: .venv/made ## kill everything at random while reports run, then count; DAYS=120 SEED=1 PAUSE=2.5
	@PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=. $(BIN)/python -m tests.soak --days $(or $(DAYS),120) --seed $(or $(SEED),1) --pause $(or $(PAUSE),2.5) $(ARGS)

.PHONY: matrix
matrix: .venv/made ## install over versions of Airflow and Python, run the daily report on each; ARGS=--write puts the table into README.md
	@PYTHONPATH=. $(BIN)/python tests/matrix $(ARGS)

.PHONY: mistreat
mistreat: .venv/made ## run the demo on machines that are against it, as root; ARGS=no_network is one of them
	@PYTHONPATH=. $(BIN)/python tests/mistreat $(ARGS)

# Everything runs from .venv, which the first target that needs it makes; only make and Python >= 3.11 must be there.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# Images set it to be small; then pytest rewrites every test again, and every Python that a test starts compiles the package.
export PYTHONDONTWRITEBYTECODE :=

VENV := .venv
BENCH := .venv-bench
CLUSTER := .venv-cluster
CLUSTER_PYTHON ?= /usr/bin/python3
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install -qq
# Two more than the two processors of CI: a quarter of the time is spent waiting.
WORKERS ?= 4
DIST := --dist loadscope --no-loadscope-reorder
COVERAGE_FLOOR ?= 95
ARGS ?=
SEED ?= $(shell date +%s)
SEED := $(SEED)
MINUTES ?= 30
FAULTS := tests/faults tests/journal/test_killed.py tests/continuous/test_killed.py tests/admin/migrations/test_faults.py tests/model \
  tests/invariants/test_any_values.py tests/invariants/test_any_rows.py tests/invariants/test_analytics.py \
  tests/invariants/test_days.py tests/invariants/test_injection.py
WALKS := tests/statements/test_files.py tests/statements/test_description.py tests/statements/test_queries.py \
  tests/statements/test_commands.py tests/statements/test_plans.py tests/statements/test_prepared.py \
  tests/typing tests/docs tests/admin/schema/test_catalog.py
NEWEST ?= psycopg[binary,pool]
LOWEST_NEEDS := pytest hypothesis numpy pandas uvloop
LOWEST_TESTS ?= tests/unit tests/database tests/cli/test_doctor.py tests/cli/test_errors.py

help: ## Show this list
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Set-up (the other targets call it themselves)

setup: $(VENV)/.dev ## Make .venv with everything a developer needs

$(VENV)/.created:
	@for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  found=$$python; \
	  for maker in venv virtualenv; do \
	    [ $$maker = virtualenv ] || "$$python" -c 'import ensurepip' 2>/dev/null || continue; \
	    "$$python" -c "import $$maker" 2>/dev/null || continue; \
	    echo "Making $(VENV) with $$("$$python" --version) ..."; \
	    "$$python" -m $$maker --clear $(VENV) >/dev/null && touch $@ && exit 0; \
	  done; \
	done; \
	if [ -n "$$found" ]; then \
	  echo "$$found cannot make a virtual environment: install its venv module (Debian, Ubuntu: apt install python3-venv) or virtualenv." >&2; \
	else \
	  echo "No Python 3.11 or newer found: install one, or name it with make PYTHON=/path/to/python3." >&2; \
	fi; exit 1

$(VENV)/.embedded: $(VENV)/.created pyproject.toml
	@echo "Installing atb-db and an embedded PostgreSQL ..."
	@$(PIP) --editable '.[embedded,report]'
	@touch $@

$(VENV)/.dev: $(VENV)/.created pyproject.toml
	@echo "Installing atb-db and its development tools ..."
	@$(PIP) --editable '.[dev]'
	@touch $(VENV)/.embedded $@

##@ Use

demo: $(VENV)/.embedded ## Record a trading session in a throwaway PostgreSQL (ARGS="--keep" leaves it running)
	@$(VENV)/bin/atb-db demo $(ARGS)

test: $(VENV)/.dev ## Run the tests (ARGS="-k ledger", WORKERS=4; COVERAGE=1 collects branch coverage, for make cov)
	@$(PY) -m pytest -n $(WORKERS) $(DIST) -m "not slow" $(if $(COVERAGE),--cov --cov-report=) $(ARGS)

test-slow: $(VENV)/.dev ## Run what make test leaves out, as it takes long and seldom fails alone; make check runs both
	@$(PY) -m pytest -n $(WORKERS) $(DIST) -m slow $(if $(COVERAGE),--cov --cov-append --cov-report=) $(ARGS)

explore: $(VENV)/.dev ## Run every test of values that are drawn, slow or not, with others than make test draws (SEED=7)
	@echo "SEED=$(SEED)"
	@ATB_DB_SEED=$(SEED) $(PY) -m pytest -n $(WORKERS) $(DIST) -m drawn --hypothesis-seed=$(SEED) $(ARGS)

walks: $(VENV)/.dev ## Run what a new or changed statement needs: the walks over all of them, and what is generated
	@$(PY) -m pytest -q -n $(WORKERS) $(DIST) -m "not slow" $(WALKS) $(ARGS)

test-matrix: $(VENV)/.dev ## Run the tests on this machine's PostgreSQL and on every one that the wheel carries
	@set -e; for bin in "" $$($(PY) -c 'from atb_db.embedded import wheel_binaries; print(*wheel_binaries())'); do \
	  echo "PostgreSQL in $${bin:-the usual places}:"; \
	  ATB_DB_PG_BIN=$$bin $(PY) -m pytest -q -n $(WORKERS) $(DIST) $(ARGS); \
	done

faults: $(VENV)/.dev ## Run the whole fault suite and write its table into docs/reliability.md (SEED=7)
	@mkdir -p build && rm -f build/faults.jsonl
	@export ATB_DB_SEED=$(SEED) ATB_DB_FAULTS=full ATB_DB_FAULTS_FILE=$(CURDIR)/build/faults.jsonl; \
	  $(PY) -m pytest -q $(FAULTS) -o faulthandler_timeout=900 $(ARGS); failed=$$?; \
	  $(PY) -m tests.faults.results build/faults.jsonl docs/reliability.md faults; exit $$failed

soak: $(VENV)/.dev ## Work among random faults for long, and write what came of it there, too (MINUTES=30, SEED=7)
	@mkdir -p build && rm -f build/soak.jsonl
	@export ATB_DB_SEED=$(SEED) ATB_DB_FAULTS=full ATB_DB_FAULTS_FILE=$(CURDIR)/build/soak.jsonl; \
	  ATB_DB_SOAK_MINUTES=$(MINUTES) $(PY) -m pytest -q tests/faults/test_soak.py -p no:logging -o faulthandler_timeout=0 $(ARGS); \
	  failed=$$?; $(PY) -m tests.faults.results build/soak.jsonl docs/reliability.md soak; exit $$failed

cluster: $(VENV)/.dev $(CLUSTER)/.made ## Start three PostgreSQL nodes under Patroni and etcd on this machine
	@$(PY) -m tests.cluster.cluster start

cluster-stop: $(VENV)/.dev ## Stop them, and remove what they wrote
	@$(PY) -m tests.cluster.cluster stop

cluster-faults: $(VENV)/.dev $(CLUSTER)/.made ## Kill, cut off and switch over leaders of such a cluster under load (SEED=7)
	@mkdir -p build && rm -f build/cluster.jsonl
	@export ATB_DB_SEED=$(SEED) ATB_DB_FAULTS=full ATB_DB_FAULTS_FILE=$(CURDIR)/build/cluster.jsonl; \
	  $(PY) -m pytest -q tests/cluster -o faulthandler_timeout=900 $(ARGS); failed=$$?; \
	  $(PY) -m tests.faults.results build/cluster.jsonl docs/reliability.md cluster-faults; exit $$failed

# The server's account, which is another one under root, must be able to read this Python.
$(CLUSTER)/.made: tests/cluster/requirements.txt
	@echo "Installing Patroni ..."
	@$(CLUSTER_PYTHON) -m venv --clear $(CLUSTER)
	@$(CLUSTER)/bin/python -m pip --disable-pip-version-check install -qq -r tests/cluster/requirements.txt
	@touch $@

##@ Checks

check: COVERAGE := 1
check: check-static dependencies test test-slow cov ## Everything that must be green before a commit

check-static: lint types floors sql-lint ## The checks that run no tests

lint: $(VENV)/.dev ## Format and lint of the Python files
	@$(PY) -m ruff format --check --quiet . || { echo "make fmt fixes the format" >&2; exit 1; }
	@$(PY) -m ruff check --quiet .

types: $(VENV)/.dev ## mypy --strict, and pyright
	@$(PY) -m mypy
	@$(PY) -m basedpyright

floors: $(VENV)/.dev ## Imports only go down
	@$(VENV)/bin/lint-imports --no-logo

sql-lint: $(VENV)/.dev ## Layout of the SQL (sqlfluff), safety of the migrations (squawk and our own rules)
	@$(VENV)/bin/sqlfluff lint sql/schema sql/queries sql/catalog
	@$(VENV)/bin/atb-db lint

dependencies: $(VENV)/.dev ## Known vulnerabilities of what is installed; says so where the advisories cannot be reached
	@$(PY) -m tests.dependencies

# Into a folder of its own that goes before .venv: what .venv has stays as it is.
newest: $(VENV)/.dev ## The core's tests on the newest psycopg, a pre-release where there is one; for information, never fails
	@rm -rf build/newest; \
	$(PIP) --pre --upgrade --target build/newest '$(NEWEST)' || { echo "$(NEWEST): cannot be had from here, nothing was tried"; exit 0; }; \
	versions='from importlib.metadata import version as v; print("psycopg", v("psycopg"), "pool", v("psycopg-pool"))'; \
	ours=$$($(PY) -c "$$versions"); theirs=$$(PYTHONPATH=build/newest $(PY) -c "$$versions"); \
	if [ "$$ours" = "$$theirs" ]; then echo "$$ours: there is nothing newer"; exit 0; fi; \
	echo "$$theirs instead of $$ours:"; \
	PYTHONPATH=build/newest $(PY) -m pytest -q --tb=short -r fE --maxfail=5 tests/database tests/statements/test_prepared.py \
	  || echo "It does not work with $$theirs yet; no reason to stop"

lowest: $(VENV)/.dev ## The core's tests on the lowest versions that pyproject.toml allows, in an environment of their own
	@mkdir -p build && $(PY) -m tests.lowest > build/lowest.txt
	@$(PY) -m venv --clear build/lowest 2>/dev/null || $(PY) -m virtualenv --clear build/lowest >/dev/null
	@build/lowest/bin/python -m pip --disable-pip-version-check install -qq --constraint build/lowest.txt \
	  --editable '.[embedded]' $(LOWEST_NEEDS)
	@build/lowest/bin/python -m pytest -q --tb=short -r fE $(LOWEST_TESTS) $(ARGS)

cov: $(VENV)/.dev ## Coverage of the last make test COVERAGE=1, and its floor
	@$(PY) -m coverage report --fail-under=$(COVERAGE_FLOOR)

##@ Measure

growth: $(VENV)/.dev ## How writes and reads fare while the tables grow (ARGS="--largest 10000000")
	@$(PY) -m benchmarks.growth $(ARGS)

protection: $(VENV)/.dev ## What an archive loses when its server vanishes, how long coming back takes (ARGS="--rounds 3")
	@$(PY) -m benchmarks.protection $(ARGS)

##@ Chores

fmt: $(VENV)/.dev ## Format the Python files, fix what ruff can
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

catalog: $(VENV)/.dev ## Write sql/catalog.json again from sql/schema
	@$(PY) -m atb_db.admin.schema.catalog

docs: $(VENV)/.dev ## Write what is generated again: select lists, docstrings of fields, docs/{cli,repository,settings,verify}.md
	@$(PY) -m tests.docs.selects
	@$(PY) -m tests.docs.fields
	@$(PY) -m tests.docs.repository_page docs/repository.md
	@$(PY) -m tests.docs.settings_page docs/settings.md
	@$(PY) -m tests.docs.tree
	@$(PY) -m tests.admin.corruptions.page docs/verify.md
	@$(PY) -m tests.docs.privileges_table docs/verify.md
	@$(PY) -m atb_db.cli.reference docs/cli.md

wheel: $(VENV)/.dev ## Build the sdist and the wheel into dist/
	@$(PY) -m build --no-isolation

##@ Benchmarks

$(BENCH)/.made: $(VENV)/.created pyproject.toml benchmarks/requirements.txt
	@echo "Installing atb-db and what it is compared with ..."
	@$(PY) -m venv --clear $(BENCH) 2>/dev/null || $(PY) -m virtualenv --clear $(BENCH) >/dev/null
	@$(BENCH)/bin/python -m pip --disable-pip-version-check install -qq --editable '.[embedded]' -r benchmarks/requirements.txt
	@touch $@

bench: $(BENCH)/.made ## Measure it side by side with others, and write docs/benchmarks.md
	@$(BENCH)/bin/python -m benchmarks $(ARGS)

bench-quick: $(BENCH)/.made ## A smaller part of everything, into build/benchmarks-quick
	@$(BENCH)/bin/python -m benchmarks --quick $(ARGS)

clean: ## Remove .venv and everything generated
	@rm -rf $(VENV) $(BENCH) $(CLUSTER) dist build htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup demo test test-slow explore walks test-matrix faults soak cluster cluster-stop cluster-faults check check-static lint types floors sql-lint dependencies newest lowest cov growth protection fmt catalog docs wheel bench bench-quick clean

PYTHON ?= python3
WORKERS ?= 1
ARGS ?=
JOBS ?= auto
TEST_JOBS := -n $(JOBS) --dist loadfile
READY := .venv/.ready
PGROSTER := .venv/bin/python -m api.cli
# The environment variables, unlike -c, hold what builds a package to its version as well; pip has one for it from 25.3 on.
PIP := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt .venv/bin/python -m pip --quiet --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test test-slow test-faults check format docs fingerprint bench bench-audit bench-queries migrate rollback seed psql doctor lock sbom clean

help: ## show what there is to run
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

run: $(READY) ## start everything on http://127.0.0.1:8000 (WORKERS=2 for two processes)
	@exec $(PGROSTER) serve --migrate --seed --workers $(WORKERS)

test: $(READY) ## run the tests on throw-away servers (ARGS="-k login" picks some, JOBS=1 runs one at a time)
	@.venv/bin/python -m pytest $(TEST_JOBS) $(ARGS)

test-slow: $(READY) ## run the tests including the slow ones
	@.venv/bin/python -m pytest $(TEST_JOBS) -m "slow or not slow" $(ARGS)

test-faults: $(READY) ## kill, cut off and fill up everything, and look whether anything is broken
	@.venv/bin/python -m pytest $(TEST_JOBS) -m "slow or not slow" -rP tests/test_invariants.py tests/test_workers.py tests/test_*_faults.py tests/test_storm.py $(ARGS)

check: $(READY) ## lint, formatting, types, and whether the reference pages are up to date
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/python -m api.documents

format: $(READY) ## put the Python sources into the one format
	@.venv/bin/ruff check --fix-only . && .venv/bin/ruff format .

docs: $(READY) ## write the reference pages anew from the database's own comments
	@.venv/bin/python -m api.documents --write

fingerprint: $(READY) ## write anew what a fresh database is (ARGS="--bin-dir DIR" for another PostgreSQL)
	@.venv/bin/python -m api.fingerprint --write $(ARGS)

bench: $(READY) ## measure one request against its alternatives
	@.venv/bin/python -m bench.one_request $(ARGS)

bench-audit: $(READY) ## measure what the audit log costs (ARGS="--rows 10000000" for a long one)
	@.venv/bin/python -m bench.audit $(ARGS)

bench-queries: $(READY) ## measure what a database with a million people is asked for (ARGS="--users 100000" for fewer)
	@.venv/bin/python -m bench.queries $(ARGS)

migrate: $(READY) ## bring the database's schema and functions up to date
	@$(PGROSTER) migrate $(ARGS)

rollback: $(READY) ## take back the last migration (ARGS="--to STEP")
	@$(PGROSTER) rollback $(ARGS)

seed: $(READY) ## load the sample users into a database without users
	@$(PGROSTER) seed $(ARGS)

psql: $(READY) ## open psql on the database as its administrator
	@$(PGROSTER) psql $(ARGS)

doctor: $(READY) ## check the whole set-up and say what to do
	@$(PGROSTER) doctor $(ARGS)

lock: ## take the newest versions that pyproject.toml allows into constraints.txt
	@$(PYTHON) -m venv .cache/lock && .cache/lock/bin/python -m pip --quiet --quiet --disable-pip-version-check install 'uv>=0.13'
	@.cache/lock/bin/uv --quiet --system-certs pip compile --universal --upgrade --all-extras --no-annotate --custom-compile-command "make lock" --output-file constraints.txt pyproject.toml

sbom: $(READY) ## write what the service consists of to dist/sbom.json (CycloneDX)
	@rm -rf dist/sbom && $(PYTHON) -m venv --without-pip dist/sbom && $(PIP) install cyclonedx-bom && $(PIP) --python dist/sbom install .
	@.venv/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file dist/sbom.json dist/sbom && rm -r dist/sbom

clean: ## delete .venv and the caches; the data in ./var stays
	@rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Made anew after an interruption or a move of the directory, brought up to date when the dependencies change.
$(READY): pyproject.toml constraints.txt $(if $(filter $(CURDIR),$(shell cat $(READY) 2>/dev/null)),,rebuild)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("pgroster: Python 3.11 or newer is needed, this is %d.%d; try: make PYTHON=python3.12" % sys.version_info[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "pgroster: this Python has no venv module; install it (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "Installing pgroster and what it needs into .venv; the first time takes a minute ..."
	@test -f $@ && rm $@ || $(PYTHON) -m venv --clear .venv
	@$(PIP) install --editable '.[dev]'
	@printf '%s\n' "$(CURDIR)" > $@

.PHONY: rebuild
rebuild:

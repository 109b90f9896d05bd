# One front door: people, hooks and CI call the same targets. `make` alone prints this help.
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-bench temporal demo up monitoring test test-litellm test-clients check fix rules dashboards bench chaos crash-table outages alarms lock picture record clean
VENV := .venv
BIN := $(VENV)/bin
FIND_TEMPORAL := $(BIN)/python -u -c "from durable_research.local.temporal.binary import find_temporal; print(find_temporal(print))"

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | while IFS="$$(printf '\t')" read -r name words; do printf '  make %-12s %s\n' "$$name" "$$words"; done

setup: .make/runtime ## make the virtual environment with everything the product needs

setup-dev: .make/dev ## ... and everything checks and tests need

.make/runtime: requirements/runtime.txt pyproject.toml tools/setup.sh
	sh tools/setup.sh runtime

.make/dev: requirements/dev.txt requirements/runtime.txt pyproject.toml tools/setup.sh
	sh tools/setup.sh dev

setup-bench: .make/dev requirements/bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt

temporal: setup ## find, download or build the temporal program
	$(FIND_TEMPORAL)

demo: setup ## one report, one worker killed in the paid call, the proof; the app stays up (ONCE=1: stop and exit by the proof)
	$(BIN)/durable-research demo $(if $(PORT),--port $(PORT)) $(if $(ONCE),--once)

up: setup ## run everything on this machine until Ctrl-C
	$(BIN)/durable-research up $(if $(PORT),--port $(PORT))

monitoring: setup ## the same with Prometheus, our rules and alerts (takes the PATH's, or unpacks Debian's into the user's cache)
	sh tools/setup.sh prometheus
	$(BIN)/durable-research up --with prometheus $(if $(PORT),--port $(PORT))

check: setup-dev ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: setup-dev ## mend what the formatter and linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

rules: setup-dev ## write deploy/monitoring/rules anew from src/durable_research/monitoring
	$(BIN)/python -m durable_research.monitoring.rule_files deploy/monitoring/rules

dashboards: setup-dev ## write deploy/monitoring/dashboards anew from its builders (DOCUMENTS=where your copy of docs is read)
	$(BIN)/python -m deploy.monitoring.dashboards.builders deploy/monitoring/dashboards $(DOCUMENTS)

# Tests wait for servers more than they reckon: three workers keep two cores busy. 0 runs one test after the other in one process.
WORKERS ?= 3

test: check ## everything: checks, then all tests on real servers and a real browser; nothing is skipped (WORKERS=3)
	sh tools/setup.sh browser
	sh tools/setup.sh azurite
	sh tools/setup.sh prometheus
	sh tools/setup.sh peers
	$(FIND_TEMPORAL)
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --durations 50 --durations-min 1

test-litellm: check ## what `make test` leaves out: our stories on the LiteLLM gateway, which takes 756 MB
	sh tools/setup.sh peers
	sh tools/setup.sh litellm
	$(FIND_TEMPORAL)
	$(BIN)/pytest -m litellm

test-clients: check ## the OpenAPI document from outside: two generated clients, and Schemathesis on the running product
	sh tools/setup.sh clients
	$(FIND_TEMPORAL)
	$(BIN)/pytest -m clients

bench: setup-bench ## recovery time, latency, memory, typesetting, telemetry (ONLY=latency PEERS=a folder with a bare workflow beside ours)
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(PEERS),--peers $(PEERS))

RUNS ?= 3
REPORTS ?= 1000
KILLS ?= 60
SEED ?= 1

chaos: setup ## kill and pause everything at random under load (REPORTS=1000 KILLS=60 SEED=1), judge from outside
	$(BIN)/durable-research chaos --reports $(REPORTS) --kills $(KILLS) --seed $(SEED) $(if $(OUT),--out $(OUT))

crash-table: setup ## a process killed at every crash point (RUNS=50 OTHER_RUNS=5 SEED=1), what each report was billed
	$(BIN)/durable-research crash-table --runs $(RUNS) $(if $(OTHER_RUNS),--other-runs $(OTHER_RUNS)) --seed $(SEED) $(if $(OUT),--out $(OUT))

outages: setup ## the provider slow, loading, failing and cut off for minutes, side by side (PACE=0.02 for seconds)
	$(BIN)/durable-research outages $(if $(PACE),--pace $(PACE)) $(if $(OUT),--out $(OUT))

alarms: setup ## cause each alert by a real fault on a real installation with Prometheus, sixty times as fast (OUT=page.md)
	sh tools/setup.sh prometheus
	$(BIN)/durable-research alarms $(if $(OUT),--out $(OUT))

picture: setup-dev ## the README's picture of the live page, from the running product
	sh tools/setup.sh browser
	$(FIND_TEMPORAL)
	$(BIN)/python -m tests.browser.picture

record: setup-dev ## record the Event Histories that the replay test keeps
	$(BIN)/python -m tests.replay.record

lock: setup-dev ## write the locks anew from requirements/*.in and tools/*/package.json
	set -e; for name in $(patsubst requirements/%.in,%,$(wildcard requirements/*.in)); do $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header requirements/$$name.in -o requirements/$$name.txt; done
	set -e; for name in azurite aimock openapi-ts; do (cd tools/$$name && npm install --package-lock-only --silent); done

clean: ## remove the virtual environment (data/ stays)
	rm -rf $(VENV) .make

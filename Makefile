# `make demo` and `make test` work as the first command in a fresh clone: both build .venv from the
# lock when it is missing or the lock changed.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

UV_VERSION := 0.13.9
PYTHON ?= python3.11
export PATH := $(CURDIR)/.venv/bin:$(PATH)

help:  ## List the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/.ready: requirements.lock
	rm -rf .venv  # first: its own interpreter, first on the path, cannot make it anew
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install -q uv==$(UV_VERSION)
	.venv/bin/uv pip install -q --compile-bytecode --python .venv/bin/python --require-hashes -r requirements.lock
	.venv/bin/uv pip install -q --python .venv/bin/python --no-deps -e .
	touch $@

env: .venv/.ready  ## Build .venv from requirements.lock

# An experiment of DVC's own, in a temporary directory: the working tree is not touched.
demo: .venv/.ready  ## Run the whole graph at laptop scale; the working tree stays as it is
	@dvc exp remove --quiet demo 2>/dev/null || true
	dvc exp run --temp --name demo $$(ketune profile smoke --flags)
	@git show "$$(git for-each-ref --format='%(refname)' 'refs/exps/**/demo')":metrics/report.md

reference: demo  ## Run the graph at laptop scale and write its results into reference/, to commit
	ketune reference --record demo

test: .venv/.ready  ## Run every test that needs no GPU and no internet
	python -m pytest -n auto --dist loadfile --no-loadscope-reorder

crash: .venv/.ready  ## kill -9 at ten moments in the workspace, --temp and the queue (MOMENTS=10)
	python -m pytest -n0 -m slow -s tests/crash

lint: .venv/.ready  ## Check style and types
	ruff check .
	ruff format --check .
	mypy

fresh: .venv/.ready  ## Fail when dvc.lock is not what the code, parameters and data at hand would give
	@if [ ! -f dvc.lock ]; then \
	    echo "no dvc.lock: no run is recorded, so none can be stale"; \
	elif out=$$(dvc repro --dry --allow-missing 2>&1) && [[ $$out == *"up to date."* ]]; then \
	    echo "dvc.lock is fresh"; \
	else \
	    echo "$$out"; \
	    echo "error: dvc.lock is stale: run dvc repro, then commit dvc.lock" >&2; exit 1; \
	fi

# Without `verify` DVC takes any bytes that lie under an object's key for that object.
remote: .venv/.ready  ## Make an S3 bucket the default remote: make remote URL=s3://your-bucket/ketune
	@[[ "$(URL)" == s3://?* ]] || \
	    { echo "error: name a bucket: make remote URL=s3://your-bucket/ketune" >&2; exit 1; }
	dvc remote add --quiet --force --default s3 "$(URL)"
	dvc remote modify s3 verify true

# A plain `dvc pull` also asks for the merged model, which is never pushed, and fails.
pull: .venv/.ready  ## Fetch every shared result from the default remote
	dvc pull $$(dvc stage list --name-only | grep -vx merge)

gpu: .venv/.ready  ## Add what a CUDA machine needs: flash-attn, vLLM, liger-kernel, DeepSpeed
	.venv/bin/uv pip install --python .venv/bin/python --no-build-isolation-package flash-attn \
	    -r pyproject.toml --extra graph --extra gpu

lock:  ## Resolve pyproject.toml into requirements.lock
	.venv/bin/uv pip compile pyproject.toml --extra graph --extra dev -q --no-header --generate-hashes \
	    --no-emit-index-url --no-emit-find-links -o requirements.lock

.PHONY: help env demo test crash lint fresh remote pull gpu lock

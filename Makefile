# Everything a person types in a checkout. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: venv
venv: ## Make .venv/ with the pinned tools (nothing to do when it is up to date)
	@scripts/venv

.PHONY: lock
lock: venv ## Pin requirements.in anew into requirements.txt
	@uv pip compile --quiet --universal --upgrade --python-version 3.11 \
	  --custom-compile-command 'make lock' requirements.in --output-file requirements.txt

.PHONY: hosts
hosts: venv
	@scripts/engine
	@scripts/host-image

.PHONY: molecule
molecule: hosts ## Prove the collection on throwaway hosts with systemd and Docker (SCENARIOS="migrate refresh" for some)
	@scripts/molecule $(SCENARIOS)

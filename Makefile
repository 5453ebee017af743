# Everything a person types in a checkout. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: venv
venv: ## Make .venv/ with the pinned tools (nothing to do when it is up to date)
	@scripts/venv

.PHONY: demo
demo: ## See three running agent containers pick up new logins without a restart
	@scripts/demo

.PHONY: test
test: ## All tests: lint, sanity, unit and molecule
	@scripts/test lint sanity unit molecule

.PHONY: lint
lint: venv ## Every linter of code, texts, licences and packaging
	@scripts/lint

.PHONY: sanity
sanity: venv ## ansible-test sanity, on every Python of this machine
	@scripts/sanity

.PHONY: unit
unit: venv ## Unit and property tests of the pure core
	@pytest

.PHONY: molecule
molecule: venv ## The behaviours on real systemd and real engines (SCENARIO=name: that one; KEEP=1: leave the hosts)
	@scripts/host-image
	@scripts/molecule $(SCENARIO)

.PHONY: molecule-full
molecule-full: venv ## The long forms of the scenarios that have one (more than an hour; see molecule/README.md)
	@scripts/host-image
	@scripts/clients-image
	@FULL=1 scripts/molecule attacks clients drift fidelity field_reports life power_cut rollback user_names

.PHONY: test-attacks
test-attacks: venv ## All that a hostile user or container tries (scenario attacks, its long form; more than an hour)
	@scripts/host-image
	@FULL=1 scripts/molecule attacks

.PHONY: test-clients
test-clients: venv ## The real agent CLIs behind mirror and mounts, against fake vendors (scenario clients; x86-64)
	@scripts/clients-image
	@scripts/molecule clients

.PHONY: test-engines
test-engines: venv ## Engines on hosts of their own: rootless Docker, podman 4.3 to 5.8, containerd's store (five minutes)
	@scripts/host-image rootless rootless-trixie rootless-bookworm
	@AGENTOPS_HOSTS=rootless:rootless scripts/molecule rootless
	@AGENTOPS_HOSTS="rootless:rootless trixie:rootless-trixie bookworm:rootless-bookworm" scripts/molecule podman
	@AGENTOPS_HOSTS="trixie:trixie+containerd forky:forky+containerd" scripts/molecule live_restore

.PHONY: test-installed
test-installed: venv ## What the archive does in an empty environment, by README and EXAMPLES as written, and on the oldest and newest ansible-core
	@scripts/host-image
	@scripts/installed

.PHONY: storm
storm: venv ## The mirror under 10,000 rewrites, next to the mirror of claude-hooks#57 (about 15 minutes)
	@scripts/host-image
	@STORM_REWRITES=10000 STORM_BESIDE_SEED=1 scripts/molecule storm
	@tail -n +1 .cache/storm-*.json

.PHONY: corpus
corpus: venv ## Recreate containers with some 270 option sets on each engine, and compare them before and after
	@scripts/host-image bookworm trixie forky rootless
	@AGENTOPS_HOSTS="docker20:bookworm docker26:trixie docker28:forky" scripts/corpus
	@AGENTOPS_HOSTS="stores26:trixie+containerd stores28:forky+containerd" scripts/corpus --representative
	@AGENTOPS_HOSTS="remap26:trixie+remapped remap28:forky+remapped users28:rootless+rootless" scripts/corpus --representative

.PHONY: benchmark
benchmark: venv ## Figures of site.yml and agent_mounts next to their peers (docs/benchmarks.md)
	@scripts/host-image
	@scripts/benchmark

.PHONY: benchmark-mirror
benchmark-mirror: venv ## Figures of the mirror next to others (docs/benchmarks.md; RELEASE=trixie: on systemd 257; TRIES=200)
	@scripts/host-image $(or $(RELEASE),bookworm)
	@export AGENTOPS_HOSTS=bench-mirror:$(or $(RELEASE),bookworm) MOLECULE_PROJECT_DIRECTORY=$(CURDIR); \
	trap 'ansible-playbook -i testbed/inventory testbed/stop.yml >/dev/null' EXIT; \
	ansible-playbook -i testbed/inventory testbed/start.yml benchmarks/mirror.yml $(if $(TRIES),-e tries=$(TRIES))

.PHONY: benchmark-fleet
benchmark-fleet: venv ## What a further host costs the controller, next to ping (docs/fleet.md)
	@scripts/host-image bookworm
	@scripts/benchmark-fleet

.PHONY: report-pictures
report-pictures: venv ## What a browser shows of the report's page, as pictures in .cache/report (Debian's chromium)
	@REPORT_PICTURES=$(CURDIR)/.cache/report pytest -q -rs tests/unit/report/test_browser.py
	@cp .cache/report/readme.png docs/report.png
	@ls .cache/report

.PHONY: site
site: venv ## Build the documentation as a site: .cache/site/html/index.html
	@scripts/site

.PHONY: pictures
pictures: ## Draw docs/pictures/*.dot as SVG (Graphviz)
	@scripts/pictures

.PHONY: demo-picture
demo-picture: venv ## Make docs/demo.svg of what the demo prints now
	@PICTURE=$(CURDIR)/docs/demo.svg scripts/demo

.PHONY: fix
fix: venv ## Let the tools fix what they can: ruff, shfmt, codespell
	@ruff check --fix
	@ruff format
	@shfmt -w $$(git grep -lE --untracked '^#!.*\b(ba)?sh$$|^# shellcheck shell=' -- scripts .ci testbed molecule)
	@codespell --write-changes

.PHONY: changelog
changelog: venv ## Take the fragments of changelogs/ into CHANGELOG.rst, under the version of galaxy.yml
	@antsibull-changelog release --reload-plugins --update-existing

.PHONY: tarball
tarball: venv ## Build the archive in .cache/tarball, and judge it by galaxy-importer and ansible-builder
	@scripts/tarball

.PHONY: release-check
release-check: venv ## A release without publishing, from changelog to archive, in a clone (VERSION=1.0.0)
	@scripts/release-check $(VERSION)

.PHONY: release
release: venv ## Publish the tag that is checked out; the workflow release does it
	@scripts/release

.PHONY: lock
lock: venv ## Pin requirements.in again into requirements.txt, with hashes, and pip for ansible-test
	@uv pip compile --quiet --universal --upgrade --generate-hashes --python-version 3.11 \
	  --custom-compile-command 'make lock' requirements.in --output-file requirements.txt
	@uv pip compile --quiet --upgrade --no-build --generate-hashes --python-version 3.13 \
	  --custom-compile-command 'make lock' tests/installed/requirements-newest.in --output-file tests/installed/requirements-newest.txt
	@scripts/venv
	@echo "pip==$$(scripts/ansible-test-pip)" | uv pip compile --quiet --generate-hashes --no-annotate \
	  --custom-compile-command 'make lock' - --output-file scripts/ansible-test-requirements.txt

.PHONY: clean
clean: ## Remove all that demo and tests made: hosts, images, caches, .venv/
	@scripts/clean

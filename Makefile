# `make` alone lists the targets. PYTHON picks the interpreter of .venv: make install PYTHON=python3.12
PYTHON ?= python3
export PYTHON
export PIP_DISABLE_PIP_VERSION_CHECK = 1

BIN := .venv/bin
UV := 0.13.9

.DEFAULT_GOAL := help
.PHONY: help help-texts install demo image testnode check format test test-unit test-kernel test-guest test-kernels test-cluster site bench fuzz lock krew dist clean

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## set up all that work here needs, .venv/bin/kubectl-ebpfaudit included
	@scripts/install

demo: install ## record a session in a container on this machine and replay it
	@scripts/demo

pictures: install ## record a session, and show it in the README: as text, in the player, as a report
	@scripts/pictures
.PHONY: pictures

image: ## build the recorder's image: build/recorder.tar; for other machines ARCH=arm64: build/recorder-arm64.tar
	@scripts/build-image $(if $(ARCH),--arch $(ARCH))

image-index: ## build the images for amd64 and arm64 under one name: build/recorder.oci.tar
	@scripts/build-image-index

image-load: ## put the image into a cluster on this machine (TO=kind, minikube, k3s or containerd, else the one that is found)
	@scripts/image-load $(TO)

release-files: install ## build all that a release has into build/release
	@scripts/release-files
.PHONY: image-index image-load release-files

testnode: ## build the Kubernetes that the cluster tests run: build/testnode
	@scripts/build-testnode build/testnode

check: install ## lint, formatting, types, architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## put the code into the form that `make check` wants
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: declarations
declarations: install ## write anew what is used of libghostty-vt, as cffi loads it
	@$(BIN)/python scripts/generate-declarations

help-texts: install ## write anew what comes from the command line: golden helps, completion
	@$(BIN)/python scripts/generate-help
	@$(BIN)/python -m tests.verb_pages

test: ## everything: install, check, prepare, and all tests
	@scripts/run-tests

test-unit: ## the tests that need no privileges
	@scripts/run-tests unit

.PHONY: test-browser
test-browser: ## the tests of reports, in Chromium
	@scripts/run-tests browser

test-kernel: ## the tests with real BPF in this machine's kernel
	@scripts/run-tests kernel

test-guest: ## the tests with other kernels, in QEMU
	@scripts/run-tests guest

test-kernels: ## the same session on other kernels, by every way, and a Kubernetes on one; with EBPFAUDIT_KERNELS=1 into docs/kernels.md
	@PYTEST_ADDOPTS="-k 'test_kernels or test_kubernetes'" scripts/run-tests guest

test-cluster: ## the tests with a real Kubernetes on this machine
	@scripts/run-tests cluster

site: install ## build the documentation site into build/site; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

.PHONY: links
links: ## list what the documentation links to elsewhere, for a look now and then
	@grep -oHE 'https://[^)> "`]+' README.md docs/*.md docs/*/*.md | sed 's/[.,;]$$//' | sort -t: -k2 -u

fuzz: install ## read mutated logs until something breaks (COUNT=1000000)
	$(BIN)/python -m tests.fuzz --count $(or $(COUNT),1000000)

bench: install ## measure what recording and reading cost
	$(BIN)/python -m tests.bench

lock: ## pin what pyproject.toml asks for in requirements/dev.txt (UPGRADE=1: take newer versions)
	test -x build/lock/bin/uv || $(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet uv==$(UV)
	build/lock/bin/uv pip compile --quiet pyproject.toml --group dev --universal --python-version 3.10 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
		$(if $(UPGRADE),--upgrade) --output-file requirements/dev.txt
	build/lock/bin/uv pip compile --quiet pyproject.toml requirements/archive.in --python-version 3.10 \
		--python-platform x86_64-manylinux_2_28 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) --output-file requirements/archive.txt

krew: install ## build what krew installs into build/krew, and krew-manifest.yaml
	@scripts/apt-install binutils-x86-64-linux-gnu binutils-aarch64-linux-gnu
	@$(BIN)/python scripts/build-krew

dist: install ## build sdist and wheel into dist/
	$(BIN)/python -m build --no-isolation

clean: ## remove all that make made
	rm -rf .venv .venv.lock build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

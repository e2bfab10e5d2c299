# From a fresh clone: `make demo` and `make test` do everything themselves.
# PYTHON may name another interpreter: make demo PYTHON=python3.12
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NODE := book/node_modules/.package-lock.json

# A warning printed once, not a setting of the user's, should decide how TensorFlow computes.
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo test test-fast book bench exercises learner-bundle hub lint lock system clean help

help:
	@echo "make demo       grade a class of twelve"
	@echo "make test       every test, half an hour on two cores        make test-fast   minutes"
	@echo "make book       the book, in book/_build/html"
	@echo "make bench      side by side with nbgrader"
	@echo "make exercises  the learners' notebooks from solutions/"
	@echo "make learner-bundle  what learners get, as one file: dist/learner-bundle.zip"
	@echo "make hub        a JupyterHub for a class of three, on this machine alone (as root)"
	@echo "make lint       ruff, mypy, codespell"

$(READY): requirements.lock pyproject.toml tools/install.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh tools/install.sh
	@touch $@

$(NODE): book/package-lock.json
	@! command -v npm > /dev/null || { cd book && npm ci --no-audit --no-fund && touch node_modules/.package-lock.json; }

system:
	@sh tools/system-packages.sh

demo: system $(READY)
	@$(BIN)/python demo/run.py

# Its accessibility checks need one of the book's packages before the book is built.
test: system $(READY) $(NODE)
	@$(BIN)/python tools/run_tests.py tests

test-fast: $(READY)
	@$(BIN)/python tools/run_tests.py tests -m "not slow and not browser"

book: system $(READY)
	@$(BIN)/python book/build.py

bench: system $(READY)
	@$(BIN)/python -m benchmarks

exercises: $(READY)
	@$(BIN)/python -m autograder release solutions exercises

learner-bundle: $(READY)
	@$(BIN)/python tools/learner_bundle.py

# A JupyterHub with two learners and an instructor, for trying out. HUB=5 takes JupyterHub 5.5 instead of 6.
HUB ?= 6
hub: system $(READY)
	@$(BIN)/python deploy/hub/local.py --hub $(HUB)

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/codespell $$(git ls-files '*.md' 'autograder/*.py')

# The lock holds no address of any package index, so that everybody's own is used.
lock: $(READY)
	@$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --no-header --no-annotate \
		--extra cpu --extra grade --extra book --extra cluster --extra hub --extra dev -o requirements.lock

clean:
	rm -rf $(VENV) demo/course book/_build

# From a fresh clone: `make demo` and `make test` do everything themselves.
# PYTHON may name an interpreter: make demo PYTHON=python3.12. Left out, the first of 3.11, 3.12 and 3.13 is taken.
# All paths are relative, and programs are run as modules: a clone may lie in a folder of any name.
PYTHON ?=
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
NODE := book/node_modules/.package-lock.json

# A warning printed once, not a setting of the user's, should decide how TensorFlow computes.
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help system-apparmor demo test test-fast book book-texts bench probe exercises site learner-bundle try-learner
.PHONY: pictures dist release-page hub lint gate lock lock-request newest clean

help:
	@echo "make demo       grade a class of twelve"
	@echo "make test       every test, some 35 minutes on two cores      make test-fast   minutes"
	@echo "make book       the book, in book/_build/html              make book-texts  its texts, for translators"
	@echo "make site       the book, and the exercises as notebooks that run in a page: make site PYODIDE=its-distribution"
	@echo "make probe      what the checks of the exercises miss: an hour on two cores"
	@echo "make bench      side by side with nbgrader"
	@echo "make exercises  the learners' notebooks from solutions/"
	@echo "make learner-bundle  what learners get, as one file: dist/learner-bundle.zip"
	@echo "make hub        a JupyterHub for a class of three, on this machine alone (as root)"
	@echo "make system-apparmor  let bubblewrap make the sandbox on Ubuntu 24.04 (as root)"
	@echo "make newest     the newest releases of everything: what changed, what no longer holds, the fast tests"
	@echo "make lint       ruff, mypy, codespell"
	@echo "make gate       everything, as root and as an ordinary user whom it makes (as root)"
	@echo "make dist       all of a release: wheel, sdist, learners' bundle, notes"
	@echo "make try-learner  install the kit as a learner does, run every exercise"
	@echo "make pictures   take the README's pictures"

# Made anew where the clone was moved, or the Python that the environment was made with is gone.
STALE := $(shell test "`cat $(READY) 2>/dev/null`" = "`pwd -P`" && $(PY) -c '' 2>/dev/null || echo remake)
.PHONY: remake

# Ctrl-C reaches make as well, which then ends; that the script ended with 130 needs no second line.
$(READY): requirements.lock pyproject.toml tools/install.sh $(STALE)
	@trap : INT; PYTHON="$(PYTHON)" VENV="$(VENV)" sh tools/install.sh || test $$? = 130

$(NODE): book/package-lock.json
	@! command -v npm > /dev/null || { cd book && npm ci --no-audit --no-fund && touch node_modules/.package-lock.json; }

# Each gets the system's packages that it needs itself.
system-%:
	@sh tools/system-packages.sh $*

# Ubuntu 24.04 lets only programs with a profile make user namespaces: one for bubblewrap, as SECURITY.md says. As root.
system-apparmor:
	@install -m 0644 deploy/hub/tljh/bwrap.apparmor /etc/apparmor.d/keras-class-bwrap
	@apparmor_parser --replace /etc/apparmor.d/keras-class-bwrap

demo: system-demo $(READY)
	@$(PY) demo/run.py

# TESTS may name some of them, or be pytest's options: make test TESTS=tests/test_sandbox.py
TESTS ?= tests
# Its accessibility checks need one of the book's packages before the book is built.
test: system-test $(READY) $(NODE)
	@$(PY) tools/run_tests.py $(TESTS)

test-fast: $(READY)
	@$(PY) tools/run_tests.py tests -m "not slow and not browser"

book: system-book $(READY)
	@$(PY) book/build.py

# The texts of the book's pages for translators, as gettext has them, in book/_build/gettext.
book-texts: system-book $(READY)
	@$(PY) book/build.py --texts

bench: system-bench $(READY) $(NODE)
	@$(PY) -m benchmarks

# EXERCISES may name some of them.
EXERCISES ?= $(notdir $(wildcard solutions/*))
probe: system-demo $(READY)
	@for exercise in $(EXERCISES); do $(PY) -m autograder probe $$exercise || exit; done

exercises: $(READY)
	@$(PY) -m autograder release solutions exercises

# The book and beside it the exercises, which run in the reader's browser: one static folder. PYODIDE is Pyodide's
# distribution, unpacked, or the address where it lies. SITE_LANGUAGE is that of the exercises' pages: a catalogue's code.
SITE_LANGUAGE ?=
site: book
	@$(PY) browser/build_site.py --pyodide "$(PYODIDE)" --book book/_build/html --language "$(SITE_LANGUAGE)"

learner-bundle: $(READY)
	@$(PY) tools/learner_bundle.py

# What a learner does, from the installation on. The same script runs on Windows and macOS.
try-learner:
	@$(if $(PYTHON),$(PYTHON),python3) tools/try_learner.py

# The README's pictures, of a course in which exercise 3 was graded. Look at them.
pictures: demo
	@$(PY) tools/take_pictures.py demo/course

# Everything that a release consists of, in dist/; for PyPI in dist/packages/. TAG is checked, where it is given.
TAG ?=
dist: $(READY)
	@rm -rf dist && mkdir -p dist
	@$(PY) tools/release_notes.py $(TAG) > dist/notes.md
	@$(PY) -m uv build --quiet --out-dir dist/packages
	@rm -f dist/packages/.gitignore
	@$(PY) tools/learner_bundle.py

release-page:
	@gh release create "$(TAG)" dist/packages/* dist/learner-bundle.zip --title "$(TAG)" --notes-file dist/notes.md

# A JupyterHub with two learners and an instructor, for trying out. HUB=5 takes JupyterHub 5.5 instead of 6.
HUB ?= 6
hub: system-hub $(READY)
	@$(PY) deploy/hub/local.py --hub $(HUB)

lint: $(READY)
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy
	@files=$$(git ls-files "*.md" "autograder/*.py") && $(PY) -m codespell_lib $$files

# What CI runs: lint, the demo, the tests. As root, since it makes a user.
gate:
	@.ci/run

# Both locks, this environment's and from it that of the Hub's image. What is pinned stays unless pyproject.toml asks for
# something else; UPGRADE=1 takes the newest versions that it allows. They hold no address of any package index, so that
# everybody's own is used.
UPGRADE ?=
COMPILE = $(PY) -m uv pip compile --quiet --no-header --no-annotate $(if $(UPGRADE),--upgrade)
lock: $(READY)
	@$(COMPILE) pyproject.toml --universal --python-version 3.11 --extra cpu --extra grade --extra book \
		--extra cluster --extra hub --extra site --extra dev -o requirements.lock
	@grep -v '^jupyterhub==' requirements.lock > $(VENV)/pins.txt; echo 'jupyterhub>=5.5,<6' > $(VENV)/hub.txt
	@$(COMPILE) --no-config pyproject.toml deploy/hub/requirements.txt $(VENV)/hub.txt --constraint $(VENV)/pins.txt \
		--python-version 3.12 --python-platform x86_64-manylinux_2_28 --extra gpu --extra grade --extra hub \
		--extra cluster -o deploy/hub/image/requirements.lock

# The newest locks as a pull request. Dependabot reads no file of that name, and knows nothing of how one follows from the
# other. (GitHub runs no workflow for a request that a workflow made, until somebody closes and reopens it.)
lock-request: lock
	@if git diff --quiet -- '*.lock'; then echo "Both locks are the newest that pyproject.toml allows."; else \
		git switch --quiet --create "locks-$$(date +%F)" && \
		git -c user.name=github-actions -c user.email=github-actions@users.noreply.github.com \
			commit --quiet --message "The newest versions that pyproject.toml allows" -- '*.lock' && \
		git push --quiet origin HEAD && \
		gh pr create --fill --body "Close and reopen this, so that the gate runs: GitHub starts nothing by itself here."; fi

# The newest releases of everything, in an environment of their own: what changed, what fell, the fast tests.
newest: $(READY)
	@$(PY) tools/newest.py

clean:
	rm -rf $(VENV) .venv-newest demo/course book/_build

# make figures   the main job: bundled recordings through the presets; tables and charts under results/
# make lab       open the workbench in JupyterLab: copies of the notebooks, under workbench/
# make test      run what every change needs, on all processors (a few minutes)
# make test-all  run the rest: every preset on every guest, plain Python, the recorder, a real browser
# make docs      build the documentation site under docs/_build/html; its notebooks are executed
# make mutants   break the project in one place at a time, and see the tests notice (an hour)
#
# Each sets up what it needs in .venv first. Inside an active conda or virtual environment: make lab PY=python
PYTHON ?= python3
PY     ?= .venv/bin/python
OUT    ?= results

# As many tests at once as there are processors; those of one group (which measure time, end processes, or share what
# takes a while to make) one after the other.
pytest  = $(PY) -m pytest --numprocesses logical --maxprocesses 8 --dist loadgroup

own     = $(filter .venv/%,$(PY))
install = $(PY) -m pip install --quiet --disable-pip-version-check $(if $(own),--constraint constraints.txt) --editable

.PHONY: figures lab test test-all docs mutants setup-base setup-lab setup-test clean

figures: setup-base
	$(PY) -m oosbench compare --out $(OUT)

lab: setup-lab
	@$(PY) -m oosbench warm >/dev/null 2>&1 &  # a notebook waits for no more of it than it needs
	@mkdir -p workbench  # a sitting changes notebooks: the reader's are copies, and what is there already stays
	@for notebook in notebooks/*.ipynb; do test -e workbench/$${notebook##*/} || cp $$notebook workbench/; done
	$(PY) -m jupyterlab workbench/00_start_here.ipynb $(LABFLAGS)

test: setup-test
	$(PY) -m oosbench warm
	$(pytest) -m "not slow" $(PYTESTFLAGS)

test-all: setup-test
	$(PY) -m oosbench warm
	$(pytest) -m slow $(PYTESTFLAGS)

docs: setup-docs
	$(PY) -m oosbench warm
	$(PY) -m sphinx -W --keep-going -b html docs docs/_build/html

mutants: setup-test
	$(PY) -m tests.mutants $(MUTANTS)

# In .venv a stamp remembers that an install is current; in an environment of your own, pip looks each time.
setup-base: $(if $(own),.venv/base,install-base)
setup-lab:  $(if $(own),.venv/lab,install-lab)
setup-test: $(if $(own),.venv/test,install-test)

setup-docs: $(if $(own),.venv/docs,install-docs)

.PHONY: install-base install-lab install-test
install-base: ; $(install) .
install-lab:  ; $(install) '.[lab]'
install-docs: ; $(install) '.[lab,docs]'
install-test: ; $(install) '.[lab,cluster,test,docs,browser]'

.venv/base: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Setting up .venv (about half a minute) ..."
	$(install) .
	@touch $@

.venv/lab: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Setting up .venv for JupyterLab (about a minute) ..."
	$(install) '.[lab]'
	@touch $@ .venv/base

.venv/docs: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Setting up .venv for the documentation (about a minute) ..."
	$(install) '.[lab,docs]'
	@touch $@ .venv/lab .venv/base

.venv/test: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Setting up .venv for the tests (about a minute) ..."
	$(install) '.[lab,cluster,test,docs,browser]'
	@touch $@ .venv/docs .venv/lab .venv/base

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or newer, or say which: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is `$(PYTHON) --version 2>&1`. Say which to use: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv

clean:
	rm -rf .venv results build dist

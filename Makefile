# make demo              crawls the sandbox, shows what was written, and makes a gallery of it
# make demo-distributed  three workers share a job on a Redis server; one is killed; the result is checked
# make test              runs the tests, except those of make long, make fuzz and make chaos
# make coverage          the same, and shows which branches they miss
# make lint              runs ruff and mypy
# make long              runs the slow tests: a five-day watch, every crawl test again with workers (minutes)
# make fuzz              tries thousands of answers, files and Redis values of every shape (10 minutes)
# make chaos             kills crawls at random moments, hundreds of times (8 minutes)
# make bench             measures what a crawl costs, how close it runs to an account's limit and how
#                        it scales, and writes docs/benchmarks.md (30 minutes; needs what the tests need)
# make bench-short       the same in a minute or two, to see that it works; writes nothing
# make … PYTHON=python3.12 VENV=.venv-3.12   uses another interpreter (3.11 or newer)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo demo-distributed test coverage chaos fuzz long lint bench bench-short clean

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try: make … PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)
	SCRAPY_PROJECT=sandbox $(BIN)/scrapy crawl image_search -L WARNING \
		-a seeds=fixtures/articles.csv -a sort=default,sales -a job=demo
	@echo
	@echo "The first lines of output/demo/products.jsonl, cut short (outcomes.jsonl has the result of each query):"
	@$(BIN)/python -c 'for n, line in zip(range(3), open("output/demo/products.jsonl", encoding="utf-8")): print(" ", line[:300], "…")'
	@echo
	SCRAPY_PROJECT=sandbox $(BIN)/scrapy tmapi export demo -o output/demo/demo.xlsx
	@echo
	SCRAPY_PROJECT=sandbox $(BIN)/scrapy tmapi gallery demo
	@echo "Open that file in a browser: each article of fixtures/articles.csv next to what was found for it."

demo-distributed: $(READY)
	$(BIN)/python -m tests.distributed.demo

# The tests spend half of their time waiting for processes, so four run on two cores. Most of these
# processes are forked from one that has imported everything (tests/forkserver.py), unless
# FRESH_PROCESSES=1.
WORKERS ?= 4

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

coverage: $(READY)
	$(BIN)/coverage erase
	FRESH_PROCESSES=1 $(BIN)/coverage run -m pytest -n $(WORKERS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

long: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) -m long

chaos: $(READY)
	FRESH_PROCESSES=1 $(BIN)/python -m pytest -n $(WORKERS) -m chaos

fuzz: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) -m fuzz

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy benchmarks/*.py

bench: $(READY)
	$(BIN)/python benchmarks

bench-short: $(READY)
	$(BIN)/python benchmarks --short

clean:
	rm -rf $(VENV) .coverage* .mypy_cache .ruff_cache .pytest_cache

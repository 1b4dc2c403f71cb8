# make demo   a crawl of the sandbox, what it wrote, and a gallery of it to click through
# make demo-distributed  three workers on a Redis server, one of them killed; checked against one crawl
# make test   all tests, but those of make long, make fuzz and make chaos
# make coverage  the same, and which branches they went
# make lint   ruff and mypy
# make long   the tests that take their time (some minutes): a watch of five days, crawls by workers a second time
# make fuzz   answers, files and Redis values of every shape, thousands of them (some 10 minutes)
# make chaos  crawls killed at random moments, hundreds of times (some 8 minutes)
# make bench  what a crawl costs, beside other ways to write it, how close it runs to an account's
#             limit, and how it scales; writes docs/benchmarks.md (some 30 minutes; needs no more
#             than the tests)
# make bench-short  the same in a minute or two, to see that it works; writes nothing
# make … PYTHON=python3.12 VENV=.venv-3.12   with another interpreter (3.11 or newer)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo demo-distributed test coverage chaos fuzz long lint bench bench-short clean

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: PYTHON=python3.12 make …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)
	SCRAPY_PROJECT=sandbox $(BIN)/scrapy crawl image_search -L WARNING \
		-a seeds=fixtures/articles.csv -a sort=default,sales -a job=demo
	@echo
	@echo "The first lines of output/demo/products.jsonl, cut short (outcomes.jsonl tells of each query):"
	@$(BIN)/python -c 'for n, line in zip(range(3), open("output/demo/products.jsonl", encoding="utf-8")): print(" ", line[:300], "…")'
	@echo
	SCRAPY_PROJECT=sandbox $(BIN)/scrapy tmapi export demo -o output/demo/demo.xlsx
	@echo
	SCRAPY_PROJECT=sandbox $(BIN)/scrapy tmapi gallery demo
	@echo "Open that file in a browser: each article of fixtures/articles.csv beside what was found for it."

demo-distributed: $(READY)
	$(BIN)/python -m tests.distributed.demo

# The tests wait for processes half of the time: four at once on two cores. Most of these processes
# are forks of one that has all modules loaded (tests/forkserver.py); FRESH_PROCESSES=1: none is.
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

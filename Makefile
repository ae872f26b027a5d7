# Everything runs in .venv, which holds exactly what requirements.txt says.
# `make` alone lists the targets.

# The first Python on the path that is new enough.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; \
	done)
BIN := .venv/bin
ARGS ?=

# Same bytes from the same sources: dates and string hashes are fixed.
export SOURCE_DATE_EPOCH ?= 1767225600
export PYTHONHASHSEED ?= 0
export PYTHONUNBUFFERED ?= 1

.DEFAULT_GOAL := help
.PHONY: help environment book pdf latex test long stress mutants figures bench lint format map chapter lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

environment: ## set up .venv from requirements.txt (the other targets do it by themselves)
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed; name one with" \
		"\`make PYTHON=/path/to/python3 ...\`." >&2; exit 1; }
	@"$(PYTHON)" tools/make_venv.py

book: environment ## run all chapters and build the HTML book
	@$(BIN)/jupyter-book build . -W -n --keep-going
	@echo "$(CURDIR)/_build/html/book/landing.html"

pdf: latex environment ## set the book as one PDF (needs LaTeX, see CONTRIBUTING.md)
	@$(BIN)/python tools/make_pdf.py

latex:
	@"$(PYTHON)" tools/make_pdf.py --check

# As many processes as cores, so one BLAS thread each.
test: environment ## run the tests on all cores (ARGS="-k name" for some of them)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -p no:benchmark $(ARGS)

long: environment ## run the checks that take minutes
	@$(BIN)/python -m pytest -m long $(ARGS)

stress: environment ## hold 10,000 random settings of the theory against facts (ARGS="--count 500 --seed 1")
	@$(BIN)/python -m tests.stress $(ARGS)

mutants: environment ## put 300 small faults into theory and regression, and count those the tests find
	@$(BIN)/python tools/mutants.py $(ARGS)

figures: environment ## write all figures and their data into figures/ (ARGS="--scale paper")
	@$(BIN)/python -m mssl figures --out figures $(ARGS)

bench: environment ## measure speed and memory against the floor and the peers
	@$(BIN)/python -m pytest benchmarks -m "bench or not bench" -s $(ARGS)

lint: environment ## check style, formatting, types, layers and the map of the package
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/basedpyright
	@$(BIN)/python tools/house_map.py --check
	@$(BIN)/python -m pytest -q -p no:benchmark tests/test_layers.py

format: environment ## mend style and formatting
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

map: environment ## write the map of the package into README.md and book/api.md
	@$(BIN)/python tools/house_map.py

chapter: environment ## begin a chapter: NAME=two_masks (ARGS='--title "Two masks" --part Attention')
	@$(BIN)/python tools/chapter.py $(NAME) $(ARGS)

lock: environment ## make requirements.txt and environment.yml from pyproject.toml (ARGS=--upgrade)
	@$(BIN)/python tools/lock.py $(ARGS)

clean: ## remove what was built: the book, figures, caches (.venv stays)
	rm -rf _build figures .pytest_cache .ruff_cache .hypothesis .benchmarks .stress .mutants
	find mssl tests book benchmarks tools -name __pycache__ -type d -prune -exec rm -rf {} +

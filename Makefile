# Two commands on a fresh machine with Python 3.11+: `make serve` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: serve test lint acceptance bench docker-test lock clean

serve: $(VENV)/.installed
	$(BIN)/initscope serve

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not acceptance"
	@if command -v node >/dev/null; then node --test tests/js; \
	 else echo "node was not found: tests/js (the browser scripts' own tests) were left out"; fi

lint: $(VENV)/.tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint templates --lint

# Other libraries' models are drawn fresh here; torchvision's own torch is not wanted.
acceptance: $(VENV)/.tested
	$(PIP) transformers
	$(PIP) --no-deps timm torchvision
	@sh .ci/nginx
	$(BIN)/python -m pytest -m acceptance tests

bench: $(VENV)/.tested
	$(BIN)/python -m benchmarks

# Builds the images and goes the whole round on the container engine that DOCKER_HOST names.
docker-test: $(VENV)/.installed
	$(BIN)/python tests/docker/round_trip.py

# The newest releases that fit, without hashes and without torch's own build label.
lock: $(VENV)/.tested
	$(BIN)/pip freeze --exclude initscope | sed 's/+cpu$$//' | grep -v '^-e ' > constraints.txt

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e ".[worker]"
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(PIP) -e ".[worker,dev]"
	@sh .ci/chromium
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .cache

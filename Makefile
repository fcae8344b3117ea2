# One command for each thing: `make run` shows the product, `make test` is what CI runs.
# Everything happens in .venv, which the first command makes.

.PHONY: run test check fix bench test-slow venv-run venv-test venv-bench venv-slow chromium lock

BIN := .venv/bin

run: venv-run ## the dashboard on the sample portfolio
	@$(BIN)/modelfolio demo

test: check chromium ## every check and every test but the slow ones, four files at a time: many wait for a browser or a process
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

check: venv-test ## format, rules, types, imports, documentation
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/python -m pytest --quiet tests/test_repository.py

fix: venv-test ## what a machine can put right
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet

bench: venv-bench ## the measured claims
	$(BIN)/python -m benchmarks

test-slow: venv-slow chromium ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

venv-run venv-test venv-bench venv-slow: venv-%:
	@tools/make_venv.sh $*

chromium:
	@tools/ensure_chromium.sh

lock: venv-test ## pin the newest releases that fit pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest --all-extras \
		--upgrade --no-annotate --no-header --no-emit-index-url --quiet --output-file requirements.lock

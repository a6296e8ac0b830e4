# Every target builds .venv first if it must; PYTHON names the interpreter to build it with.
PYTHON ?= python3
BIN = .venv/bin
LESSON = 01_ann_vs_cnn

run: .venv/ready
	mkdir -p build
	$(BIN)/papermill --cwd notebooks notebooks/$(LESSON).ipynb build/$(LESSON).ipynb
	$(BIN)/jupyter nbconvert --log-level ERROR --to notebook --inplace --coalesce-streams build/$(LESSON).ipynb
	$(BIN)/jupyter nbconvert --log-level ERROR --to html build/$(LESSON).ipynb
	@$(BIN)/python -c "import nbformat; \
	cells = nbformat.read('build/$(LESSON).ipynb', 4).cells; \
	print(*(out.text for cell in cells if 'report' in cell.metadata.get('tags', []) for out in cell.outputs), sep='\n')"
	@echo "The executed notebook: build/$(LESSON).ipynb - as a page: build/$(LESSON).html"

test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest

lab: .venv/ready
	$(BIN)/jupyter lab notebooks/$(LESSON).ipynb

# Executes every notebook in full, nothing read from earlier runs, writes the outputs back in place and brings the
# README's figures up to date.
notebooks: .venv/ready
	rm -rf notebooks/runs
	$(BIN)/jupyter nbconvert --to notebook --inplace --execute --coalesce-streams \
		--ExecutePreprocessor.timeout=-1 --ExecutePreprocessor.record_timing=False notebooks/*.ipynb
	$(BIN)/python tools/readme_figures.py

benchmark: .venv/ready
	$(BIN)/python tools/benchmark.py

clean:
	rm -rf .venv build notebooks/runs *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c "import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit( \
	f'Python 3.11, 3.12 or 3.13 is needed (TensorFlow has no other), but $(PYTHON) is {sys.version.split()[0]}: ' \
	'name another, as in  make PYTHON=python3.13')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	touch $@

.PHONY: run test lab notebooks benchmark clean

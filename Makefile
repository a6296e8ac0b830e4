# Targets that need .venv build it first; PYTHON names the interpreter to build it with, CONSTRAINTS the file of exact
# versions, if any.
PYTHON ?= python3
PYTHON311 ?= python3.11
PYTHON312 ?= python3.12
PYTHON313 ?= python3.13
CONSTRAINTS ?= constraints.txt
VENV = .venv
BIN = $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
LESSON = 01_ann_vs_cnn

run: $(VENV)/ready
	mkdir -p build
	$(BIN)/papermill --cwd notebooks notebooks/$(LESSON).ipynb build/$(LESSON).ipynb
	$(BIN)/jupyter nbconvert --log-level ERROR --to notebook --inplace --coalesce-streams build/$(LESSON).ipynb
	$(BIN)/jupyter nbconvert --log-level ERROR --to html --template page \
		--TemplateExporter.extra_template_basedirs=tools build/$(LESSON).ipynb
	@$(BIN)/python -c "import nbformat; \
	cells = nbformat.read('build/$(LESSON).ipynb', 4).cells; \
	print(*(out.text for cell in cells if 'report' in cell.metadata.get('tags', []) for out in cell.outputs), sep='\n')"
	@echo "The executed notebook: build/$(LESSON).ipynb - as a page: build/$(LESSON).html"

# Two at a time: more would need more memory than many machines have. `worksteal` leaves neighbours together, which share
# what they need, a browser for instance. With names, so that a run that stops shows where.
test: lint
	$(BIN)/pytest -v -n 2 --dist worksteal

# Leaves out what takes minutes: executing the notebooks, and the browser tests.
test-light: lint
	$(BIN)/pytest -v -n 2 --dist worksteal -k "not quick_mode and not browser"

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/jactionlint --profile correctness --no-hints

# Opens copies without outputs, so that no answer stands below its question. As root, in a container for instance,
# JupyterLab does not start unless it is told to.
lab: $(VENV)/ready
	@$(BIN)/python tools/lab_copy.py $(LESSON)
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) lab/$(LESSON).ipynb

# Slides of all notebooks, in build/slides/. They work offline once npm has fetched reveal.js.
slides: $(VENV)/ready
	$(BIN)/python tools/slides.py

# Trains the published runs anew and publishes them, executes every notebook, writes the outputs back in place and
# brings the README's figures up to date. After an interrupt it goes on where it stopped.
notebooks: $(VENV)/ready
	$(BIN)/python tools/publish.py
	$(BIN)/jupyter nbconvert --to notebook --inplace --execute \
		--ExecutePreprocessor.timeout=-1 --ExecutePreprocessor.record_timing=False \
		notebooks/*.ipynb notebooks/solutions/*.ipynb
	$(BIN)/jupyter nbconvert --log-level ERROR --to notebook --inplace --coalesce-streams \
		notebooks/*.ipynb notebooks/solutions/*.ipynb
	$(BIN)/python tools/tidy.py notebooks/*.ipynb notebooks/solutions/*.ipynb
	$(BIN)/python tools/readme_figures.py

benchmark: $(VENV)/ready
	$(BIN)/python tools/benchmark.py

# Everything that a class without internet access needs, in one folder.
bundle: $(VENV)/ready
	$(BIN)/python tools/bundle.py

# All tests with the newest versions on each Python, and with the lowest ones declared; each run starts from scratch.
matrix:
	rm -rf .venvs
	$(PYTHON311) tools/matrix.py "$(PYTHON311)" "$(PYTHON312)" "$(PYTHON313)"

# Renews constraints.txt: the newest versions that suit all Pythons and systems alike. With uv, since pip resolves only
# for the one that it runs on.
constraints:
	$(PYTHON) -m venv .venvs/uv
	.venvs/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venvs/uv/bin/uv pip compile --quiet --upgrade --universal --fork-strategy fewest --python-version 3.11 \
		--all-extras --no-annotate --custom-compile-command "make constraints" pyproject.toml -o constraints.txt

# Keeps notebooks/runs, which may hold trainings that took an hour.
clean:
	rm -rf .venv .venvs build bundle *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

clean-runs:
	rm -rf notebooks/runs

prune: $(VENV)/ready
	$(BIN)/python tools/prune.py

$(VENV)/ready: requirements.txt pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c "import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit( \
	f'Python 3.11, 3.12 or 3.13 is needed (TensorFlow supports no other), but $(PYTHON) is {sys.version.split()[0]}: ' \
	'name another, as in  make PYTHON=python3.13')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check $(CONSTRAINTS:%=-c %) -r requirements.txt
	touch $@

.venvs/lowest.txt: pyproject.toml tools/lowest.py
	mkdir -p .venvs
	$(PYTHON) tools/lowest.py > $@

.PHONY: run test test-light lint lab slides notebooks benchmark bundle matrix constraints clean clean-runs prune

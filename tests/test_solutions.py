"""The solutions are those of one full, clean run, and they run today: in this process, as each kernel takes seconds."""

import ast
from pathlib import Path

import nbformat
import pytest
import test_notebooks
from matplotlib import pyplot

import mnist_compare

SOLUTIONS = sorted((test_notebooks.FOLDER / "solutions").glob("*.ipynb"))


@pytest.fixture(params=SOLUTIONS, ids=lambda path: path.stem)
def solution(request):
    return request.param


def test_outputs_are_of_one_full_clean_run(solution):
    test_notebooks.test_outputs_are_of_one_full_clean_run(solution)


def test_every_cell_is_part_of_the_slides(solution):
    test_notebooks.test_every_cell_is_part_of_the_slides(solution)


def test_every_exercise_of_the_lesson_is_solved(solution):
    def markdown(path):
        return "\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")

    exercises = markdown(test_notebooks.FOLDER / solution.name).rpartition(" exercises\n")[2]
    titles = [line.split("**")[1].rstrip(".") for line in exercises.splitlines() if line[:1].isdigit()]
    numbered = [f"{number}. {title}" for number, title in enumerate(titles, 1)]
    headings = [line for line in markdown(solution).splitlines() if line.startswith("## ")]
    assert headings == [f"## Exercise {title}" for title in numbered] and headings


def run(source, namespace):
    """Run the code of a cell and return the value of its last expression, if it ends with one."""
    code = ast.parse(source)
    last = ast.Expression(code.body.pop().value) if isinstance(code.body[-1], ast.Expr) else None
    exec(compile(code, "cell", "exec"), namespace)
    return last and eval(compile(last, "cell", "eval"), namespace)


def first_of_each_kind(train):
    """Return a `train` that trains the first network of each name for each choice of options, and leaves others new."""
    done = set()

    def train_some(model, *arguments, seed=0, verbose=True, **options):
        kind = (model.name, *sorted(options))
        if kind not in done:
            done.add(kind)
            train(model, *arguments, seed=seed, verbose=verbose, **options)

    return train_some


def test_it_runs_in_quick_mode(solution, tmp_path, monkeypatch):
    folder = tmp_path / "solutions"
    folder.mkdir()
    monkeypatch.chdir(folder)  # so that runs are kept beside it, not in the reader's own folder
    monkeypatch.setattr(mnist_compare, "train", first_of_each_kind(mnist_compare.train))
    namespace = {"__name__": "__main__"}
    values = []
    for cell in test_notebooks.code_cells(solution):
        source = cell.source.replace("quick = False", "quick = True") if "tags" in cell.metadata else cell.source
        values.append(run(source, namespace))
        pyplot.close("all")
    texts = [value.data for value in values if hasattr(value, "data")]
    assert namespace["quick"] and any("Quick run" in text for text in texts)
    assert not [text for text in texts if "nan" in text.split()]
    asked = any("run_all(" in cell.source for cell in test_notebooks.code_cells(solution))
    assert bool(list(Path("../runs").glob("*.json"))) == asked

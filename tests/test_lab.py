"""`make lab`: copies without outputs, in which what a reader has changed is never lost."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import lab_copy
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).parent.parent
TEXT = "It is seven."


def write(path, *sources):
    output = new_output("stream", text=TEXT)
    cells = [new_code_cell(source, outputs=[output], execution_count=1) for source in sources]
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Title"), *cells], metadata={"widgets": {}}), path)


def change(path, source=None, run=False):
    """What a reader does in JupyterLab."""
    notebook = nbformat.read(path, 4)
    notebook.cells[1].source = source or notebook.cells[1].source
    if run:
        notebook.cells[1].outputs = [new_output("stream", text=TEXT)]
    nbformat.write(notebook, path)
    return path.read_bytes()


@pytest.fixture
def folders(tmp_path):
    notebooks = tmp_path / "notebooks"
    (notebooks / "results").mkdir(parents=True)
    write(notebooks / "one.ipynb", "your_guess = 3")
    return notebooks, tmp_path / "lab"


def test_a_copy_has_the_cells_and_nothing_that_was_run(folders):
    notebooks, folder = folders
    before = (notebooks / "one.ipynb").read_bytes()
    assert lab_copy.lay_out(*folders) == []
    text = (folder / "one.ipynb").read_text("utf-8")
    assert TEXT not in text and "widgets" not in text and "your_guess = 3" in text
    copy = nbformat.read(folder / "one.ipynb", 4)
    nbformat.validate(copy)
    assert copy.cells[1].execution_count is None
    assert (notebooks / "one.ipynb").read_bytes() == before


def test_runs_and_results_are_those_of_the_notebooks(folders):
    notebooks, folder = folders
    lab_copy.lay_out(*folders)
    (folder / "runs" / "kept.json").write_text("by a copy")
    assert (notebooks / "runs" / "kept.json").read_text() == "by a copy"
    (notebooks / "results" / "published.json").write_text("published")
    assert (folder / "results" / "published.json").read_text() == "published"
    shutil.rmtree(notebooks / "runs")  # make clean-runs
    assert lab_copy.lay_out(*folders) == []
    assert list((folder / "runs").iterdir()) == []


def test_what_a_reader_has_changed_stays(folders):
    lab_copy.lay_out(*folders)
    mine = change(folders[1] / "one.ipynb", "your_guess = 5", run=True)
    write(folders[0] / "one.ipynb", "your_guess = 3")  # executed again: other outputs are no change
    assert lab_copy.lay_out(*folders) == []
    assert (folders[1] / "one.ipynb").read_bytes() == mine


@pytest.mark.parametrize("what", [{"source": "your_guess = 5"}, {"run": True}])
def test_if_the_notebook_has_changed_too_both_are_there_and_it_is_said(folders, what):
    notebooks, folder = folders
    for number in (1, 2):
        lab_copy.lay_out(*folders)
        mine = change(folder / "one.ipynb", **what)
        write(notebooks / "one.ipynb", "your_guess = 3", f"new = {number}")
        (sentence,) = lab_copy.lay_out(*folders)
        assert sentence.startswith("one.ipynb has changed") and f"one.earlier-{number}.ipynb" in sentence
        assert (folder / f"one.earlier-{number}.ipynb").read_bytes() == mine
        assert f"new = {number}" in (folder / "one.ipynb").read_text("utf-8")
    assert lab_copy.lay_out(*folders) == []


def test_an_untouched_copy_is_brought_up_to_date_silently(folders):
    notebooks, folder = folders
    lab_copy.lay_out(*folders)
    write(notebooks / "one.ipynb", "your_guess = 4")
    assert lab_copy.lay_out(*folders) == []
    assert "your_guess = 4" in (folder / "one.ipynb").read_text("utf-8")
    assert [path.name for path in folder.glob("*.ipynb")] == ["one.ipynb"]


@pytest.mark.parametrize(
    "content", ["{", "{}", "[]", "", '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}']
)
def test_a_file_that_is_no_copy_of_ours_is_kept(folders, content):
    folders[1].mkdir()
    (folders[1] / "one.ipynb").write_text(content)
    (sentence,) = lab_copy.lay_out(*folders)
    assert (folders[1] / "one.earlier-1.ipynb").read_text() == content
    assert "one.earlier-1.ipynb" in sentence


def test_the_real_notebooks_can_be_copied(tmp_path):
    notebooks = sorted(lab_copy.NOTEBOOKS.glob("*.ipynb"))
    for path in notebooks:
        copy = lab_copy.without_outputs(path)
        nbformat.validate(copy)
        assert not [output for cell in copy.cells for output in cell.get("outputs", [])]
        lab_copy.copy(path, tmp_path / path.name)
        assert lab_copy.state(tmp_path / path.name) == (copy.metadata[lab_copy.MARK], True)


def test_an_unknown_lesson_is_refused_in_one_sentence():
    assert lab_copy.main("05").startswith("There is no notebook '05': LESSON is one of 01_ann_vs_cnn, ")


def test_a_folder_that_cannot_be_made_is_told_in_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "lab").write_text("a file")
    monkeypatch.setattr(lab_copy.lay_out, "__defaults__", (lab_copy.NOTEBOOKS, tmp_path / "lab"))
    assert lab_copy.main("01_ann_vs_cnn").startswith("The copies of the notebooks could not be laid out in lab/: ")


@pytest.mark.skipif(shutil.which("make") is None or os.name == "nt", reason="there is no make here, or no /bin/sh")
@pytest.mark.parametrize("user", ["0", "1000"])
def test_root_may_start_jupyterlab_and_who_is_not_root_is_not_called_so(tmp_path, user):
    (tmp_path / "id").write_text(f"#!/bin/sh\necho {user}\n")
    (tmp_path / "id").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("MAKEFLAGS", None)  # of the make that may have started this test
    dry = ["make", "-n", "-o", ".venv/ready", "lab", "LESSON=01_ann_vs_cnn"]
    done = subprocess.run(dry, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert re.search(r"jupyter lab( --allow-root)? +lab/01_ann_vs_cnn.ipynb", done.stdout)
    assert ("--allow-root" in done.stdout) == (user == "0")


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="this is no clone")
def test_the_working_tree_stays_clean():
    made = ["lab/01_ann_vs_cnn.ipynb", "lab/runs", "build/slides/01_ann_vs_cnn.slides.html", "build/slides/reveal.js"]
    ignored = subprocess.run(["git", "check-ignore", *made], cwd=ROOT, capture_output=True, text=True)
    assert ignored.stdout.split() == made

"""The committed notebooks are those of one full, clean run, the README quotes them, and they run today."""

import re
from pathlib import Path
from shutil import copytree, ignore_patterns

import nbformat
import papermill
import publish
import pytest
import readme_figures

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param


def code_cells(notebook):
    return [cell for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"]


def test_outputs_are_of_one_full_clean_run(notebook):
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert cells[0].source in ("quick = False", "quick = False\ntrain_again = False")
    assert cells[0].metadata.tags == ["parameters"]
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    said = "\n".join(output.get("text") or output.data.get("text/markdown", "") for output in outputs)
    assert "Full run" in said and "Quick run" not in said
    assert not re.search(r"/(root|home|tmp|Users|work)/|[A-Z]:\\|Warning|Fetching|\r", said)
    assert notebook.stat().st_size < 1_500_000


def test_every_picture_has_a_text_for_those_who_do_not_see_it(notebook):
    outputs = [output.data for cell in code_cells(notebook) for output in cell.outputs if "data" in output]
    assert not [kind for data in outputs for kind in data if kind.startswith("image/")]  # these cannot have one
    pictures = [tag for data in outputs for tag in re.findall("<img [^>]*>", data.get("text/html", ""))]
    assert pictures and not [tag[:80] for tag in pictures if not re.match(r'<img alt="[^"]{20,}"', tag)]


def test_every_cell_is_part_of_the_slides(notebook):
    cells = nbformat.read(notebook, 4).cells
    assert all("slide_type" in cell.metadata.get("slideshow", {}) for cell in cells)


def test_one_title_and_sections_numbered_in_order(notebook):
    text = "\n".join(cell.source for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "markdown")
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1 and text.startswith("# ")
    numbers = [int(number) for number in re.findall(r"^## (\d+)\. ", text, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 4


UNTRAINED = f"import sys\n\nsys.path.append({str(Path(__file__).parent)!r})\nimport untrained\n\nuntrained.install()"


@pytest.mark.xdist_group("kernels")
def test_it_runs_in_quick_mode(notebook, tmp_path, monkeypatch):
    """In a copy, so that the reader's own folder stays as it is. Where runs are published, `run_all` trains nothing."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # with it a kernel would not show what C++ code writes
    before = sorted((FOLDER / "runs").rglob("*"))
    folder = copytree(FOLDER, tmp_path / "notebooks", ignore=ignore_patterns("runs", ".*"))
    to_run, executed = folder / notebook.name, tmp_path / notebook.name
    if notebook in publish.notebooks():
        content = nbformat.read(to_run, 4)
        content.cells.insert(0, nbformat.v4.new_code_cell(UNTRAINED))
        nbformat.write(content, to_run)
    papermill.execute_notebook(
        to_run,
        executed,
        parameters={"quick": True},
        cwd=folder,
        progress_bar=False,
        execution_timeout=300,  # of a cell
        coalesce_streams=True,
    )
    outputs = [output for cell in code_cells(executed) for output in cell.outputs]
    assert "Quick run" in str(outputs)
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert sorted((FOLDER / "runs").rglob("*")) == before


def test_the_readme_quotes_the_committed_run():
    readme = readme_figures.README.read_text("utf-8")
    assert readme_figures.readme_as_run() == readme and readme.count("<!-- /0") == 4
    assert readme_figures.picture() == readme_figures.PICTURE.read_bytes()

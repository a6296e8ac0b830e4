"""The committed notebooks are those of one full, clean run, the README quotes them, and they run today."""

import re
from contextlib import ExitStack
from pathlib import Path
from shutil import copytree, ignore_patterns

import kernels
import nbformat
import publish
import pytest
import readme_figures
import tidy
from jupyter_client import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient

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
    assert "FloatProgress" not in notebook.read_text("utf-8")  # a progress bar, left over from a training
    assert notebook.stat().st_size < 1_500_000


def test_closed_progress_bars_are_taken_out_and_other_widgets_stay():
    models = {"bar": ("FloatProgressModel", "style"), "style": ("ProgressStyleModel",), "text": ("HTMLModel",)}
    models |= {"box": ("HBoxModel", "text", "bar"), "pad": ("AnyModel", "layout"), "layout": ("LayoutModel",)}
    state = {
        name: {"model_name": model, "state": {"children": [f"IPY_MODEL_{part}" for part in parts]}}
        for name, (model, *parts) in models.items()
    }
    bar, other = (nbformat.v4.new_output("display_data", {"text/plain": text}) for text in (" 50%| 1/2, 2it/s]", "pad"))
    cell = nbformat.v4.new_code_cell(outputs=[bar, other])
    metadata = {"widgets": {tidy.STATE: {"state": state}}}
    left = tidy.without_bars(nbformat.v4.new_notebook(cells=[cell], metadata=metadata))
    assert left.cells[0].outputs == [other] and set(left.metadata.widgets[tidy.STATE]["state"]) == {"pad", "layout"}


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


UNTRAINED = f"sys.path.append({str(Path(__file__).parent)!r})\nimport untrained\n\nuntrained.install()"


@pytest.fixture(scope="module")
def kernel_for():
    """A function that starts a kernel, one for all notebooks that train nothing by `run_all` and one for the others.

    Each takes seconds to start and to import TensorFlow.
    """
    started = {}
    with ExitStack() as stack:

        def start(untrained):
            if untrained not in started:
                # With a KernelManager, nbclient waits for ever for one that has died, whatever its time limit.
                kernel = AsyncKernelManager(kernel_name="python3", **stack.enter_context(kernels.settings()))
                run_sync(kernel.start_kernel)()
                stack.callback(run_sync(kernel.shutdown_kernel), now=True)
                started[untrained] = kernel
            return started[untrained]

        yield start


def test_it_runs_in_quick_mode(notebook, tmp_path, monkeypatch, kernel_for):
    """In a copy, so that the reader's own folder stays as it is. Where runs are published, `run_all` trains nothing."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # with it a kernel would not show what C++ code writes
    before = sorted((FOLDER / "runs").rglob("*"))
    folder = copytree(FOLDER, tmp_path / "notebooks", ignore=ignore_patterns("runs", ".*"))
    content = nbformat.read(notebook, 4)
    for cell in content.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = cell.source.replace("quick = False", "quick = True")
    untrained = notebook in publish.notebooks()
    afresh = f"%reset -f\nimport os\nimport sys\n\nos.chdir({str(folder)!r})\n{UNTRAINED if untrained else ''}"
    content.cells.insert(0, nbformat.v4.new_code_cell(afresh))
    client = NotebookClient(content, km=kernel_for(untrained), timeout=300, coalesce_streams=True)  # seconds a cell
    try:
        client.execute()
    finally:
        client.kc.stop_channels()  # the kernel stays for the next notebook
    outputs = [output for cell in content.cells for output in cell.get("outputs", [])]
    assert "Quick run" in str(outputs)
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert sorted((FOLDER / "runs").rglob("*")) == before


def test_the_readme_quotes_the_committed_run():
    readme = readme_figures.README.read_text("utf-8")
    assert readme_figures.readme_as_run() == readme and readme.count("<!-- /0") == 5
    assert readme_figures.picture() == readme_figures.PICTURE.read_bytes()

"""Publish the runs of the notebooks: train everything anew, and put what came of it into notebooks/results/.

Every notebook with the switch `train_again` is executed with it, in full. What has been trained by the same code and
library versions is kept in notebooks/runs/ and not repeated, so after an interrupt the same command goes on where it
stopped. Nothing is published of a notebook that did not run to its end, or that was run with `quick`.
"""

import sys
from pathlib import Path

import nbformat
import papermill

from mnist_compare import store
from mnist_compare.files import write_atomically

ROOT = Path(__file__).parent.parent
NOTEBOOKS, RESULTS, RUNS = (ROOT / "notebooks" / name for name in ("", "results", "runs"))
BUILD = ROOT / "build"


def notebooks():
    """Return the paths of the notebooks whose runs are published: lessons first, as solutions build on their runs."""
    paths = [*sorted(NOTEBOOKS.glob("*.ipynb")), *sorted(NOTEBOOKS.glob("solutions/*.ipynb"))]
    return [path for path in paths if "train_again = False" in _parameters(path)]


def _parameters(path):
    cells = nbformat.read(path, 4).cells
    return "".join(cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))


def keys_wanted(executed):
    """Return the keys of all runs that an executed notebook has asked for, in their order."""
    return list(
        dict.fromkeys(key for output in _outputs(executed) for key in output.get("metadata", {}).get("runs", []))
    )


def _outputs(executed):
    return [output for cell in nbformat.read(executed, 4).cells for output in cell.get("outputs", [])]


def publish(executed, results=RESULTS, runs=RUNS):
    """Copy the runs that an executed notebook has asked for from `runs` into `results`, and return their keys.

    Raises ValueError where one is missing, or where the notebook was not run in full: then nothing is copied.
    """
    said = str(_outputs(executed))
    if "Full run" not in said or "Quick run" in said:
        raise ValueError(f"{executed.name} was not run in full: only the runs of a full run are published.")
    keys = keys_wanted(executed)
    made = store.made_by()
    found = {key: store.find(runs, f"{key}-{made}") for key in keys}
    missing = [key for key, path in found.items() if path is None]
    if missing or not keys:
        raise ValueError(f"{executed.name} lacks {len(missing)} of its {len(keys)} runs in {runs.name}/: run it again.")
    for key, path in found.items():
        if (before := store.find(results, key)) is not None:  # maybe under another name
            before.unlink()
        write_atomically(results / store.published_name(path), path.read_bytes())
    return keys


def main():
    BUILD.mkdir(exist_ok=True)
    wanted = set()
    for notebook in notebooks():
        name = notebook.relative_to(NOTEBOOKS).as_posix()
        executed = BUILD / f"{name.replace('/', '.').removesuffix('.ipynb')}.train_again.ipynb"
        print(f"{name}: everything is trained anew", flush=True)
        papermill.execute_notebook(notebook, executed, parameters={"train_again": True}, cwd=notebook.parent)
        keys = publish(executed)
        wanted |= set(keys)
        print(f"{name}: {len(keys)} runs published", flush=True)
    for path in sorted(RESULTS.glob("*.json")):
        if path.stem.rsplit("-", 1)[-1] not in wanted:
            print(f"{path.name} is wanted by no notebook any more and is removed")
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())

"""Lay out lab/: copies of the notebooks without outputs, in which a reader can guess before seeing the answer.

The committed notebooks keep their outputs for those who only read. Beside the copies, runs/ and results/ are links to
those of notebooks/, since a notebook looks for both in its own folder. A copy that is there already stays as it is. If
its notebook has changed since, the reader's version is kept under another name, and a fresh copy is made.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ClearOutputPreprocessor

from mnist_compare.files import write_atomically

ROOT = Path(__file__).parent.parent
NOTEBOOKS, LAB = ROOT / "notebooks", ROOT / "lab"
MARK = "copied_from"  # in a copy's metadata: the digest of what it was copied from


def without_outputs(path):
    """Return the notebook in this file as it is before anything is run, marked with the digest of its cells."""
    notebook, _ = ClearOutputPreprocessor().preprocess(nbformat.read(path, 4), {})
    notebook.metadata.pop("widgets", None)
    notebook.metadata[MARK] = digest(notebook)
    return notebook


def digest(notebook):
    """Return a digest that tells apart notebooks that read differently, whether or not they have been run."""
    cells = [(cell.cell_type, cell.source) for cell in notebook.cells]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def lay_out(notebooks=NOTEBOOKS, lab=LAB):
    """Bring the folder `lab` up to date with the folder `notebooks`; return the sentences that the reader must know."""
    lab.mkdir(exist_ok=True)
    for name in ("runs", "results"):
        (notebooks / name).mkdir(exist_ok=True)
        link(lab / name, notebooks / name)
    said = [copy(path, lab / path.name) for path in sorted(notebooks.glob("*.ipynb"))]
    return [sentence for sentence in said if sentence]


def copy(path, target):
    """Copy one notebook without its outputs, unless its copy is there; return what the reader must know, or ""."""
    fresh, said = without_outputs(path), ""
    if target.exists():
        mark, untouched = state(target)
        if mark == fresh.metadata[MARK]:
            return ""
        if not untouched:
            kept = free_name(target)
            target.rename(kept)
            said = f"{path.name} has changed since it was copied: your copy is now {kept.name}, beside a fresh one."
    write_atomically(target, nbformat.writes(fresh).encode())
    return said


def state(copy):
    """Return the mark of a copy, None if it has none, and whether the reader has neither changed nor run anything."""
    try:
        notebook = nbformat.read(copy, 4)
    except Exception:  # nbformat raises many kinds for a file that is no notebook, but may be the rest of one
        return None, False
    mark = notebook.metadata.get(MARK)
    return mark, mark == digest(notebook) and not any(cell.get("outputs") for cell in notebook.cells)


def free_name(path):
    """Return a name beside `path` that no file has yet."""
    numbers = iter(range(1, sys.maxsize))
    return next(name for n in numbers if not (name := path.with_name(f"{path.stem}.earlier-{n}.ipynb")).exists())


def link(path, folder):
    """Make `path` lead to `folder`. Whatever lies there already stays."""
    if os.path.lexists(path):
        return
    if os.name == "nt":  # there a symbolic link needs an administrator, a junction does not
        import _winapi

        _winapi.CreateJunction(str(folder.resolve()), str(path))
    else:
        path.symlink_to(os.path.relpath(folder, path.parent), target_is_directory=True)


def main(lesson):
    names = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
    if lesson not in names:
        return f"There is no notebook {lesson!r}: LESSON is one of {', '.join(names)}."
    try:
        print("".join(f"{sentence}\n" for sentence in lay_out()), end="")
    except OSError as error:
        return f"The copies of the notebooks could not be laid out in {LAB.name}/: {error}."


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

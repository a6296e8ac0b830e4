"""Take out of executed notebooks what progress bars have left there; run as a script with the notebooks' paths.

A bar that has been closed is not seen any more, but its output and the state of its widgets stay in the file.
"""

import re
import sys

import nbformat

STATE = "application/vnd.jupyter.widget-state+json"


def without_bars(notebook):
    """Remove, from a notebook, every output that shows a bar of tqdm's, and the widgets that it consists of."""
    widgets = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    parts = {name: re.findall(r"IPY_MODEL_(\w+)", str(widget["state"])) for name, widget in widgets.items()}
    bars = {name for name, widget in widgets.items() if widget["model_name"] == "FloatProgressModel"}
    boxes = {name for name in parts if bars & set(parts[name])}  # a bar with its texts
    todo, gone = list(bars | boxes), set()
    while todo:
        name = todo.pop()
        if name in widgets and name not in gone:
            gone.add(name)
            todo += parts[name]
    for name in gone:
        del widgets[name]
    if not widgets:
        notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_bar(output)]
    return notebook


def _is_bar(output):
    return "it/s]" in output.get("data", {}).get("text/plain", "")


if __name__ == "__main__":
    for path in sys.argv[1:]:
        nbformat.write(without_bars(nbformat.read(path, 4)), path)

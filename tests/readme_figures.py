"""The README's result table and picture, as the committed notebook has them; run as a script, it updates them.

In the README the table stands between two comments, <!-- NAME --> and <!-- /NAME -->, where NAME is the notebook's.
"""

import base64
import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
NOTEBOOK = ROOT / "notebooks" / "01_ann_vs_cnn.ipynb"
PICTURE = ROOT / "notebooks" / "ann_vs_cnn.png"


def output_of(tag, kind):
    """Return the output of the cell with this tag, of this MIME type."""
    (cell,) = (cell for cell in nbformat.read(NOTEBOOK, 4).cells if tag in cell.metadata.get("tags", []))
    return cell.outputs[-1].data[kind]


def readme_with_table():
    """Return the README's text with the notebook's table in its place."""
    table = output_of("readme-table", "text/markdown")
    place = rf"(<!-- {NOTEBOOK.stem} -->\n).*?(<!-- /{NOTEBOOK.stem} -->)"
    return re.sub(place, lambda match: match[1] + table + "\n" + match[2], README.read_text("utf-8"), flags=re.DOTALL)


def picture():
    """Return the bytes of the notebook's picture for the README."""
    return base64.b64decode(output_of("readme-picture", "image/png"))


if __name__ == "__main__":
    README.write_text(readme_with_table(), "utf-8")
    PICTURE.write_bytes(picture())

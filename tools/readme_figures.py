"""What the README quotes from the committed notebooks; run as a script, it brings the README up to date.

A quotation stands between two comments, <!-- NOTEBOOK TAG --> and <!-- /NOTEBOOK TAG -->, where TAG is that of a cell.
"""

import base64
import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PICTURE = ROOT / "notebooks" / "fair_comparison.png"


def output_of(notebook, tag, kind):
    """Return what the cell with this tag has as its output, in this MIME type."""
    cells = nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", 4).cells
    (cell,) = (cell for cell in cells if tag in cell.metadata.get("tags", []))
    return cell.outputs[-1].data[kind]


def readme_as_run():
    """Return the README's text with every quotation as the notebooks have it now."""
    return re.sub(
        r"(<!-- (\w+) ([\w-]+) -->\n).*?(<!-- /\2 \3 -->)",
        lambda match: match[1] + output_of(match[2], match[3], "text/markdown") + "\n" + match[4],
        README.read_text("utf-8"),
        flags=re.DOTALL,
    )


def picture():
    """Return the bytes of the README's picture as the notebook has it now."""
    shown = output_of("02_fair_comparison", "readme-picture", "text/html")
    return base64.b64decode(re.search('src="data:image/png;base64,([^"]+)"', shown)[1])


if __name__ == "__main__":
    README.write_text(readme_as_run(), "utf-8")
    PICTURE.write_bytes(picture())

"""Make slides of the notebooks, in build/slides/. They work offline: reveal.js is fetched once and lies beside them.

`python tools/slides.py` makes all of them, `python tools/slides.py 01_ann_vs_cnn` one. For what comes onto which
slide, see slide_rules.py; for what they look like, deck/.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbformat.v4 import new_markdown_cell, new_notebook
from slide_room import HEIGHT, WIDTH
from slide_rules import slides_of

from mnist_compare.files import write_atomically

ROOT = Path(__file__).parent.parent
NOTEBOOKS, BUILD = ROOT / "notebooks", ROOT / "build" / "slides"
LIBRARY, VERSION = "reveal.js", "6.0.2"
FOLDER = f"{LIBRARY}-{VERSION}"  # beside the slides
SHA512 = "JYIg5D9aoxoaLeb84O+OvAwsKWdIavVgEDScxtYEXFCT6t6TQrhNtSgogcjdCpdLsWglhJn3zyE3fUOwiH5KEg=="  # of npm's archive
FILES = ("LICENSE", "dist/reveal.css", "dist/reveal.js", "dist/plugin/notes.js")


class NoLibraryError(Exception):
    """reveal.js could not be had; the text says why."""


def fetch_library(folder):
    """Put reveal.js into `folder`, unless it is there; raise NoLibraryError if it cannot be had."""
    if all((folder / Path(name).name).exists() for name in FILES):
        return
    npm = shutil.which("npm")
    if npm is None:
        raise NoLibraryError(f"npm is missing, by which {LIBRARY} is fetched: install Node.js, then call this again.")
    with tempfile.TemporaryDirectory() as temporary:
        command = [npm, "pack", f"{LIBRARY}@{VERSION}", "--loglevel=error", "--fetch-retries=1"]
        done = subprocess.run(command, cwd=temporary, capture_output=True, text=True)
        archives = list(Path(temporary).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            reason = (done.stderr.strip() or "it gave no archive").splitlines()[0]
            raise NoLibraryError(f"npm could not fetch {LIBRARY} {VERSION}: {reason}")
        unpack(archives[0], folder)


def unpack(archive, folder):
    """Unpack what the slides need, if it is the very archive that was published."""
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != SHA512:
        raise NoLibraryError(f"What npm fetched is not {LIBRARY} {VERSION} as it was published: SHA-512 {digest}.")
    with tarfile.open(archive) as packed:
        for name in FILES:
            write_atomically(folder / Path(name).name, packed.extractfile(f"package/{name}").read())


def as_cells(slides):
    """Return the slides as cells of a notebook, as nbconvert wants them, each followed by its notes."""
    cells = []
    for slide in slides:
        kind = "slide" if slide.opens or slide.kind == "title" else "subslide"
        cells.append(new_markdown_cell(slide.source(), metadata={"slideshow": {"slide_type": kind}}))
        if notes := "\n\n".join(slide.notes):
            cells.append(new_markdown_cell(notes, metadata={"slideshow": {"slide_type": "notes"}}))
    return cells


def write_deck(notebook, folder):
    """Write the slides of the notebook in this file into `folder`; return the path, and how many slides there are."""
    slides = slides_of(nbformat.read(notebook, 4))
    return write_page(slides, folder / f"{notebook.stem}.slides.html"), len(slides)


def write_page(slides, path):
    """Write slides as a page that expects reveal.js beside it, and return the path."""
    deck = new_notebook(cells=as_cells(slides), metadata={"title": slides[0].section})
    exporter = SlidesExporter(
        extra_template_basedirs=[str(Path(__file__).parent)],
        template_name="deck",
        exclude_anchor_links=True,
        reveal_url_prefix=FOLDER,
        reveal_width=str(WIDTH),
        reveal_height=str(HEIGHT),
    )
    page, _ = exporter.from_notebook_node(deck)
    write_atomically(path, page.encode())
    return path


def main(*names):
    known = {path.stem: path for path in sorted(NOTEBOOKS.glob("*.ipynb"))}
    for name in names:
        if name not in known:
            return f"There is no notebook {name!r}: choose among {', '.join(known)}."
    try:
        fetch_library(BUILD / FOLDER)
    except NoLibraryError as error:
        return str(error)
    for name in names or known:
        path, count = write_deck(known[name], BUILD)
        print(f"{path.relative_to(ROOT)}: {count} slides", flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

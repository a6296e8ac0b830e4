"""Pages and slides made of notebooks can be read by those who do not see them, and on a phone."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import kernels
import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe

from mnist_compare.figures import NARROWEST

ROOT = Path(__file__).parent.parent
LESSON = ROOT / "notebooks" / "01_ann_vs_cnn.ipynb"  # the longest; axe takes seconds for each
PHONE, SCREEN = {"width": 390, "height": 844}, {"width": 1200, "height": 900}

# What axe finds and nbconvert's own template is to blame for, by the name of the rule, with the reason to leave it.
NOT_OURS = {}

CELLS = [
    "import numpy as np\nfrom mnist_compare import drawings, plots\nfrom mnist_compare.tables import table",
    "plots.titled(plots.plot_ratios({'a <b>': 0.5}, 'CNN / ANN'), 'Say \"costs\"')",
    "plots.plot_maps([np.eye(3)] * 16)  # the widest that there are; a long line" + " and longer" * 20,
    "drawings.draw_pooling(np.arange(16).reshape(4, 4))",
    "table(['network', *'abcdefghijklmnopqrstuvwxyz'], [['ANN', *range(1000000, 1000026)]], note='1.5 % of `x`')",
    "print(*range(100))",
]
TEXT = (
    "# A notebook\n\nText with $1 + 1$ and a [link](a.html).\n\n| a | "
    + "b | " * 30
    + "\n|"
    + " --- |" * 31
    + "\n| 1 |"
    + " 22222 |" * 30
)


def jupyter(*arguments):
    subprocess.run([sys.executable, "-m", "jupyter", *map(str, arguments)], check=True, cwd=ROOT)


def to_page(notebook, folder):
    """Convert a notebook by the command of `make run`, and return the path of the page."""
    makefile = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", "")
    (command,) = re.findall(r"\$\(BIN\)/jupyter (nbconvert .*--to html.*) build/", makefile)
    jupyter(*shlex.split(command), notebook, "--output-dir", folder)
    return folder / f"{notebook.stem}.html"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(the notebook, executed now, its page, its slides), and a figure of each sort in it."""
    folder = tmp_path_factory.mktemp("pages")
    cells = [nbformat.v4.new_markdown_cell(TEXT), *map(nbformat.v4.new_code_cell, CELLS)]
    for cell in cells:
        cell.metadata.slideshow = {"slide_type": "slide"}
    path = folder / "all.ipynb"
    notebook = nbformat.v4.new_notebook(cells=cells)
    kernels.execute(notebook, folder)
    nbformat.write(notebook, path)
    jupyter("nbconvert", "--log-level", "ERROR", "--to", "slides", path)
    return notebook, to_page(path, folder), folder / "all.slides.html"


@pytest.fixture
def visit(browser):
    """A function that opens a file in a page of a size, without any network."""
    pages = []

    def visit(path, size):
        page = browser.new_page(viewport=size)
        pages.append(page)
        page.route(re.compile("^(?!file:|data:)"), lambda route: route.abort())
        page.goto(path.as_uri())
        return page

    yield visit
    for page in pages:
        page.close()


def barriers(page):
    """Return what axe finds serious or critical, as far as it is ours: a text for each."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {rule['help']}: {[node['html'][:200] for node in rule['nodes'][:3]]}"
        for rule in found
        if rule["impact"] in ("serious", "critical") and rule["id"] not in NOT_OURS
    ]


def out_of_reach(page):
    """Return the elements of a page that leave it to the right and do not lie in a box that the keyboard can scroll."""
    return page.evaluate("""() => [...document.querySelectorAll("main *")].filter(element => {
        if (element.getBoundingClientRect().right <= innerWidth + 1 || !element.offsetWidth) return false;
        let box = element.parentElement;
        while (box && !["auto", "scroll"].includes(getComputedStyle(box).overflowX)) {
            if (getComputedStyle(box).overflowX === "hidden") return true;  // cut off
            box = box.parentElement;
        }
        return !box || box.tabIndex < 0 || box.getBoundingClientRect().right > innerWidth + 1;
    }).map(element => element.outerHTML.slice(0, 200))""")


def test_the_browser_reads_the_words_of_every_figure_on_page_and_slides(made, visit):
    notebook, *files = made
    outputs = [output.data for cell in notebook.cells[1:] for output in cell.outputs if "data" in output]
    words = [data["text/plain"] for data in outputs if "<img" in data.get("text/html", "")]
    assert words[0] == 'Say "costs". CNN / ANN: a <b> 0.50.' and len(words) == 3
    for file in files:
        assert visit(file, SCREEN).evaluate("[...document.images].map(image => image.alt)") == words


def test_the_browser_finds_no_barriers_on_a_page_made_now(made, visit):
    for size in (SCREEN, PHONE):
        page = visit(made[1], size)
        assert barriers(page) == []
        assert page.locator("th").count() == 27 + 31


def test_axe_in_the_browser_would_find_one(made, visit):
    page = visit(made[1], SCREEN)
    page.evaluate("document.images[0].removeAttribute('alt')")
    (barrier,) = barriers(page)
    assert barrier.startswith("image-alt: ")


def test_the_browser_finds_no_barriers_on_the_page_of_the_lesson(visit, tmp_path):
    page = visit(to_page(LESSON, tmp_path), PHONE)
    assert barriers(page) == []
    assert out_of_reach(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_browser_of_a_phone_shows_pictures_large_enough_and_all_that_is_wider_scrolls_by_itself(made, visit):
    page = visit(made[1], PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert out_of_reach(page) == []
    sizes = page.evaluate(
        "[...document.images].map(image => [image.width, image.naturalWidth, image.height / image.naturalHeight])"
    )
    assert max(natural for _, natural, _ in sizes) > 900
    for width, natural, scale in sizes:
        assert width >= NARROWEST * natural - 1 and scale == pytest.approx(width / natural, rel=0.02)
    scrolling = page.evaluate("""() => [...document.querySelectorAll("[tabindex]")]
        .filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.innerText.slice(0, 9))""")
    assert len(scrolling) >= 5  # the text's table, code, the wide picture, the table, what is printed


def test_the_browser_of_a_screen_shows_pictures_as_they_are(made, visit):
    page = visit(made[1], SCREEN)
    assert page.evaluate("[...document.images].every(image => image.width === image.naturalWidth)")

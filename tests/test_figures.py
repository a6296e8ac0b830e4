import base64
import html
import io
import re

import kernels
import nbformat
import numpy as np
import pytest
from PIL import Image

from mnist_compare import figures


@pytest.fixture
def figure():
    figure, axes = figures.new_figure(size=(5, 2))
    axes[0, 0].plot([0, 1])
    figure.description = 'From -1 to 3-4,\n"a" < b & c.'
    return figure


@pytest.mark.parametrize(
    "title, before", [("", ""), ("A\ntitle", "A title. "), ("Which?", "Which? "), ("Done.", "Done. ")]
)
def test_the_title_comes_before_the_description_in_one_line_and_a_minus_is_one(figure, title, before):
    if title:
        figure.suptitle(title)
    assert figure.alt == before + 'From −1 to 3-4, "a" < b & c.'


def test_the_html_has_the_same_picture_as_a_file_and_its_words():
    figure, axes = figures.new_figure(size=(5, 2))
    axes[0, 0].plot([0, 1])
    figure.description = '"a" < b & c'
    file = io.BytesIO()
    figure.savefig(file, bbox_inches="tight")
    shown = figure.to_html()
    tag, source = re.fullmatch(
        r'<img (alt="[^"]*" style="[^"]*") src="data:image/png;base64,([\w+/=]+)">', shown
    ).groups()
    assert html.unescape(re.search('alt="([^"]*)"', tag)[1]) == '"a" < b & c'
    picture = Image.open(io.BytesIO(base64.b64decode(source)))
    assert np.array_equal(np.asarray(picture), np.asarray(Image.open(file).convert("RGB")))
    style = dict(part.split(": ") for part in re.search('style="([^"]*)"', tag)[1].split("; "))
    assert style == {"max-width": "100%", "min-width": f"{0.62 * picture.width:.0f}px", "height": "auto"}


def test_a_notebook_keeps_one_picture_and_the_words(tmp_path):
    """Returned, or shown by hand: of every other Figure a kernel keeps a PNG without words."""
    cells = [
        "from mnist_compare import figures, plots",
        "figure = plots.plot_ratios({'few': 0.5}, 'CNN / ANN')\nplots.titled(figure, 'Costs')",
        "display(figure)",
        "print(figure.to_html())",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    kernels.execute(notebook, tmp_path)
    _, returned, displayed, (printed,) = (cell.outputs for cell in notebook.cells)
    for (output,) in (returned, displayed):
        assert output.data == {
            "text/html": printed.text.strip(),
            "text/plain": "Costs. CNN / ANN: few 0.50.",
        }


def test_a_frame_is_put_round_the_pixels_of_a_window():
    _, axes = figures.new_figure()
    figures.outline(axes[0, 0], 2, 3, 4, 5, edgecolor="r")
    (frame,) = axes[0, 0].patches
    assert (frame.get_xy(), frame.get_height(), frame.get_width()) == ((2.5, 1.5), 4, 5)
    assert frame.get_edgecolor() == (1, 0, 0, 1) and not frame.get_fill()


def test_words():
    assert [figures.counted(number, "image") for number in (0, 1, 2, 1000)] == [
        "0 images",
        "1 image",
        "2 images",
        "1,000 images",
    ]
    assert figures.listed(["a", "b"]) == "a; b"
    assert figures.by_row(np.array([[1, -2.5], [0, 4]])) == "1, -2.5; 0, 4"
    assert figures.by_row([[1]], lambda value: f"<{value}>") == "<1>"


@pytest.mark.parametrize(
    "values, said",
    [
        ([], ""),
        ([0.1], "10.00% at 1,000"),
        ([0.1, 0.2, 0.3, 0.4], "10.00% at 1,000, 20.00% at 2, 30.00% at 3, 40.00% at 4"),
        ([0.1, 0.2, 0.3, 0.4, 0.5], "10.00% at 1,000, 50.00% at 5"),
        ([0.2, 0.1, 0.3, 0.9, 0.5], "20.00% at 1,000, 10.00% at 2, 90.00% at 4, 50.00% at 5"),
    ],
)
def test_a_course_names_all_of_few_values_and_the_ends_and_extremes_of_many(values, said):
    assert figures.course([1000, 2, 3, 4, 5], values) == said


def test_a_course_takes_other_texts():
    assert figures.course([1, 2], [3, 4], ["c", "d"]) == "c at 1, d at 2"
    assert figures.course([1, 2], [3, 4], write="{:g}") == "3 at 1, 4 at 2"

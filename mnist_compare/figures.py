"""What every figure is made of: a matplotlib Figure that also says in words what it shows, and helpers for that."""

import base64
import html
import io
import re

import matplotlib.figure
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from PIL import Image

NARROWEST = 0.62  # of its width: how far a picture may shrink on a phone before it is scrolled; titles have 10 pixels


class Figure(matplotlib.figure.Figure):
    """A Figure with words for those who cannot see it: its title, if it has one, and `description`, a str.

    A notebook keeps it as an HTML image with these words as its alternative text: JupyterLab and nbconvert use that,
    but ignore the metadata of an image on its own.
    """

    description = ""

    @property
    def alt(self):
        """The title and the description, in one line."""
        title = self.get_suptitle()
        text = f"{title}{'' if title[-1:] in ('', '.', '?', '!') else '.'} {self.description}"
        return re.sub(r"(?<![\w-])-(?=\d)", "−", " ".join(text.split()))  # a hyphen would not be read as minus

    def to_html(self):
        """Return the picture, a PNG, as an HTML image with its alternative text, no wider than the page (a str)."""
        drawn, png = io.BytesIO(), io.BytesIO()
        self.savefig(drawn, format="png", bbox_inches="tight")
        picture = Image.open(drawn).convert("RGB")  # without transparency, the file is an eighth smaller
        picture.save(png, "PNG", optimize=True)
        style = f"max-width: 100%; min-width: {NARROWEST * picture.width:.0f}px; height: auto"
        source = f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"
        return f'<img alt="{html.escape(self.alt)}" style="{style}" src="{source}">'

    def _ipython_display_(self):
        """Show it in a notebook, which would otherwise keep a PNG without words as well, half of the file."""
        display({"text/html": self.to_html(), "text/plain": self.alt}, raw=True)


def new_figure(rows=1, columns=1, size=(6.0, 3.5), **options):
    """Return a Figure and its axes (rows, columns); closed, so that a notebook shows it once, where it is returned."""
    figure, axes = plt.subplots(
        rows, columns, figsize=size, layout="constrained", squeeze=False, FigureClass=Figure, **options
    )
    plt.close(figure)
    return figure, axes


def outline(axis, row, column, height, width, **options):
    """Put a frame round a window of an image: its upper left pixel, its size."""
    style = {"fill": False, "linewidth": 2, "clip_on": False}
    axis.add_patch(plt.Rectangle((column - 0.5, row - 0.5), width, height, **{**style, **options}))


def counted(number, noun):
    """Write a number with its noun, which takes an s in the plural."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def listed(parts):
    """Join what belongs to different curves, images or networks."""
    return "; ".join(parts)


def by_row(values, write="{:g}"):
    """Write an array (rows, columns) row by row, with each number written by a format string or a function."""
    write = write.format if isinstance(write, str) else write
    return listed(", ".join(map(write, row)) for row in values)


def course(x, values, texts=None, write="{:.2%}"):
    """Say how values (N,) go with x (N,): all of them if they are few, else the first, last, lowest and highest.

    texts: N strings, to be used instead of what `write` makes of the values.
    """
    texts = list(map(write.format, values)) if texts is None else texts
    last = len(values) - 1
    told = sorted({0, int(np.argmin(values)), int(np.argmax(values)), last}) if last > 3 else range(last + 1)
    return ", ".join(f"{texts[i]} at {x[i]:,}" for i in told)

"""A pad to draw a digit on, in a notebook: what the networks say appears beside it as you draw (notebook 04)."""

from pathlib import Path

import anywidget
import numpy as np
from PIL import Image, ImageDraw
from traitlets import Dict, observe

from mnist_compare.evaluation import predict
from mnist_compare.handwriting import prepare_digit
from mnist_compare.plots import STYLES

SIDE = 280  # pixels along a side of the picture: ten times MNIST's
FINE = 4  # strokes are drawn so many times larger, and then reduced, which makes grey edges

HERE = Path(__file__).parent


class DrawingPad(anywidget.AnyWidget):
    """A pad for mouse, finger and pen. The networks answer when the hand pauses, or when a button is pressed.

    networks: {"ANN": trained model, "CNN": …}, under names that have a colour in plots.STYLES. Show the pad as the last
    line of a cell; `picture` is what was drawn, `answer` what the networks said.
    Raises ValueError for no networks, for names without a colour, and for a network that does not give ten numbers.
    """

    _esm = (HERE / "pad.js").read_text("utf-8")
    _css = (HERE / "pad.css").read_text("utf-8")

    # The page sets `drawing`, Python sets `answer`. Points and widths are fractions of the side; `asked` counts the
    # questions, so that each changes `drawing` and is answered. No echo: it would undo what was drawn in the meantime.
    drawing = Dict({"strokes": [], "asked": 0}).tag(sync=True, echo_update=False)
    answer = Dict().tag(sync=True)
    colors = Dict().tag(sync=True)

    def __init__(self, networks):
        if not networks or not set(networks) <= set(STYLES):
            raise ValueError(
                f"The networks are called {list(networks)}, expected one or more of {', '.join(STYLES)}: rename them, "
                "or give a name a colour in plots.STYLES."
            )
        for name, network in networks.items():  # here, where an error is seen, and as the first answer takes longest
            shape = predict(network, np.zeros((1, 28, 28), np.float32)).shape
            if shape != (1, 10):
                raise ValueError(f"{name} answers one image with the shape {shape}, expected (1, 10): pass a network.")
        self._networks = dict(networks)
        super().__init__(colors={name: STYLES[name]["color"] for name in networks})

    def __repr__(self):  # what a page without widgets shows
        return "A drawing pad. It needs Python at work behind the page: run this notebook in Jupyter to draw."

    @property
    def picture(self):
        """uint8 (280, 280): the drawing, in black ink (0) on white paper (255), as prepare_digit takes it."""
        large = Image.new("L", (SIDE * FINE, SIDE * FINE), 255)
        pen = ImageDraw.Draw(large)
        for stroke in self.drawing["strokes"]:
            width, points = stroke["width"] * SIDE * FINE, [tuple(SIDE * FINE * np.array(p)) for p in stroke["points"]]
            pen.line(points, 0, round(width))
            for point in points:  # round ends, and no gaps at the corners
                pen.circle(point, width / 2, 0)
        return np.array(large.reduce(FINE))

    @observe("drawing")
    def _answer(self, _):
        answer = {"asked": self.drawing["asked"]}
        if self.drawing["strokes"]:
            try:
                seen = prepare_digit(self.picture)
            except ValueError as error:
                answer["refused"] = str(error)
            else:
                answer["seen"] = seen.ravel().round(3).tolist()
                answer["said"] = {name: predict(one, seen[None])[0].tolist() for name, one in self._networks.items()}
        self.answer = answer

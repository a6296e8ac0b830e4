"""Simulated photographs of a digit on paper: what `prepare_digit` is tested on (in notebook 04 and in the tests).

Lengths on the paper are in millimetres; colours are sRGB from 0 to 1, and light multiplies them.
"""

from io import BytesIO

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.morphology import skeletonize

from mnist_compare.handwriting import USUAL, place_ink

PAPERS = ("plain", "ruled", "ruled, margin", "squared", "dotted", "boxed")
PENS = ("pencil", "ballpoint", "felt-tip")
LIGHTS = ("even", "gradient", "round shadow", "straight shadow", "dim")
TABLES = ("none", "dark on 2 sides", "wood on 2 sides", "light on 2 sides", "dark", "wood", "light")

KINDS = (PAPERS, PENS, LIGHTS, TABLES)

ROWS, COLUMNS = 500, 400  # pixels of a photograph, held upright
SQUARE = 160  # pixels along the square in which a digit is traced: eight for each of MNIST's
STROKE = {"pencil": (0.7, 1.1), "ballpoint": (0.6, 0.9), "felt-tip": (1.8, 3.0)}  # how wide a pen writes, mm


def conditions(seed):
    """Return {"paper", "pen", "light", "table"} of a random page, to be passed to `photograph`: half have no table."""
    draw = np.random.default_rng((seed, 1))  # another sequence than photograph's
    kinds = (PAPERS, PENS, LIGHTS, TABLES if draw.random() < 0.5 else TABLES[:1])
    return {name: str(draw.choice(of)) for name, of in zip(("paper", "pen", "light", "table"), kinds, strict=True)}


def photograph(digit, paper="plain", pen="ballpoint", light="even", table="none", seed=0):
    """Return a simulated photograph, uint8 (500, 400, 3), of a digit on paper.

    digit: (28, 28), light on black as in MNIST, uint8 or floats to 1, or None for a page without one; its strokes are
    traced in the pen's own width. paper, pen, light, table: one of PAPERS, PENS, LIGHTS and TABLES. The rest, such as
    sizes, places, colours, the camera's tilt, blur and noise, is drawn from `seed`. Raises ValueError for other kinds.
    """
    for name, value, kinds in zip(("paper", "pen", "light", "table"), (paper, pen, light, table), KINDS, strict=True):
        if value not in kinds:
            raise ValueError(f"{name}={value!r} is none of {', '.join(kinds)}: choose one of them.")
    draw = np.random.default_rng(seed)
    whole = table in ("dark", "wood", "light")  # is the whole page in the picture
    down, right, millimetre = _look(draw, tilt=15 if whole else 4, keystone=0.12 if whole else 0.08)
    corners, edges = _lay(draw, millimetre, whole, table.endswith("2 sides"))
    size = min(draw.uniform(0.28, 0.5) * np.ptp(corners[:, 0]), 0.55 * np.ptp(corners[:, 1]), 35)  # of the digit, mm
    top, left = draw.uniform(corners[0] + 0.35 * size, corners[1] - 1.35 * size)  # leaves room for a box

    colour = np.empty((ROWS, COLUMNS, 3))
    colour[:] = draw.choice([(0.95, 0.95, 0.94), (0.93, 0.92, 0.88), (0.9, 0.91, 0.93)])
    for cover, ink in _print(draw, paper, down, right, millimetre, (top, left, size)):
        colour *= 1 - cover[..., None] * (1 - np.asarray(ink))
    if digit is not None:
        cover, ink = _write(draw, digit, pen, (down - top) / size, (right - left) / size, size, millimetre)
        colour *= 1 - cover[..., None] * (1 - np.asarray(ink))
    if table != "none":
        _lay_on_table(draw, colour, table.split()[0], down, right, edges, millimetre)
    return _expose(draw, colour * _shine(draw, light)[..., None], dim=light == "dim")


def clean_ink(digit, width=USUAL):
    """Return what `prepare_digit` would make of a photograph at best, float32 (28, 28): clean ink, and nothing else.

    digit: as for `photograph`, not None. width: of the pen that traces it, as a share of the digit's longer side.
    """
    cover = np.clip(0.5 + (width / 2 - trace(digit)) * SQUARE, 0, 1)
    return place_ink(cover[np.ix_(cover.max(axis=1) > 0.1, cover.max(axis=0) > 0.1)])


def _look(draw, tilt, keystone):
    """Return where each pixel looks on the paper, and the length of a millimetre in pixels.

    (down, right): mm from the point in the middle, (ROWS, COLUMNS) each. tilt: at most so many degrees. keystone: by
    what share, at most, the paper seems larger at one side than in the middle.
    """
    tilt, keystone = np.radians(draw.uniform(-tilt, tilt)), draw.uniform(-keystone, keystone, 2)
    rows, columns = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j] * np.array([ROWS / COLUMNS, 1])[:, None, None]
    depth = 1 + keystone[0] * rows + keystone[1] * columns
    down = (np.cos(tilt) * rows - np.sin(tilt) * columns) / depth
    right = (np.sin(tilt) * rows + np.cos(tilt) * columns) / depth
    bend = draw.uniform(-0.01, 0.01, 2)  # paper is never quite flat
    width = draw.uniform(60, 110)  # mm across the picture
    return (down + bend[0] * right**2) * width / 2, (right + bend[1] * down**2) * width / 2, COLUMNS / width


def _lay(draw, millimetre, whole, part):
    """Return two corners (down, right) of the paper that is seen, and of the whole sheet: mm, (2, 2) each."""
    seen = np.array([ROWS, COLUMNS]) / millimetre
    if whole:
        size = seen * draw.uniform(0.6, 0.72, 2)
        corners = np.array([-size, size]) / 2 + draw.uniform(-0.04, 0.04, 2) * seen
        return corners, corners
    corners = np.array([-seen, seen]) / 2
    edges = np.array([[-np.inf, -np.inf], [np.inf, np.inf]])
    if part:  # one edge across the picture, and one along it
        for axis, end in enumerate(draw.integers(0, 2, 2)):
            corners[end, axis] *= draw.uniform(0.5, 0.85)
            edges[end, axis] = corners[end, axis]
    return corners, edges


def _line(distance, width, millimetre):
    """Return how much of each pixel a line covers, 0 to 1, given each pixel's distance from its middle in mm."""
    return np.clip(0.5 + (width / 2 - np.abs(distance)) * millimetre, 0, 1) * min(1, width * millimetre)


def _print(draw, paper, down, right, millimetre, place):
    """Yield (how much of each pixel is covered, the colour) of each thing that is printed on the paper."""
    top, left, size = place
    colour = draw.choice([(0.6, 0.72, 0.86), (0.7, 0.72, 0.76), (0.55, 0.6, 0.75), (0.72, 0.82, 0.9)])
    width = draw.uniform(0.2, 0.4)

    def every(spacing, along, start=0):
        return (along - start + spacing / 2) % spacing - spacing / 2

    if paper.startswith("ruled"):
        spacing = draw.uniform(7, 9)
        on_line = top + size if draw.random() < 0.5 else draw.uniform(0, 9)  # people write on the line, or do not
        yield _line(every(spacing, down, on_line), width, millimetre), colour
    if paper == "ruled, margin":
        red = draw.choice([(0.88, 0.4, 0.45), (0.92, 0.55, 0.6)])
        yield _line(right - left + draw.uniform(0.05, 0.3) * size, draw.uniform(0.3, 0.5), millimetre), red
    if paper == "squared":
        spacing, start = draw.uniform(4.5, 6), draw.uniform(0, 5, 2)
        lines = [
            _line(every(spacing, along, first), width, millimetre)
            for along, first in zip((down, right), start, strict=True)
        ]
        yield np.maximum(*lines), colour
    if paper == "dotted":
        spacing = draw.uniform(4.5, 6)
        yield _line(np.hypot(every(spacing, down), every(spacing, right)), 0.6, millimetre), colour
    if paper == "boxed":
        half = size * draw.uniform(0.62, 0.8, 2)
        outside = np.maximum(np.abs(down - top - size / 2) - half[0], np.abs(right - left - size / 2) - half[1])
        ink = draw.choice([(0.2, 0.2, 0.2), (0.5, 0.5, 0.55), (0.25, 0.35, 0.6)])
        yield _line(outside, draw.uniform(0.3, 0.7), millimetre), ink


def _write(draw, digit, pen, down, right, size, millimetre):
    """Return how much of each pixel is covered by the pen that traces the digit, and the colour of its ink.

    down, right: each pixel's place in the square around the digit, 0 to 1; size: of the square, in mm.
    """
    distance = size * ndimage.map_coordinates(trace(digit), [down * SQUARE, right * SQUARE], order=1, cval=1)
    cover = _line(distance, min(draw.uniform(*STROKE[pen]), 0.14 * size), millimetre)  # not so wide that loops close
    if pen == "pencil":
        grain = ndimage.gaussian_filter(draw.normal(0, 1, cover.shape), 0.7)
        return cover * np.clip(draw.uniform(0.8, 1) + 0.35 * grain, 0, 1), (0.25, 0.25, 0.27)
    pressure = ndimage.gaussian_filter(draw.normal(0, 1, cover.shape), 6) * 6
    if pen == "ballpoint":
        ink = draw.choice([(0.1, 0.15, 0.5), (0.12, 0.12, 0.14), (0.15, 0.25, 0.6)])
        return cover * np.clip(0.9 + 0.1 * pressure, 0, 1), ink
    return cover, draw.choice([(0.08, 0.08, 0.1), (0.1, 0.15, 0.45), (0.65, 0.1, 0.12), (0.1, 0.4, 0.2)])


def trace(digit):
    """Return how far the points of a digit's square are from its strokes, as shares of a side: (SQUARE, SQUARE)."""
    digit = np.asarray(digit, float) / np.max(digit)
    digit = digit[np.ix_(digit.max(axis=1) > 0, digit.max(axis=0) > 0)]
    spare = [(side // 2, side - side // 2) for side in max(digit.shape) - np.array(digit.shape)]
    enlarged = ndimage.zoom(np.pad(digit, spare), SQUARE / max(digit.shape), order=1, grid_mode=True, mode="nearest")
    strokes = ndimage.gaussian_filter(enlarged, SQUARE / 60, mode="constant") > 0.4
    return ndimage.gaussian_filter(ndimage.distance_transform_edt(~skeletonize(strokes)), SQUARE / 80) / SQUARE


def _lay_on_table(draw, colour, table, down, right, edges, millimetre):
    """Paint the table over all that lies beyond the sheet, in place."""
    (top, left), (bottom, right_edge) = edges
    # mm beyond the sheet's edge, negative on the sheet
    beyond = np.maximum(np.maximum(top - down, down - bottom), np.maximum(left - right, right - right_edge))
    if table == "wood":
        fibre = ndimage.gaussian_filter(draw.normal(0, 1, down.shape), draw.permutation((1, 40))) * 6
        base = np.array(draw.choice([(0.62, 0.42, 0.26), (0.45, 0.3, 0.2), (0.75, 0.58, 0.4)]))
        surface = base * (1 + 0.12 * fibre[..., None])
    elif table == "dark":
        surface = np.full(3, draw.uniform(0.1, 0.28)) * draw.uniform(0.9, 1.1, 3)
    else:
        surface = np.array([0.82, 0.81, 0.79]) * draw.uniform(0.88, 1)
    shadow = 1 - draw.uniform(0.1, 0.35) * np.exp(-np.maximum(beyond, 0) / draw.uniform(0.7, 2))
    edge = np.clip(0.5 + beyond * millimetre, 0, 1)[..., None]
    colour[:] = colour * (1 - edge) + edge * surface * shadow[..., None]


def _shine(draw, light):
    """Return how much light falls where, (ROWS, COLUMNS), at most 1."""
    rows, columns = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
    strength = draw.uniform(0.8, 1)
    if light == "dim":
        strength *= draw.uniform(0.3, 0.5)
    towards = draw.uniform(0, 2 * np.pi)
    across = np.cos(towards) * rows + np.sin(towards) * columns
    if light == "gradient":
        return strength * (1 - draw.uniform(0.25, 0.5) * (across + 1.4) / 2.8)
    level = strength * (1 - 0.06 * (across + 1.4) / 2.8)
    if light == "round shadow":
        row, column = draw.uniform(-0.9, 0.9, 2)
        away = np.hypot(rows - row, columns - column) / draw.uniform(0.4, 0.9)
        level *= 1 - draw.uniform(0.2, 0.5) * np.exp(-(away**2))
    if light == "straight shadow":
        level *= 1 - draw.uniform(0.2, 0.5) / (
            1 + np.exp((across - draw.uniform(-0.5, 0.5)) / draw.uniform(0.04, 0.12))
        )
    return level


def _expose(draw, colour, dim):
    """Return what the camera makes of the colours: a little blurred, with noise, saved as JPEG."""
    blur, noise = draw.uniform(0.6, 1.6), draw.uniform(0.005, 0.015) * (1.5 if dim else 1)
    colour = ndimage.gaussian_filter(colour, (blur, blur, 0)) + draw.normal(0, noise, colour.shape)
    file = BytesIO()
    picture = Image.fromarray(np.uint8(255 * colour.clip(0, 1)))
    picture.save(file, "JPEG", quality=int(draw.integers(50, 92)))
    return np.asarray(Image.open(file))

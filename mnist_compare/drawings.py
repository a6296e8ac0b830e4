"""Drawings that explain how networks work: small arrays and numbers in, a matplotlib Figure out.

A drawing also writes down what it works out, such as a sum or a maximum, and its `description` says the same in words.
Each drawing can be read alone, on a narrow screen and without colours.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patheffects import withStroke

from mnist_compare.figures import by_row, listed, new_figure, outline
from mnist_compare.plots import STYLES

ANN, CNN = STYLES["ANN"]["color"], STYLES["CNN"]["color"]
LINES = ("-", (0, (4, 1.5)), (0, (1, 1)))  # one for each weight of a window
LETTERS = "abc"
HALO = [withStroke(linewidth=4.5, foreground="w")]  # round a frame or a letter, so that it is seen on ink


def _canvas(title, rows=1, columns=1, size=(6.4, 3.4), **options):
    """Return a Figure and its axes (rows, columns), without frames and ticks."""
    figure, axes = new_figure(rows, columns, size, **options)
    figure.suptitle(title, fontsize=12)
    for axis in axes.flat:
        axis.set_axis_off()
        axis.set_aspect("equal")
    return figure, axes


def _write(axis, x, y, text, **options):
    """Write a text centred at a place, on white so that lines do not cross it."""
    box = {"facecolor": "w", "edgecolor": "none", "pad": 1.5}
    axis.text(x, y, text, **{"ha": "center", "va": "center", "fontsize": 11, "bbox": box, **options})


def _arrow(axis, start, end, **options):
    """Draw an arrow from one place to another."""
    style = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "linewidth": 1.5, "color": "k", "mutation_scale": 14}
    axis.annotate("", end, start, arrowprops={**style, **options})


def _square(axis, x, y, half, face="w", edge="k", **options):
    axis.add_patch(plt.Rectangle((x - half, y - half), 2 * half, 2 * half, facecolor=face, edgecolor=edge, **options))


def _circle(axis, x, y, radius, edge=ANN):
    axis.add_patch(plt.Circle((x, y), radius, facecolor="w", edgecolor=edge, linewidth=2, zorder=3))


def _signed(text):
    """Replace hyphens with minus signs, which are as long as a plus."""
    return text.replace("-", "−")


def _table(axis, values, bold=()):
    """Write every number of an array (rows, columns) into a square of its own; those at the places `bold` stand out."""
    rows, columns = values.shape
    for (row, column), value in np.ndenumerate(values):
        chosen = (row, column) in bold
        _square(axis, column, row, 0.5, "0.82" if chosen else "w", "0.6")
        weight = "bold" if chosen else "normal"
        _write(axis, column, row, _signed(f"{value:g}"), fontsize=13, weight=weight, bbox=None)
    axis.set(xlim=(-0.6, columns - 0.4), ylim=(rows - 0.4, -0.6))


def _frame(axis, row, column, height, width, **options):
    """Put a thick frame round a window of an array, by its upper left place and its size."""
    outline(axis, row, column, height, width, **{"edgecolor": "k", "linewidth": 2.5, "zorder": 3, **options})


def draw_unit(inputs, weights, bias):
    """Draw one unit at work: inputs (N,) times weights (N,), their sum plus the bias, and relu of that sum."""
    pairs = list(zip(inputs, weights, strict=True))
    total = sum(value * weight for value, weight in pairs) + bias
    figure, axes = _canvas("One unit: multiply, add up, turn a negative sum into 0", size=(5.4, 3.2))
    axis, top = axes[0, 0], len(inputs) - 1
    middle = top / 2
    for place, (value, weight) in enumerate(pairs):
        y = top - place
        _arrow(axis, (0.35, y), (3.0, middle + 0.15 * (y - middle)), color=ANN)
        _square(axis, 0, y, 0.35)
        _write(axis, 0, y, _signed(f"{value:g}"), bbox=None)
        _write(axis, 1.45, y + 0.42 * 0.85 * (middle - y), _signed(f"× {weight:g}"))
    _arrow(axis, (3.45, -0.3), (3.45, middle - 0.5))
    _write(axis, 3.45, -0.35, _signed(f"bias {bias:+g}"))
    _arrow(axis, (3.9, middle), (4.65, middle))
    axis.plot([4.75, 5.3, 5.85], [middle - 0.25, middle - 0.25, middle + 0.3], color=ANN, linewidth=3)
    _arrow(axis, (5.95, middle), (6.55, middle))
    for x, number in ((3.45, total), (7, max(total, 0))):
        _circle(axis, x, middle, 0.45)
        _write(axis, x, middle, _signed(f"{number:.2f}"), bbox=None, zorder=4)
    for x, y, name in ((0, top, "inputs"), (1.45, top, "weights"), (3.45, middle, "sum"), (5.3, middle, "relu")):
        _write(axis, x, y + 0.7, name, color="0.3")
    _write(axis, 7, middle + 0.7, "output", color="0.3")
    terms = [f"{value:g} × {weight:g}" if weight >= 0 else f"{value:g} × ({weight:g})" for value, weight in pairs]
    end = f" {'-' if bias < 0 else '+'} {abs(bias):g} = {total:.2f}"
    sum_of_terms = _signed(" + ".join(terms) + end)
    _write(axis, 3.5, -1.15, sum_of_terms)
    axis.set(xlim=(-0.5, 7.6), ylim=(-1.4, top + 0.95))
    figure.description = (
        f"{len(pairs)} inputs, each times its weight, and the bias: {sum_of_terms}. After relu the output is "
        f"{max(total, 0):.2f}."
    )
    return figure


def draw_wiring(pixels, window):
    """Draw a row of pixels (P,), 0 to 1, wired densely and by convolution to one unit for each place of a window."""
    count = len(pixels)
    if not 1 <= window <= min(count, len(LINES)):
        raise ValueError(
            f"window={window!r}, expected from 1 to {min(count, len(LINES))}, a kind of line for each weight."
        )
    units = count - window + 1
    figure, axes = _canvas("Who is joined to whom: every line is a weight", 2, size=(5.2, 5))
    for axis in axes.flat:
        axis.set(xlim=(-1.5, count - 0.4), ylim=(-0.4, 2.4))
        for y, name in ((0, "pixels"), (2, "units")):
            _write(axis, -1.4, y, name, ha="left")
        for pixel, grey in enumerate(pixels):
            _square(axis, pixel, 0, 0.3, str(1 - grey), zorder=3)
    dense, convolutional = axes.flat
    titles = (
        f"dense: {count * units} weights, each used once",
        f"convolutional: {window} weights (solid, dashed, dotted),\neach used {units} times",
    )
    for axis, title in zip(axes.flat, titles, strict=True):
        axis.set_title(title, fontsize=11)
    for unit in range(units):
        centre = unit + (window - 1) / 2
        _circle(dense, centre, 2, 0.28)
        _circle(convolutional, centre, 2, 0.28, CNN)
        for pixel in range(count):
            dense.plot([pixel, centre], [0.3, 1.75], color=ANN, linewidth=1)
        for weight in range(window):
            ends = [unit + weight, centre]
            convolutional.plot(ends, [0.3, 1.75], color=CNN, linewidth=2, linestyle=LINES[weight])
    figure.description = (
        f"{count} pixels below {units} units. {titles[0]}: every pixel is joined to every unit. {titles[1]}: every "
        f"unit is joined to the {window} pixels under it."
    )
    return figure


def draw_sliding(image, kernel, answers, places):
    """Draw a window on a digit at some places, its weights, and the map of all its answers.

    image: (rows, columns), 0 to 1. kernel: (height, width). answers: the map, (rows, columns), from 0. places: up to
    three pairs (row, column), the upper left pixel of the window and its answer's place in the map.
    """
    figure, axes = _canvas(
        "One window, laid onto every place, leaves a map", 1, 3, (5.4, 2.9), width_ratios=(5, 2.7, 5)
    )
    picture, weights, result = axes.flat
    picture.imshow(image, cmap="gray_r", vmin=0, vmax=1)
    _table(weights, kernel)
    result.imshow(answers, cmap="gray_r", vmin=0)
    for axis, name, values in zip(axes.flat, ("digit", "window", "map"), (image, kernel, answers), strict=True):
        axis.set_title(f"{name}, {values.shape[0]} × {values.shape[1]}", fontsize=11)
    for axis, values in ((picture, image), (result, answers)):
        _frame(axis, 0, 0, *values.shape, edgecolor="0.7", linewidth=1)
    for letter, (row, column) in zip(LETTERS, places, strict=False):
        for axis, size in ((picture, kernel.shape), (result, (1, 1))):
            _frame(axis, row, column, *size, edgecolor=CNN, path_effects=HALO)
            options = {"color": CNN, "weight": "bold", "fontsize": 13, "path_effects": HALO, "bbox": None}
            _write(axis, column - 2, row + (size[0] - 1) / 2, letter, **options)
    numbers = ", ".join(f"{letter}: {answers[place]:.2f}" for letter, place in zip(LETTERS, places, strict=False))
    figure.supxlabel(f"the answers at the marked places: {numbers}", fontsize=11)
    sizes = (f"{name} {values.shape[0]} × {values.shape[1]}" for name, values in (("digit", image), ("map", answers)))
    marked = (
        f"{letter} at row {row}, column {column}: {answers[row, column]:.2f}"
        for letter, (row, column) in zip(LETTERS, places, strict=False)
    )
    figure.description = (
        f"{', '.join(sizes)}. The window, row by row: {by_row(kernel)}. Its answers at the marked places: "
        f"{listed(marked)}."
    )
    return figure


def draw_pooling(values, size=2):
    """Draw max-pooling of an array (rows, columns): every square of `size` by `size` leaves its largest number."""
    rows, columns = (side // size for side in values.shape)
    squares = values[: rows * size, : columns * size].reshape(rows, size, columns, size)
    pooled = squares.max(axis=(1, 3))
    figure, axes = _canvas("Max-pooling: the largest number of each square", 1, 2, (4.4, 2.8), width_ratios=(2, 1))
    bold = set()
    for row, column in np.ndindex(rows, columns):
        square = squares[row, :, column]
        down, right = np.unravel_index(square.argmax(), square.shape)
        bold.add((row * size + down, column * size + right))
    _table(axes[0, 0], values, bold)
    _table(axes[0, 1], pooled, set(np.ndindex(pooled.shape)))
    for row, column in np.ndindex(rows, columns):
        _frame(axes[0, 0], row * size, column * size, size, size)
        _frame(axes[0, 1], row, column, 1, 1)
    for axis, (height, width) in zip(axes.flat, (values.shape, pooled.shape), strict=True):
        axis.set_title(f"{height} × {width}", fontsize=11)
    figure.description = (
        f"Row by row, {by_row(values)}; the largest of each {size} × {size} numbers are {by_row(pooled)}."
    )
    return figure


def draw_cross_entropy(probabilities):
    """Draw the loss of one image, minus the logarithm of the probability of its digit; points mark `probabilities`."""
    figure, axes = _canvas("The less probable the right digit, the greater the loss", size=(5.2, 3.4))
    axis, curve = axes[0, 0], np.linspace(0.005, 1, 400)
    _as_graph(axis, "probability that the network gives to the right digit", "loss of this image")
    axis.plot(curve, -np.log(curve), color=ANN, linewidth=2)
    losses = {p: f"−ln {p:g} = {-np.log(p):.2f}" for p in probabilities}
    for p, text in losses.items():
        axis.plot(p, -np.log(p), color=ANN, marker="o", markersize=8)
        axis.annotate(text, (p, -np.log(p)), (9, 5), textcoords="offset points", fontsize=11)
    axis.set(xlim=(0, 1.25), ylim=(-0.15, 5.3), xticks=np.linspace(0, 1, 6))
    figure.description = (
        "The loss falls from above 5, where the probability is near 0, ever more slowly to 0, where it is 1: "
        f"{', '.join(losses.values())}."
    )
    return figure


def _as_graph(axis, xlabel, ylabel):
    """Give a canvas back the axes of a graph."""
    axis.set_axis_on()
    axis.set_aspect("auto")
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_xlabel(xlabel, fontsize=11)
    axis.set_ylabel(ylabel, fontsize=11)


def draw_descent(weights, losses, start, slope, rate):
    """Draw a loss (W,) against one weight (W,), and one step downhill from `start`, where the loss has this `slope`."""
    end = start - rate * slope
    if not weights[0] <= end <= weights[-1]:
        raise ValueError(
            f"The step ends at {end:g}, expected a weight from {weights[0]:g} to {weights[-1]:g}, where the curve is: "
            "take a smaller rate."
        )
    before, after = np.interp([start, end], weights, losses)
    figure, axes = _canvas("One step of gradient descent", size=(5.2, 3.6))
    axis = axes[0, 0]
    _as_graph(axis, "one weight", "loss")
    axis.plot(weights, losses, color="0.6", linewidth=3)
    tangent = np.array([-0.35, 0.6]) * np.ptp(weights) / 4
    axis.plot(start + tangent, before + slope * tangent, color="k", linestyle="--")
    axis.annotate(_signed(f"slope {slope:.2f}"), (start, before), (10, 14), textcoords="offset points", fontsize=11)
    axis.plot(start, before, color=ANN, marker="o", markersize=11)
    axis.plot(end, after, color=ANN, marker="o", markersize=11, markerfacecolor="w", markeredgewidth=2)
    _arrow(axis, (start, before), (end, after), color=ANN, linewidth=2.5, shrinkA=6, shrinkB=7, zorder=4)
    text = _signed(f"new weight = weight - rate × slope\n= {start:.2f} - {rate:g} × ({slope:.2f}) = {end:.2f}")
    axis.set_title(text, fontsize=11)
    figure.description = (
        f"A loss over one weight, and an arrow along its slope: {text}; the loss goes from {before:.2f} to {after:.2f}."
    )
    return figure

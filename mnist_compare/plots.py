"""Every figure of the notebooks: results in, a matplotlib Figure out; at most a mean or a spread is computed here.

Each figure also says in words what it shows, for those who do not see it: its `description`.
"""

import reprlib

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator, MultipleLocator, NullLocator

from mnist_compare.figures import by_row, counted, course, listed, new_figure, outline
from mnist_compare.intervals import interval

# Colours of Okabe and Ito's palette, told apart by all readers: https://jfly.uni-koeln.de/color/
STYLES = {
    "ANN": {"color": "#0072B2", "marker": "o"},
    "CNN": {"color": "#D55E00", "marker": "s"},
    "LCN": {"color": "#009E73", "marker": "^"},
}

# For curves that belong to no network, in this order: colours of the same palette.
OTHERS = (
    {"color": "#CC79A7", "marker": "D"},
    {"color": "#000000", "marker": "v"},
    {"color": "#E69F00", "marker": "P"},
    {"color": "#56B4E9", "marker": "X"},
)

LINES = ("-", "--", ":")  # of the first, second and third curve of one colour

TRIALS = {
    "adam": {"label": "Adam", "color": "0.3", "marker": "."},
    "nesterov": {"label": "SGD with Nesterov momentum", "color": "0.5", "marker": "x"},
}

WORST = 0.2  # at the edge of `plot_search`: this error, or a larger one


def _network(name):
    """Return the first word of a name, without a comma after it."""
    return "".join(str(name).split()[:1]).rstrip(",")


def _style(name):
    """Return the colour and the marker of a network, by the first word of its name."""
    if _network(name) not in STYLES:
        raise ValueError(
            f"{name!r} begins with the name of no network that has a colour, expected one of {', '.join(STYLES)}: "
            "rename it, or give it a colour and a marker in plots.STYLES."
        )
    return STYLES[_network(name)]


def _curve_styles(names, title, others=()):
    """Return {name: colour, marker and line} for the curves of one panel.

    The first word of a name decides its colour; names that begin with no network take the styles in `others` in turn.
    The second curve of a colour is dashed, the third dotted.
    """
    styles, count = {}, 0
    for name in names:
        if others and _network(name) not in STYLES:
            style, count = others[count % len(others)], count + 1
        else:
            style = _style(name)
        kind = sum(style["color"] == other["color"] for other in styles.values())
        if kind == len(LINES):
            raise ValueError(
                f"{name!r} in the panel {title!r} is the curve number {kind + 1} of its colour, expected at most "
                f"{len(LINES)}, which differ by their lines: move it to a panel of its own."
            )
        styles[name] = {**style, "linestyle": LINES[kind]}
    return styles


def _check_some(results, example="ANN"):
    """Raise ValueError for an empty dictionary, as it gives nothing to draw."""
    if not results:
        raise ValueError(f'There is nothing to draw: pass one result at least, as {{"{example}": …}}.')


def _check_runs(name, values, what="accuracies"):
    """Raise ValueError for anything but numbers (N,) of N runs, trials or resamples, one at least."""
    if np.ndim(values) != 1 or np.size(values) == 0:
        raise ValueError(
            f"The {what} of {name!r} have the shape {np.shape(values)}, expected (N,) with N at least 1: one "
            "number for each run, trial or resample."
        )


def _intervals(name, values, count):
    """Return `count` values with their intervals as an array (count, 3), or raise ValueError."""
    if len(values) != count or any(np.shape(one) != (3,) for one in values):
        raise ValueError(
            f"The values of {name!r} are {reprlib.repr(values)}, expected {count} of the form (value, low, high): give "
            "each with the ends of its interval."
        )
    for value, low, high in values:
        if not low - 1e-9 <= value <= high + 1e-9:  # but for rounding
            raise ValueError(
                f"{name!r} has the value {value} with an interval from {low} to {high}, expected one that contains "
                "the value: give (value, low, high), in this order."
            )
    return np.array(values)


def _pale(style):
    """Return the style of single runs, drawn small and pale in the colour of their mean."""
    return {"color": style["color"], "alpha": 0.3, "marker": ".", "markersize": 7, "linestyle": "none"}


def _percent(value, _=None):
    """Write a fraction in percent, with as many digits as it needs."""
    return f"{100 * value:g}%"


def _log_ticks(axis, write="{x:g}", steps=(1, 1.5, 2, 2.5, 3, 4, 5, 7)):
    """Label an x or y axis, logarithmic already, at `steps` of every power of ten and nowhere between."""
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(write)
    axis.set_minor_locator(NullLocator())


def titled(figure, title):
    """Put a title over a Figure and before its words, so that it can be read alone, and return it."""
    figure.suptitle(title, fontsize=12)
    return figure


def _picture(axis, image, title, fontsize=8, **scale):
    """Draw an image without ticks, in a thin frame that shows where it ends."""
    axis.set_visible(True)
    axis.imshow(image, **scale)
    axis.set_title(title, fontsize=fontsize, pad=2)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(color="0.8", linewidth=0.5)


def _ink(image):
    """Return the scale in which 0 is white and full ink black."""
    return {"cmap": "gray_r", "vmin": 0, "vmax": 255 if image.dtype == np.uint8 else 1}


def plot_digits(images, titles, columns=10):
    """Draw images (N, 28, 28) in a grid, each under its title (N strings)."""
    rows = max(1, -(-len(images) // columns))
    height = 1.25 + 0.2 * max((title.count("\n") for title in titles), default=0)
    figure, axes = new_figure(rows, columns, (1.25 * max(columns, 4), 0.5 + rows * height))
    for axis in axes.flat:
        axis.set_visible(False)
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        _picture(axis, np.squeeze(image), title, 10, **_ink(image))
    figure.description = f"{counted(len(images), 'image')} in rows of {columns}: {listed(titles) or 'none'}."
    return figure


def plot_picture(picture, description):
    """Draw a PIL image, or uint8 (rows, columns) or (rows, columns, 3), as it is; description: a sentence."""
    figure, axes = new_figure(size=(4.2, 4.2))
    axes[0, 0].imshow(picture, cmap="gray", vmin=0, vmax=255)
    axes[0, 0].set_axis_off()
    figure.description = description
    return figure


def plot_pixels(image):
    """Draw one uint8 image (28, 28) large, with the grey level written on every pixel."""
    figure, axes = new_figure(size=(9, 9))
    axes[0, 0].imshow(image, cmap="gray_r", vmin=0, vmax=255)
    for (row, column), level in np.ndenumerate(image):
        ink = "w" if level > 100 else "k" if level else "0.7"
        axes[0, 0].text(column, row, level, ha="center", va="center", fontsize=7, color=ink)
    axes[0, 0].set(xlabel="column", ylabel="row")
    inked = np.argwhere(image)
    (top, left), (bottom, right) = (inked.min(axis=0), inked.max(axis=0)) if len(inked) else ((0, 0), (0, 0))
    figure.description = (
        f"The grey levels of {image.shape[0]} × {image.shape[1]} pixels: {len(inked)} are above 0, the highest is "
        f"{image.max()}, all in rows {top} to {bottom} and columns {left} to {right}."
    )
    return figure


def plot_class_counts(counts):
    """Draw how often each digit occurs: {"name of the set": (10,) counts}."""
    figure, axes = new_figure(1, len(counts), (9, 2.6))
    for axis, (name, heights) in zip(axes.flat, counts.items(), strict=True):
        axis.bar(range(10), heights, color="0.6")
        axis.axhline(np.mean(heights), color="k", linestyle=":", linewidth=1)
        axis.set(title=f"{name} (dotted: a tenth)", xlabel="digit", ylabel="images", xticks=range(10))
    parts = (f"{name} {', '.join(f'{height:,}' for height in heights)}" for name, heights in counts.items())
    figure.description = f"Images of the digits 0 to 9: {listed(parts)}."
    return figure


def _by_epoch(history):
    """Say how loss and accuracy of a history, {"loss": (epochs,), "accuracy": (epochs,)}, go; both may be missing."""
    if not len(history.get("loss", [])):
        return "interrupted in the first epoch"
    epochs = range(1, len(history["loss"]) + 1)
    return f"loss {course(epochs, history['loss'], write='{:.3g}')}; accuracy {course(epochs, history['accuracy'])}"


def plot_learning_curves(histories, tests):
    """Draw loss and accuracy against the epoch.

    histories: {"ANN": History.history, …}, drawn as lines; tests: {"ANN": Evaluation, …}, drawn as a star each at
    the last epoch, or at 0 if the training was interrupted in its first.
    """
    _check_some(histories)
    for name, history in histories.items():
        if name not in tests:
            raise ValueError(f"There is no test result of {name!r}, only of {list(tests)}: evaluate it, and pass that.")
        if not isinstance(history, dict) or (history and not {"loss", "accuracy"} <= set(history)):
            raise ValueError(
                f"The history of {name!r} is {reprlib.repr(history)}, expected a dictionary with loss and accuracy: "
                "pass the `history` of what `train` returns."
            )
    figure, axes = new_figure(1, 2, (9, 3.4))
    for axis, quantity in zip(axes.flat, ("loss", "accuracy"), strict=True):
        for name, history in histories.items():
            values = history.get(quantity, [])
            if len(values):
                axis.plot(range(1, len(values) + 1), values, label=f"{name}, training images", **_style(name))
            star = {
                "color": _style(name)["color"],
                "marker": "*",
                "markersize": 16,
                "markerfacecolor": "none",
                "linestyle": "none",
            }
            axis.plot(len(values), getattr(tests[name], quantity), label=f"{name}, test images", **star)
            axis.set(xlabel="epoch", ylabel=quantity)
        axis.xaxis.set_major_locator(MultipleLocator(1))
        axis.grid(alpha=0.3)
    axes[0, 0].set(yscale="log", ylabel="loss (log scale)")
    axes[0, 1].legend()
    parts = (
        f"{name}, training images: {_by_epoch(history)}; test images: loss {tests[name].loss:.3g}, accuracy "
        f"{tests[name].accuracy:.2%}"
        for name, history in histories.items()
    )
    figure.description = f"By epoch. {'. '.join(parts)}."
    return figure


def _confusions(confusion, errors, most=5):
    """Say how many images a network gets right, by its matrix (10, 10), and what it confuses most, by its errors."""
    places = [divmod(int(place), 10) for place in np.argsort(-errors, axis=None, kind="stable")[:most]]
    said = [f"{label} taken for {digit} ({errors[label, digit]})" for label, digit in places if errors[label, digit]]
    right = f"{np.trace(confusion):,} of {confusion.sum():,} right"
    return f"{right}, most frequent errors: {', '.join(said)}" if said else right


def plot_confusions(evaluations, outlined=None):
    """Draw the confusion matrices of {"ANN": Evaluation, …} side by side; colour shows the errors only.

    outlined: a digit whose row and column get a frame.
    """
    _check_some(evaluations)
    figure, axes = new_figure(1, len(evaluations), (5.2 * len(evaluations), 5))
    errors = {
        name: np.where(np.eye(10, dtype=bool), 0, evaluation.confusion) for name, evaluation in evaluations.items()
    }
    top = max(1, *(matrix.max() for matrix in errors.values()))
    for axis, (name, evaluation) in zip(axes.flat, evaluations.items(), strict=True):
        shown = axis.imshow(errors[name], cmap="Reds", vmin=0, vmax=top)
        for (label, prediction), count in np.ndenumerate(evaluation.confusion):
            ink = "w" if errors[name][label, prediction] > 0.65 * top else "k"
            weight = "bold" if label == prediction else "normal"
            if count:
                axis.text(prediction, label, count, ha="center", va="center", fontsize=10, color=ink, weight=weight)
        axis.set(title=name, xlabel="prediction", ylabel="label", xticks=range(10), yticks=range(10))
        if outlined is not None:
            axis.add_patch(plt.Rectangle((-0.5, outlined - 0.5), 10, 1, fill=False, linewidth=2))
            axis.add_patch(plt.Rectangle((outlined - 0.5, -0.5), 1, 10, fill=False, linewidth=2))
    figure.colorbar(shown, ax=axes, label="images given the wrong digit", shrink=0.7)
    parts = [f"{name}: {_confusions(evaluation.confusion, errors[name])}" for name, evaluation in evaluations.items()]
    frame = "" if outlined is None else f" Outlined: the row and the column of the {outlined}."
    figure.description = f"Label and prediction of every image. {'. '.join(parts)}.{frame}"
    return figure


def _ends(values):
    """Say the lowest and the highest value of a score (10,), and which digits have them."""
    return " to ".join(f"{values[digit]:.3f} ({digit})" for digit in (np.argmin(values), np.argmax(values)))


def plot_class_scores(evaluations):
    """Draw precision, recall and F1 of every digit for {"ANN": Evaluation, …}."""
    _check_some(evaluations)
    figure, axes = new_figure(1, 3, (10, 3.2), sharey=True)
    for name, evaluation in evaluations.items():
        for axis, (score, values) in zip(axes.flat, evaluation.class_scores.items(), strict=True):
            axis.plot(range(10), values, label=name, linestyle="none", **_style(name))
            axis.set(title=score, xlabel="digit", xticks=range(10))
            axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("score (1 is perfect)")
    axes[0, 0].legend()
    parts = (
        f"{name}: {', '.join(f'{score} {_ends(values)}' for score, values in evaluation.class_scores.items())}"
        for name, evaluation in evaluations.items()
    )
    figure.description = f"From the worst digit to the best. {'. '.join(parts)}."
    return figure


def _with_interval(value, low, high):
    """Write a share with the ends of its interval, in percent."""
    return f"{value:.2%} [{low:.2%}, {high:.2%}]"


def plot_accuracies(evaluations):
    """Draw the test accuracy of {"ANN": Evaluation, …}, each with its 95 % interval."""
    _check_some(evaluations)
    figure, axes = new_figure(size=(6.5, 2.1))
    axis = axes[0, 0]
    for row, (name, evaluation) in enumerate(evaluations.items()):
        low, high = evaluation.accuracy_interval
        axis.plot([low, high], [row, row], color=_style(name)["color"], linewidth=3)
        axis.plot(evaluation.accuracy, row, markersize=9, **_style(name))
        axis.annotate(
            f"{evaluation.accuracy:.2%}", (evaluation.accuracy, row), (0, 9), textcoords="offset points", ha="center"
        )
    axis.set(yticks=range(len(evaluations)), yticklabels=list(evaluations), ylim=(-0.6, len(evaluations) - 0.2))
    axis.margins(x=0.15)
    axis.xaxis.set_major_formatter("{x:.1%}")
    axis.set_xlabel(f"accuracy on {len(evaluation.labels):,} test images, with its 95 % interval")
    axis.grid(axis="x", alpha=0.3)
    parts = (f"{name} {_with_interval(one.accuracy, *one.accuracy_interval)}" for name, one in evaluations.items())
    figure.description = f"Accuracy on the test images, with its 95 % interval: {listed(parts)}."
    return figure


def _ratio(value):
    """Write a ratio with two decimals, or with three if it is below 0.1."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def plot_ratios(ratios, xlabel):
    """Draw ratios as bars that begin at 1, on a log axis, each with its number: {"parameters": 0.02, "seconds": 1.5}.

    Ratios below 1 go to the left, those above 1 to the right. Ratios that are not finite and above 0 are
    left out.
    """
    _check_some(ratios, "parameters")
    ratios = {name: value for name, value in ratios.items() if np.isfinite(value) and value > 0}
    figure, axes = new_figure(size=(6.5, 0.9 + 0.45 * len(ratios)))
    axis = axes[0, 0]
    for row, value in enumerate(ratios.values()):
        axis.plot([1, value], [row, row], color="0.7" if value < 1 else "0.4", linewidth=12, solid_capstyle="butt")
        side, ha = (-6, "right") if value < 1 else (6, "left")
        axis.annotate(_ratio(value), (value, row), (side, 0), textcoords="offset points", ha=ha, va="center")
    axis.axvline(1, color="k", linewidth=1)
    axis.set(yticks=range(len(ratios)), yticklabels=list(ratios), xscale="log", xlabel=xlabel)
    axis.set_ylim(len(ratios) - 0.4, -0.6)
    axis.margins(x=0.15)
    _log_ticks(axis.xaxis, steps=(1, 2, 5))
    axis.grid(axis="x", alpha=0.3)
    figure.description = f"{xlabel}: {listed(f'{name} {_ratio(value)}' for name, value in ratios.items())}."
    return figure


def plot_learning_rate(rates, title):
    """Draw the learning rate of every step, (steps,)."""
    figure, axes = new_figure(size=(6, 2.6))
    axes[0, 0].plot(rates, color="k")
    axes[0, 0].set(xlabel="step (one batch each)", ylabel="learning rate", title=title)
    axes[0, 0].grid(alpha=0.3)
    told = course(range(len(rates)), rates, write="{:.3g}")
    figure.description = f"{title}: the learning rate of {len(rates)} steps is {told}."
    return figure


def plot_runs(accuracies):
    """Draw every run as a point, and each group's mean and standard deviation: {"ANN": (seeds,) accuracies, …}.

    The first word of a group's name decides its colour. A single run has no standard deviation.
    """
    _check_some(accuracies)
    for name, values in accuracies.items():
        _check_runs(name, values)
    figure, axes = new_figure(size=(8, 0.9 + 0.6 * len(accuracies)))
    axis = axes[0, 0]
    for row, (name, values) in enumerate(accuracies.items()):
        style = _style(name)
        axis.plot(values, np.full(len(values), row), alpha=0.4, linestyle="none", **style)
        spread = np.std(values, ddof=1) if len(values) > 1 else None
        axis.errorbar(np.mean(values), row + 0.28, xerr=spread, fmt="|", color=style["color"], capsize=4)
    labels = [name.replace(" (", "\n(") for name in accuracies]
    axis.set(yticks=range(len(accuracies)), yticklabels=labels, ylim=(-0.5, len(accuracies) - 0.3))
    axis.xaxis.set_major_formatter("{x:.1%}")
    axis.set_xlabel("accuracy on the test images (a point: one seed; above it mean ± standard deviation)")
    axis.grid(axis="x", alpha=0.3)
    parts = (
        f"{name} mean {np.mean(values):.2%}, {len(values)} from {np.min(values):.2%} to {np.max(values):.2%}"
        for name, values in accuracies.items()
    )
    figure.description = f"Accuracy on the test images by seed: {listed(parts)}."
    return figure


def plot_class_differences(differences):
    """Draw the CNN's score minus the ANN's, in percentage points, by digit and seed: {"precision": (seeds, 10), …}."""
    figure, axes = new_figure(1, len(differences), (9, 3), sharey=True)
    for axis, (score, values) in zip(axes.flat, differences.items(), strict=True):
        axis.axhline(0, color="k", linewidth=1)
        axis.plot(values.T, color="0.4", marker="o", markersize=4, alpha=0.5, linestyle="none")
        axis.plot(values.mean(axis=0), color=STYLES["CNN"]["color"], marker="_", markersize=14, linestyle="none")
        axis.set(title=score, xlabel="digit", xticks=range(10))
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("CNN minus ANN, percentage points\n(dash: mean)")
    means = (f"{score} {', '.join(f'{v:+.2f}' for v in values.mean(axis=0))}" for score, values in differences.items())
    figure.description = f"CNN minus ANN in percentage points for the digits 0 to 9, mean: {listed(means)}."
    return figure


def _number(value):
    """Write a number of an array: a whole one as such, another with two decimals, NaN as a question mark."""
    return "?" if np.isnan(value) else f"{value:.2f}" if np.asarray(value).dtype.kind == "f" else f"{value}"


def plot_numbers(tables, outlined=None):
    """Draw small arrays side by side with every number written out: {"title": (rows, columns), …}; NaN as "?".

    Whole numbers are written as such, others with two decimals.
    outlined: {"title": (row, column, height, width)}, a window of an array that gets a frame.
    """
    widths = [values.shape[1] for values in tables.values()]
    height = max(len(values) for values in tables.values())
    figure, axes = new_figure(1, len(tables), (0.6 * sum(widths) + 1, 0.6 * height + 0.4), width_ratios=widths)
    for axis, (title, values) in zip(axes.flat, tables.items(), strict=True):
        top = np.nanmax(np.abs(values)) or 1
        axis.imshow(values, cmap="RdBu_r", vmin=-2 * top, vmax=2 * top)  # pale, so that the numbers stay legible
        for (row, column), value in np.ndenumerate(values):
            axis.text(column, row, _number(value), ha="center", va="center", fontsize=10)
        axis.set(title=title, xticks=[], yticks=[])
        if title in (outlined or {}):
            outline(axis, *outlined[title])
    frames = (
        f" Outlined in {title}: {height} × {width} from row {row}, column {column}."
        for title, (row, column, height, width) in (outlined or {}).items()
    )
    parts = (f"{title}: {by_row(values, _number)}." for title, values in tables.items())
    figure.description = f"Row by row. {' '.join(parts)}{''.join(frames)}"
    return figure


def plot_window(image, kernel, result, row, column):
    """Draw a kernel at work: its window on the image, weight times pixel in the window, and where the sum belongs.

    image: (rows, columns), 0 to 1. kernel: (height, width). result: the whole map, (rows, columns), which is only
    shown up to this place, row by row. row, column: the upper left pixel of the window.
    """
    height, width = kernel.shape
    window = image[row : row + height, column : column + width]
    if window.shape != kernel.shape:
        raise ValueError(
            f"The window of {height} × {width} at row {row}, column {column} leaves the {image.shape[0]} × "
            f"{image.shape[1]} pixels of the image: take a smaller row or column."
        )
    products, shown = window * kernel, np.array(result, float)
    shown.flat[row * result.shape[1] + column + 1 :] = np.nan
    figure, axes = new_figure(1, 3, (10, 3.6))
    axes[0, 0].imshow(image, cmap="gray_r", vmin=0, vmax=1)
    outline(axes[0, 0], row, column, height, width)
    top = np.abs(kernel).max() or 1
    axes[0, 1].imshow(products, cmap="RdBu_r", vmin=-2 * top, vmax=2 * top)
    for place, product in np.ndenumerate(products):
        weight, pixel = kernel[place], window[place]
        text = f"{weight:.0f} × {pixel:.2f}\n= {product:z.2f}"
        axes[0, 1].text(place[1], place[0], text, ha="center", va="center", fontsize=9)
    top = np.abs(result).max() or 1
    axes[0, 2].imshow(shown, cmap="RdBu_r", vmin=-top, vmax=top)
    outline(axes[0, 2], row, column, 1, 1)
    titles = ("the window on the digit", f"weight × pixel; the sum is {products.sum():.2f}", "the map so far")
    for axis, title in zip(axes.flat, titles, strict=True):
        axis.set(title=title, xticks=[], yticks=[])
    figure.description = (
        f"The window at row {row}, column {column} of the digit. Weight times pixel, row by row: "
        f"{by_row(products, '{:z.2f}')}. The sum is {products.sum():.2f} and belongs at this place of the map."
    )
    return figure


def plot_accuracy_curves(x, panels, xlabel):
    """Draw accuracy against `x` (P,): the mean over the runs as a line, the range of the runs as a band.

    panels: {"title": {"ANN": (runs, P), …}, …}. The first word of a curve's name decides its colour; the second curve
    of a colour is dashed, the third dotted.
    """
    _check_some(panels)
    figure, axes = new_figure(1, len(panels), (max(6, 3.6 * len(panels)), 3.8), sharey=True)
    for axis, (title, curves) in zip(axes.flat, panels.items(), strict=True):
        for name, style in _curve_styles(curves, title).items():
            values = curves[name]
            if np.ndim(values) != 2 or np.shape(values)[1] != len(x) or len(values) == 0:
                raise ValueError(
                    f"The accuracies of {name!r} have the shape {np.shape(values)}, expected (runs, {len(x)}): in "
                    "each row one for every value of x."
                )
            axis.plot(x, np.mean(values, axis=0), label=name, markersize=5, **style)
            axis.fill_between(x, np.min(values, axis=0), np.max(values, axis=0), color=style["color"], alpha=0.2)
        axis.set(title=title, xlabel=xlabel)
        axis.grid(alpha=0.3)
        axis.set_xticks(x, [f"{value:,}" for value in x])
        axis.minorticks_off()
    axes[0, 0].yaxis.set_major_formatter("{x:.0%}")
    axes[0, 0].set_ylabel("accuracy on the test images")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    parts = (
        f"{title}: {listed(f'{name} {course(x, np.mean(values, axis=0))}' for name, values in curves.items())}"
        for title, curves in panels.items()
    )
    figure.description = f"Mean accuracy by {xlabel}. {'. '.join(parts)}."
    return figure


def plot_answers(images, titles, probabilities, centre=False):
    """Draw each image above the ten probabilities that every network gives it.

    images: N arrays (rows, columns). titles: N strings. probabilities: {"ANN": (N, 10), …}; a row of NaN for an image
    that is shown only. centre: whether a red cross marks the middle of each frame.
    """
    count, names = len(images), list(probabilities)
    figure, axes = new_figure(1 + len(names), count, (max(3.6, 2.3 * count), 2.2 + 1.35 * len(names)))
    for axis, image, title in zip(axes[0], images, titles, strict=True):
        _picture(axis, np.squeeze(image), title, 10, **_ink(image))
        if centre:
            rows, columns = np.shape(np.squeeze(image))
            axis.plot((columns - 1) / 2, (rows - 1) / 2, color="r", marker="+", markersize=12)
    for row, name in zip(axes[1:], names, strict=True):
        for axis, values in zip(row, probabilities[name], strict=True):
            if np.isnan(values).any():
                axis.set_visible(False)
                continue
            axis.bar(range(10), values, color=_style(name)["color"])
            axis.set_title(f"{name}: {np.argmax(values)} ({np.max(values):.0%})", fontsize=10)
            axis.set(ylim=(0, 1), xticks=range(10))
        shown = [axis for axis in row if axis.get_visible()]
        for axis in shown[:1]:
            axis.set_ylabel("probability")
        for axis in shown[1:]:
            axis.tick_params(labelleft=False)
    parts = []
    for number, title in enumerate(titles):
        rows = ((name, probabilities[name][number]) for name in names)
        said = (f"{name} says {np.argmax(row)} ({np.max(row):.0%})" for name, row in rows if not np.isnan(row).any())
        parts.append(f"{title}: {', '.join(said) or 'shown only'}")
    figure.description = f"{counted(count, 'image')}, and the most probable of ten digits. {listed(parts)}."
    return figure


def plot_maps(maps, titles=None, columns=16, signed=False):
    """Draw arrays (rows, columns), maybe of different sizes, in a grid, all in one scale from 0 (white).

    signed: for weights, red above 0 and blue below.
    """
    top = max(np.abs(values).max() for values in maps) or 1
    scale = {"cmap": "RdBu_r", "vmin": -top, "vmax": top} if signed else {"cmap": "gray_r", "vmin": 0, "vmax": top}
    rows, size = -(-len(maps) // columns), 10 / max(columns, 6)
    figure, axes = new_figure(rows, columns, (size * columns, rows * (size + (0.2 if titles else 0))))
    for axis in axes.flat:
        axis.set_visible(False)
    for axis, values, title in zip(axes.flat, maps, titles or [""] * len(maps), strict=False):
        _picture(axis, values, title, **scale)
    low, high = (function([function(values) for values in maps]) for function in (np.min, np.max))
    parts = (
        f"{title}, {np.shape(values)[0]} × {np.shape(values)[1]}, up to {np.max(values):.2g}"
        for title, values in zip(titles or [], maps, strict=False)
    )
    figure.description = (
        f"{counted(len(maps), 'picture')} of numbers from {low:.2g} to {high:.2g}: {listed(parts) or 'untitled'}."
    )
    return figure


def plot_kernels(kernels, maps, titles, columns=4):
    """Draw each kernel beside the map that it makes of a picture, with one colour bar for all kernels, one for maps.

    kernels: (N, rows, columns), red above 0 and blue below. maps: (N, rows, columns), from 0 (white). titles: N texts.
    """
    if not len(kernels) == len(maps) == len(titles) > 0:
        raise ValueError(
            f"There are {len(kernels)} kernels, {len(maps)} maps and {len(titles)} titles, expected as many of each, "
            "one at least."
        )
    rows = -(-len(kernels) // columns)
    widths = [1, 2] * columns
    figure, axes = new_figure(rows, 2 * columns, (2.6 * columns, 0.4 + 1.9 * rows), width_ratios=widths)
    weights, answers = np.abs(kernels).max() or 1, np.max(maps) or 1
    for axis in axes.flat:
        axis.set_visible(False)
    for number, (kernel, answer, title) in enumerate(zip(kernels, maps, titles, strict=True)):
        left, right = axes[number // columns, 2 * (number % columns) :][:2]
        _picture(left, kernel, title, cmap="RdBu_r", vmin=-weights, vmax=weights)
        _picture(right, answer, "its map", cmap="gray_r", vmin=0, vmax=answers)
    for axis, label in ((axes[0, 0], "weight of a kernel"), (axes[0, 1], "answer in a map")):
        figure.colorbar(axis.images[0], ax=axes, label=label, shrink=0.8, pad=0.01)
    parts = (
        f"{title}: weights from {kernel.min():.2g} to {kernel.max():.2g}, answers up to {answer.max():.2g}"
        for kernel, answer, title in zip(kernels, maps, titles, strict=True)
    )
    figure.description = f"{len(kernels)} kernels, each beside the map that it makes of a picture. {listed(parts)}."
    return figure


def plot_dumbbells(rows, images, xlabel):
    """Draw one line for each row with a point for every network on it, beside a picture of what they were asked.

    rows: {"noise": {"ANN": accuracy, "CNN": …}, …}, fractions. images: {"noise": (rows, columns), …}. The first word of
    a network's name decides its colour; the second of a colour is drawn open, the third as an open diamond.
    """
    _check_some(rows, "noise")
    if set(images) != set(rows):
        raise ValueError(f"There are pictures of {list(images)}, expected one of each row: {list(rows)}.")
    figure, axes = new_figure(
        len(rows), 2, (8.5, 0.6 + 0.52 * len(rows)), width_ratios=(1, 14), sharex="col", gridspec_kw={"hspace": 0.05}
    )
    for number, (name, values) in enumerate(rows.items()):
        picture, axis = axes[number]
        picture.imshow(images[name], **_ink(images[name]))
        picture.set(xticks=[], yticks=[])
        axis.plot([min(values.values()), max(values.values())], [0, 0], color="0.7", linewidth=2, zorder=0)
        for network, style in _curve_styles(values, name).items():
            line = style.pop("linestyle")
            face = style["color"] if line == "-" else "w"
            style |= {"marker": "D"} if line == ":" else {}
            axis.plot(values[network], 0, linestyle="none", markersize=8, markerfacecolor=face, label=network, **style)
        axis.set(yticks=[0], yticklabels=[name], ylim=(-1, 1))
        axis.grid(alpha=0.3)
        axis.spines[:].set_visible(False)
        axis.tick_params(axis="x", length=3 if number == len(rows) - 1 else 0)
        axis.xaxis.set_major_formatter("{x:.0%}")
    axes[-1, 1].set_xlabel(xlabel)
    _legend_below(figure, 3)
    parts = (f"{row}: {', '.join(f'{name} {v:.1%}' for name, v in values.items())}" for row, values in rows.items())
    figure.description = f"{xlabel}. {listed(parts)}."
    return figure


def plot_staircase(steps):
    """Draw accuracies as a climb: {"name": (mean, low, high), …}, in order; low and high are the ends of an interval.

    Every mean is a tread, with its interval as a bar; at every riser stands the change in percentage points. The first
    word of a name, which may have several lines, decides its colour.
    """
    _check_some(steps, "ANN, 5 epochs")
    figure, axes = new_figure(size=(max(6, 1.5 * len(steps)), 3.8))
    axis, before, parts = axes[0, 0], None, []
    for x, (name, values) in enumerate(steps.items()):
        ((mean, low, high),) = _intervals(name, [values], 1)
        if low < 0 or high > 1:
            raise ValueError(f"{name!r} reaches from {low} to {high}, expected fractions: divide percent by 100.")
        parts.append(f"{name} {_with_interval(mean, low, high)}")
        color = _style(name)["color"]
        axis.plot([x - 0.5, x + 0.5], [mean, mean], color=color, linewidth=3, solid_capstyle="butt")
        axis.plot([x, x], [low, high], color=color, marker="_", linewidth=1)
        if before is not None:
            axis.plot([x - 0.5, x - 0.5], [before, mean], color="0.6", linewidth=1, zorder=1)
            top = (x - 0.5, max(before, mean))
            change = f"{100 * (mean - before):+.2f}"
            axis.annotate(change, top, (0, 5), textcoords="offset points", ha="center")
            parts[-1] += f", {change} points"
        before = mean
    axis.set(
        xticks=range(len(steps)),
        xticklabels=list(steps),
        ylabel="accuracy on the test images",
        xlabel="(at each step: the change in percentage points)",
    )
    axis.yaxis.set_major_formatter(_percent)
    axis.margins(x=0.02, y=0.1)
    axis.grid(axis="y", alpha=0.3)
    figure.description = f"Accuracy on the test images, step by step, with its interval: {listed(parts)}."
    return figure


def _error_pair(name, pair):
    """Return the errors of the ANN and of the CNN, numbers or (T,) each, as one array (2, …), or raise ValueError."""
    shapes = {np.shape(errors) for errors in pair}
    if len(pair) != 2 or len(shapes) != 1 or not all(np.all((0 <= e) & (e <= 1)) for e in map(np.array, pair)):
        raise ValueError(
            f"The errors of {name!r} are {reprlib.repr(pair)}, expected as many of the ANN as of the CNN, from 0 to 1: "
            "pass (of the ANN, of the CNN)."
        )
    return np.array(pair)


def _error_pairs(panels, marked):
    """Return the trials and the marked points of `plot_search`, every pair an array (2, …), or raise ValueError."""
    _check_some(panels, "1 epoch")
    if not set(marked) <= set(panels):
        raise ValueError(f"There are marked points of {list(marked)}, expected of some of the panels {list(panels)}.")
    for title, panel in panels.items():
        if not panel or not set(panel) <= set(TRIALS):
            raise ValueError(
                f"The panel {title!r} has trials of {list(panel)}, expected one or more of {', '.join(TRIALS)}: name "
                "them so, or give others a marker in plots.TRIALS."
            )
    return [
        {title: {name: _error_pair(name, pair) for name, pair in pairs.items()} for title, pairs in given.items()}
        for given in (panels, marked)
    ]


def _legend_below(figure, columns):
    """Put one legend for all panels below them, with every label once."""
    entries = {}
    for axis in figure.axes:
        handles, labels = axis.get_legend_handles_labels()
        entries.update(zip(labels, handles, strict=True))
    figure.legend([*entries.values()], [*entries], loc="outside lower center", ncols=columns)


def _recipes(some, marked):
    """Say how many recipes of each kind there are, how many suit the CNN better, and where the marked ones lie."""
    ann, cnn = np.hstack([pair.reshape(2, -1) for pair in some.values()])
    said = [f"{pair[0].size} {TRIALS[name]['label']}" for name, pair in some.items()]
    both_fail = (ann > 0.5) & (cnn > 0.5)
    said.append(f"the CNN errs less with {np.sum((cnn < ann) & ~both_fail)} of {len(ann)}")
    said += [f"both fail with {both_fail.sum()}"] if both_fail.any() else []
    said += [f"{name}: ANN {pair[0]:.2%}, CNN {pair[1]:.2%}" for name, pair in marked.items()]
    return listed(said)


def plot_search(panels, marked):
    """Draw every recipe of an equal search as a point: its error with the CNN against that with the ANN, on log axes.

    panels: {"1 epoch": {"adam": (errors of the ANN (T,), of the CNN (T,)), "nesterov": …}, …}, on held-out images.
    marked: {"1 epoch": {"best for the ANN": (error of the ANN, of the CNN), …}, …}, drawn larger, in the colour of the
    network that the name ends with, or as a black star if it ends with none. Errors of 20 % or worse are drawn at the
    edge, at 20 %; errors of 0, which a log axis does not have, at the other edge.
    """
    trials, stars = _error_pairs(panels, marked)
    pairs = [pair.reshape(2, -1) for some in (*trials.values(), *stars.values()) for pair in some.values()]
    ends = [0.8 * min(WORST / 2, *errors[errors > 0]) for errors in np.hstack(pairs)]
    figure, axes = new_figure(1, len(panels), (max(5, 3.4 * len(panels)), 4.4), sharex=True, sharey=True)
    for axis, (title, some) in zip(axes.flat, trials.items(), strict=True):
        axis.plot([max(ends), WORST], [max(ends), WORST], color="0.8", linewidth=1, zorder=0, label="equal errors")
        for name, pair in some.items():
            axis.plot(*np.clip(pair.T, ends, WORST).T, linestyle="none", clip_on=False, **TRIALS[name])
        for name, pair in stars.get(title, {}).items():
            style = STYLES.get(str(name).split(" ")[-1], {"color": "k", "marker": "*"})
            point = axis.plot(*np.clip(pair, ends, WORST), label=name, linestyle="none", clip_on=False, **style)
            plt.setp(point, markersize=12, markerfacecolor="none")
        axis.set(title=title, xscale="log", yscale="log", xlim=(ends[0], WORST), ylim=(ends[1], WORST))
        axis.set_xlabel("error of the ANN\n(at the edge: 20 % or worse)")
        for side in (axis.xaxis, axis.yaxis):
            _log_ticks(side, _percent, (1, 2, 3, 5))
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("error of the CNN\n(at the edge: 20 % or worse)")
    _legend_below(figure, min(1 + len(panels), 3))
    parts = (f"{title}: {_recipes(some, stars.get(title, {}))}" for title, some in trials.items())
    figure.description = f"Errors on held-out images, one point for each recipe. {'. '.join(parts)}."
    return figure


def _runs_by_budget(points, panels, count):
    """Return {"y label": {"curve name": `count` arrays of single runs}} for every curve of the panels, some empty."""
    for label, curves in points.items():
        for name, runs in curves.items():
            if name not in panels.get(label, {}) or len(runs) != count:
                raise ValueError(
                    f"There are {len(runs)} arrays of single runs of {name!r} in the panel {label!r}, expected one for "
                    f"each of {count} budgets, of a curve that is drawn there: leave the others out."
                )
    return {
        label: {name: points.get(label, {}).get(name, [[]] * count) for name in curves}
        for label, curves in panels.items()
    }


def _budgets(label, x, curves):
    """Say for every curve of a panel of `plot_by_budget` its values and their intervals."""
    write = "{:.2%} [{:.2%}, {:.2%}]" if label.startswith("error") else "{:.2f} [{:.2f}, {:.2f}]"
    for name, values in curves.items():
        yield f"{name} {course(x, [value for value, _, _ in values], [write.format(*each) for each in values])}"


def plot_by_budget(epochs, panels, points=None, xlabel="epochs of training"):
    """Draw how results depend on the epochs of training, or another number, (B,), on a log axis, with intervals.

    panels: {"y label": {"name": B times (value, low, high), …}, …}; points: {"y label": {"name": B arrays of single
    runs}}, drawn small and pale. A label that begins with "error" means fractions, written in percent; one that
    contains "log scale" makes the y axis logarithmic. The first word of a curve's name decides its colour; curves
    of no network take other ones. Curves are shifted sideways a little, so that their intervals can be told apart.
    """
    _check_some(panels, "error")
    if len(epochs) == 0 or epochs[0] <= 0 or np.any(np.diff(epochs) <= 0):
        raise ValueError(f"epochs={epochs!r}, expected numbers above 0, rising, as a log axis shows them.")
    runs = _runs_by_budget(points or {}, panels, len(epochs))
    height = 3.4 + 0.22 * max(map(len, panels.values()))  # every legend stands above its panel
    figure, axes = new_figure(1, len(panels), (max(5, 4.2 * len(panels)), height))
    span = max(epochs[-1] / epochs[0], 2)
    for axis, (label, curves) in zip(axes.flat, panels.items(), strict=True):
        _check_some(curves)
        for number, (name, style) in enumerate(_curve_styles(curves, label, OTHERS).items()):
            values, low, high = _intervals(name, curves[name], len(epochs)).T
            x = np.array(epochs) * span ** (0.03 * (number - (len(curves) - 1) / 2))
            for position, some in zip(x, runs[label][name], strict=True):
                axis.plot(np.full(len(some), position), some, **_pale(style))
            axis.plot(x, values, label=name, markersize=5, **style)
            axis.vlines(x, low, high, color=style["color"])
        axis.set(xscale="log", xlim=(epochs[0] / span**0.12, epochs[-1] * span**0.12))
        axis.set(xlabel=xlabel, ylabel=label)
        axis.set_xticks(epochs, [f"{value:,}" for value in epochs])
        axis.xaxis.set_minor_locator(NullLocator())
        _format_y(axis, label)
        axis.grid(alpha=0.3)
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1))
    parts = (f"{label}: {listed(_budgets(label, epochs, curves))}" for label, curves in panels.items())
    figure.description = f"By {xlabel}, with intervals. {'. '.join(parts)}."
    return figure


def _format_y(axis, label):
    """Give the y axis the form that its label says: logarithmic, or in percent; if it has a 0, draw a line there."""
    percent = label.startswith("error")
    if "log scale" in label:
        axis.set_yscale("log")
        _log_ticks(axis.yaxis, _percent if percent else "{x:g}")
    elif percent:
        axis.yaxis.set_major_formatter(_percent)
    low, high = axis.get_ylim()
    if low < 0 < high:
        axis.axhline(0, color="k", linewidth=0.8, zorder=0)


def plot_resamples(samples, xlabel):
    """Draw what resampling gave as histograms: {"image by image": (R,), …}; a bar over each spans its middle 95 %."""
    _check_some(samples, "image by image")
    for name, values in samples.items():
        _check_runs(name, values, "samples")
    styles = _curve_styles(samples, xlabel, OTHERS)
    figure, axes = new_figure(size=(6.5, 3.4))
    axis = axes[0, 0]
    bins = _bin_edges(samples.values())
    for name, style in styles.items():
        axis.hist(samples[name], bins, histtype="stepfilled", alpha=0.4, color=style["color"], label=name)
    top = axis.dataLim.ymax
    for row, (name, style) in enumerate(styles.items()):
        ends, height = interval(samples[name]), top * (1.06 + 0.07 * row)
        axis.plot(ends, [height, height], color=style["color"], marker="|", markersize=9, linewidth=2)
    axis.set(xlabel=xlabel, ylabel="draws (above: the middle 95 %)")
    axis.set_ylim(0, top * (1.08 + 0.07 * len(samples)))
    axis.legend()
    parts = (
        f"{name} {low:.3g} to {high:.3g}" for name, (low, high) in ((name, interval(samples[name])) for name in samples)
    )
    figure.description = f"{xlabel}: the middle 95 % of the resamples: {listed(parts)}."
    return figure


def _bin_edges(samples, about=45):
    """Return the edges of bins for several samples, each bin as wide as a whole number of steps of the coarsest one.

    Numbers of errors, say, differ by whole steps: bins of another width would hold now more and now fewer of them.
    """
    values = [np.unique(np.round(sample, 9)) for sample in samples]
    step = max((np.diff(some).min() for some in values if len(some) > 1), default=1)
    low, high = min(some[0] for some in values), max(some[-1] for some in values)
    width = step * max(1, round((high - low) / about / step))
    return np.arange(low - step / 2, high + width, width)


def plot_best_of(curves, ylabel):
    """Draw the accuracy that the best of n trials is expected to have, for n from 1: {"ANN, 1 epoch": (n,), …}.

    The first word of a curve's name decides its colour; the second curve of a colour is dashed, the third dotted.
    """
    _check_some(curves, "ANN, 1 epoch")
    figure, axes = new_figure(size=(6.5, 3.8))
    axis = axes[0, 0]
    for name, style in _curve_styles(curves, ylabel).items():
        _check_runs(name, curves[name])
        axis.plot(range(1, len(curves[name]) + 1), curves[name], label=name, **{**style, "marker": ""})
    axis.set(xlabel="trials", ylabel=ylabel)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.yaxis.set_major_formatter(_percent)
    axis.grid(alpha=0.3)
    axis.legend()
    parts = (f"{name} {course(range(1, len(values) + 1), values)}" for name, values in curves.items())
    figure.description = f"{ylabel}, by the number of trials: {listed(parts)}."
    return figure


def plot_costs(points, xlabel="cost of the training"):
    """Draw the error of every way of training against what the training costs, on log axes, and the front of the best.

    points: {"ANN dropout": (cost of the whole training, errors (S,)), …}, the cost in any unit, which `xlabel` names.
    Every run is a small pale point, its mean a large one, in the colour of the network that the name begins with,
    beside the rest of the name. The front is a line down through the means that no cheaper or equally cheap training
    reaches.
    """
    _check_some(points)
    for name, point in points.items():
        if len(point) != 2 or not point[0] > 0:
            raise ValueError(
                f"{name!r} has {reprlib.repr(point)}, expected (cost, errors (S,)): give the cost, above 0."
            )
        _check_runs(name, point[1], "errors")
    figure, axes = new_figure(size=(8, 4.8))
    axis, front, parts, dearest = axes[0, 0], [], [], max(cost for cost, _ in points.values())
    for name, (cost, errors) in sorted(points.items(), key=lambda item: (item[1][0], np.mean(item[1][1]))):
        style, mean = _style(name), np.mean(errors)
        axis.plot(np.full(len(errors), cost), errors, **_pale(style))
        axis.plot(cost, mean, linestyle="none", label=_network(name), **style)
        place, ha = ((-7, 4), "right") if cost == dearest else ((7, 4), "left")  # within the frame
        axis.annotate(name.partition(" ")[2], (cost, mean), place, textcoords="offset points", ha=ha, fontsize=10)
        best = not front or bool(mean < front[-1][1])
        front += [(cost, mean)] if best else []
        parts.append(f"{name} {mean:.2%} at {cost:.3g}{', on the front' if best else ''}")
    axis.step(*np.transpose(front), where="post", color="0.6", linewidth=1, zorder=0, label="the front")
    axis.set(xlabel=f"{xlabel} (log scale)", xscale="log", yscale="log")
    axis.set_ylabel("error (log scale; pale points: single runs)")
    axis.margins(x=0.25)
    _log_ticks(axis.xaxis, lambda value, _: f"{value:g}", (1, 1.5, 2, 3, 5, 7))
    _log_ticks(axis.yaxis, _percent, (1, 1.2, 1.5, 2, 3, 5, 7))
    axis.grid(alpha=0.3)
    _legend_below(figure, 3)
    figure.description = f"Mean error by {xlabel}: {listed(parts)}."
    return figure


def _check_sizes(points, apart):
    """Raise ValueError for points of `plot_sizes` of any other form, and for a label in `apart` that no point has."""
    _check_some(points)
    for name, sizes in points.items():
        for size in sizes:
            if len(size) != 4 or not (size[1] > 0 and size[2] > 0):
                raise ValueError(
                    f"{name!r} has {reprlib.repr(size)}, expected (label, parameters, multiply-adds, errors (S,)): "
                    "give both numbers, above 0."
                )
            _check_runs(f"{name} {size[0]}", size[3], "errors")
    labels = {size[0] for sizes in points.values() for size in sizes}
    if not set(apart) <= labels:
        raise ValueError(f"apart={apart!r}, expected some of the labels {sorted(labels)}: no other point can be apart.")


def plot_sizes(points, apart=()):
    """Draw errors against the numbers of parameters and of multiply-adds of networks of many sizes, on log axes.

    points: {"ANN": [(label, parameters, multiply-adds of one image, errors (S,)), …], …}. Every run is a small pale
    point; the means of a family are joined. apart: labels of points that are not joined, drawn open.
    """
    _check_sizes(points, apart)
    figure, axes = new_figure(1, 2, (10, 4), sharey=True)
    for axis, column, xlabel in zip(axes.flat, (1, 2), ("parameters", "multiply-adds per image"), strict=True):
        for name, sizes in points.items():
            style = _style(name)
            joined = sorted((size[column], np.mean(size[3])) for size in sizes if size[0] not in apart)
            line = np.reshape(joined, (-1, 2)).T
            axis.plot(*line, label=name, **style)
            for size in sizes:
                x, mean = size[column], np.mean(size[3])
                axis.plot(np.full(len(size[3]), x), size[3], **_pale(style))
                place, ha = (-5, -11), "right"  # below the line, which falls
                if size[0] in apart:
                    axis.plot(x, mean, markerfacecolor="w", zorder=3, **style)
                    above = not joined or mean > np.interp(np.log(x), np.log(line[0]), line[1])
                    place, ha = (0, 7 if above else -14), "center"
                elif x == joined[-1][0]:
                    place, ha = (0, 7), "center"
                axis.annotate(size[0], (x, mean), place, textcoords="offset points", ha=ha, fontsize=8)
        axis.set(xlabel=f"{xlabel}, thousands (log scale)", xscale="log", yscale="log")
        axis.margins(x=0.15)
        _log_ticks(axis.xaxis, lambda value, _: f"{value / 1000:,.10g}", (1, 3))
        _log_ticks(axis.yaxis, _percent)
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("error (log scale; pale points: single runs)")
    axes[0, 0].legend()
    parts = (
        f"{name} {label} {np.mean(errors):.2%} ({parameters:,} parameters, {multiply_adds:,} multiply-adds)"
        for name, sizes in points.items()
        for label, parameters, multiply_adds, errors in sizes
    )
    figure.description = f"Mean error by size: {listed(parts)}."
    return figure

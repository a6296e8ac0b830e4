"""Every figure of the notebooks: results in, a matplotlib Figure out; at most a mean or a spread is computed here."""

import reprlib

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MultipleLocator

# Colours of Okabe and Ito's palette, told apart by all readers: https://jfly.uni-koeln.de/color/
STYLES = {
    "ANN": {"color": "#0072B2", "marker": "o"},
    "CNN": {"color": "#D55E00", "marker": "s"},
    "LCN": {"color": "#009E73", "marker": "^"},
}

LINES = ("-", "--", ":")  # of the first, second and third curve of one colour


def _style(name):
    """Return the colour and the marker of a network, by the first word of its name."""
    network = "".join(str(name).split()[:1])
    if network not in STYLES:
        raise ValueError(
            f"{name!r} begins with the name of no network that has a colour, expected one of {', '.join(STYLES)}: "
            "rename it, or give it a colour and a marker in plots.STYLES."
        )
    return STYLES[network]


def _check_some(results):
    """Raise ValueError for an empty dictionary, of which there is nothing to draw."""
    if not results:
        raise ValueError('There is nothing to draw: pass the results of one network at least, as {"ANN": …}.')


def _figure(rows=1, columns=1, size=(6.0, 3.5), **options):
    """Return a Figure and its array of axes; closed, so that a notebook shows it once, where it is returned."""
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, **options)
    plt.close(figure)
    return figure, axes


def _picture(axis, image, title, **scale):
    """Draw an image without ticks, in a thin frame that shows where it ends."""
    axis.set_visible(True)
    axis.imshow(image, **scale)
    axis.set_title(title, fontsize=8, pad=2)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(color="0.8", linewidth=0.5)


def _ink(image):
    """Return the scale in which 0 is white and full ink black."""
    return {"cmap": "gray_r", "vmin": 0, "vmax": 255 if image.dtype == np.uint8 else 1}


def plot_digits(images, titles, columns=10):
    """Draw images (N, 28, 28) in a grid, each under its title (N strings)."""
    rows = max(1, -(-len(images) // columns))
    height = 1.0 + 0.17 * max((title.count("\n") for title in titles), default=0)
    figure, axes = _figure(rows, columns, (max(columns, 4), 0.2 + rows * height))
    for axis in axes.flat:
        axis.set_visible(False)
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        _picture(axis, np.squeeze(image), title, **_ink(image))
    return figure


def plot_pixels(image):
    """Draw one uint8 image (28, 28) large, with the grey level written on every pixel."""
    figure, axes = _figure(size=(9, 9))
    axes[0, 0].imshow(image, cmap="gray_r", vmin=0, vmax=255)
    for (row, column), level in np.ndenumerate(image):
        ink = "w" if level > 100 else "k" if level else "0.7"
        axes[0, 0].text(column, row, level, ha="center", va="center", fontsize=7, color=ink)
    axes[0, 0].set(xlabel="column", ylabel="row")
    return figure


def plot_class_counts(counts):
    """Draw how often each digit occurs: {"name of the set": (10,) counts}."""
    figure, axes = _figure(1, len(counts), (9, 2.6))
    for axis, (name, heights) in zip(axes.flat, counts.items(), strict=True):
        axis.bar(range(10), heights, color="0.6")
        axis.axhline(np.mean(heights), color="k", linestyle=":", linewidth=1)
        axis.set(title=f"{name} (dotted: a tenth)", xlabel="digit", ylabel="images", xticks=range(10))
    return figure


def plot_learning_curves(histories, tests):
    """Draw loss and accuracy against the epoch.

    histories: {"ANN": History.history, …}, drawn as lines; tests: {"ANN": Evaluation, …}, as a star each, at epoch 0
    if the training was interrupted in its first.
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
    figure, axes = _figure(1, 2, (9, 3.4))
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
    return figure


def plot_confusions(evaluations, outlined=None):
    """Draw the confusion matrices of {"ANN": Evaluation, …} side by side; colour shows the errors only.

    outlined: a digit whose row and column get a frame.
    """
    _check_some(evaluations)
    figure, axes = _figure(1, len(evaluations), (5.2 * len(evaluations), 5))
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
                axis.text(prediction, label, count, ha="center", va="center", fontsize=8, color=ink, weight=weight)
        axis.set(title=name, xlabel="prediction", ylabel="label", xticks=range(10), yticks=range(10))
        if outlined is not None:
            axis.add_patch(plt.Rectangle((-0.5, outlined - 0.5), 10, 1, fill=False, linewidth=2))
            axis.add_patch(plt.Rectangle((outlined - 0.5, -0.5), 1, 10, fill=False, linewidth=2))
    figure.colorbar(shown, ax=axes, label="images given the wrong digit", shrink=0.7)
    return figure


def plot_class_scores(evaluations):
    """Draw precision, recall and F1 of every digit for {"ANN": Evaluation, …}."""
    _check_some(evaluations)
    figure, axes = _figure(1, 3, (10, 3.2), sharey=True)
    for name, evaluation in evaluations.items():
        for axis, (score, values) in zip(axes.flat, evaluation.class_scores.items(), strict=True):
            axis.plot(range(10), values, label=name, linestyle="none", **_style(name))
            axis.set(title=score, xlabel="digit", xticks=range(10))
            axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("score (1 is perfect)")
    axes[0, 0].legend()
    return figure


def plot_accuracies(evaluations):
    """Draw the test accuracy of {"ANN": Evaluation, …}, each with its 95 % interval."""
    _check_some(evaluations)
    figure, axes = _figure(size=(6.5, 2.1))
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
    return figure


def plot_learning_rate(rates, title):
    """Draw the learning rate of every step, (steps,)."""
    figure, axes = _figure(size=(6, 2.6))
    axes[0, 0].plot(rates, color="k")
    axes[0, 0].set(xlabel="step (one batch each)", ylabel="learning rate", title=title)
    axes[0, 0].grid(alpha=0.3)
    return figure


def plot_runs(accuracies):
    """Draw every run as a point, and each group's mean and standard deviation: {"ANN": (seeds,) accuracies, …}.

    The first word of a group's name decides its colour. Of a single run there is no standard deviation.
    """
    _check_some(accuracies)
    for name, values in accuracies.items():
        if np.ndim(values) != 1 or np.size(values) == 0:
            raise ValueError(
                f"The accuracies of {name!r} have the shape {np.shape(values)}, expected (seeds,): one of each run."
            )
    figure, axes = _figure(size=(8, 0.9 + 0.6 * len(accuracies)))
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
    return figure


def plot_class_differences(differences):
    """Draw the CNN's score minus the ANN's, in percentage points, by digit and seed: {"precision": (seeds, 10), …}."""
    figure, axes = _figure(1, len(differences), (9, 3), sharey=True)
    for axis, (score, values) in zip(axes.flat, differences.items(), strict=True):
        axis.axhline(0, color="k", linewidth=1)
        axis.plot(values.T, color="0.4", marker="o", markersize=4, alpha=0.5, linestyle="none")
        axis.plot(values.mean(axis=0), color=STYLES["CNN"]["color"], marker="_", markersize=14, linestyle="none")
        axis.set(title=score, xlabel="digit", xticks=range(10))
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("CNN minus ANN, percentage points\n(dash: mean)")
    return figure


def plot_numbers(tables):
    """Draw small arrays side by side with every number written out: {"title": (rows, columns), …}."""
    widths = [values.shape[1] for values in tables.values()]
    height = max(len(values) for values in tables.values())
    figure, axes = _figure(1, len(tables), (0.6 * sum(widths) + 1, 0.6 * height + 0.4), width_ratios=widths)
    for axis, (title, values) in zip(axes.flat, tables.items(), strict=True):
        top = np.abs(values).max() or 1
        axis.imshow(values, cmap="RdBu_r", vmin=-2 * top, vmax=2 * top)  # pale, so that the numbers stay legible
        for (row, column), value in np.ndenumerate(values):
            axis.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8)
        axis.set(title=title, xticks=[], yticks=[])
    return figure


def plot_accuracy_curves(x, panels, xlabel, log=False):
    """Draw accuracy against `x` (P,): the mean over the runs as a line, from the lowest to the highest as a band.

    panels: {"title": {"ANN": (runs, P), …}, …}. The first word of a curve's name decides its colour; the second curve
    of a colour is dashed, the third dotted. log: a logarithmic x axis.
    """
    _check_some(panels)
    figure, axes = _figure(1, len(panels), (max(6, 3.6 * len(panels)), 3.8), sharey=True)
    for axis, (title, curves) in zip(axes.flat, panels.items(), strict=True):
        lines = {}
        for name, values in curves.items():
            if np.ndim(values) != 2 or np.shape(values)[1] != len(x) or len(values) == 0:
                raise ValueError(
                    f"The accuracies of {name!r} have the shape {np.shape(values)}, expected (runs, {len(x)}): in "
                    "each row one for every value of x."
                )
            style = _style(name)
            kind = lines[style["color"]] = lines.get(style["color"], -1) + 1
            if kind == len(LINES):
                raise ValueError(
                    f"{name!r} in the panel {title!r} is the curve number {kind + 1} of its colour, expected at most "
                    f"{len(LINES)}, which differ by their lines: move it to a panel of its own."
                )
            axis.plot(x, np.mean(values, axis=0), LINES[kind], label=name, markersize=5, **style)
            axis.fill_between(x, np.min(values, axis=0), np.max(values, axis=0), color=style["color"], alpha=0.2)
        axis.set(title=title, xlabel=xlabel, xscale="log" if log else "linear")
        axis.grid(alpha=0.3)
        axis.set_xticks(x, [f"{value:,}" for value in x])
        axis.minorticks_off()
    axes[0, 0].yaxis.set_major_formatter("{x:.0%}")
    axes[0, 0].set_ylabel("accuracy on the test images")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def plot_answers(images, titles, probabilities):
    """Draw each image over the ten probabilities that every network gives to it.

    images: N arrays (rows, columns). titles: N strings. probabilities: {"ANN": (N, 10), …}; a row of NaN for an image
    that is shown only.
    """
    count, names = len(images), list(probabilities)
    figure, axes = _figure(1 + len(names), count, (max(3.6, 2.3 * count), 2.2 + 1.35 * len(names)))
    for axis, image, title in zip(axes[0], images, titles, strict=True):
        _picture(axis, np.squeeze(image), title, **_ink(image))
    for row, name in zip(axes[1:], names, strict=True):
        for axis, values in zip(row, probabilities[name], strict=True):
            if np.isnan(values).any():
                axis.set_visible(False)
                continue
            axis.bar(range(10), values, color=_style(name)["color"])
            axis.set_title(f"{name}: {np.argmax(values)} ({np.max(values):.0%})", fontsize=9)
            axis.set(ylim=(0, 1), xticks=range(10))
            axis.tick_params(labelsize=7)
        shown = [axis for axis in row if axis.get_visible()]
        for axis in shown[:1]:
            axis.set_ylabel("probability", fontsize=8)
        for axis in shown[1:]:
            axis.tick_params(labelleft=False)
    return figure


def plot_maps(maps, titles=None, columns=16, signed=False):
    """Draw arrays (rows, columns), maybe of different sizes, in a grid, all in one scale from 0 (white).

    signed: for weights, red above 0 and blue below.
    """
    top = max(np.abs(values).max() for values in maps) or 1
    scale = {"cmap": "RdBu_r", "vmin": -top, "vmax": top} if signed else {"cmap": "gray_r", "vmin": 0, "vmax": top}
    rows, size = -(-len(maps) // columns), 10 / max(columns, 6)
    figure, axes = _figure(rows, columns, (size * columns, rows * (size + (0.2 if titles else 0))))
    for axis in axes.flat:
        axis.set_visible(False)
    for axis, values, title in zip(axes.flat, maps, titles or [""] * len(maps), strict=False):
        _picture(axis, values, title, **scale)
    return figure

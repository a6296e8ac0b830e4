import matplotlib.pyplot as plt
import numpy as np
import pytest

from mnist_compare import Evaluation, plots


@pytest.fixture(scope="module")
def both():
    labels = np.arange(40) % 10
    ann = np.where(np.arange(40) < 6, 0, labels)
    return {
        name: Evaluation(labels, np.eye(10)[predictions], 0.1) for name, predictions in (("ANN", ann), ("CNN", labels))
    }


def test_every_figure_is_drawn_and_closed(both, digits):
    images, labels = digits
    history = {"loss": [2.0, 1.0], "accuracy": [0.5, 0.8]}
    figures = [
        plots.plot_digits(images[:12], [str(label) for label in labels[:12]]),
        plots.plot_digits(images[:0], []),  # a gallery of errors that nobody makes
        plots.plot_pixels(images[0]),
        plots.plot_class_counts({"training": np.full(10, 4), "test": np.arange(10)}),
        plots.plot_learning_curves({"ANN": history, "CNN": history}, both),
        plots.plot_learning_curves({"ANN": {"loss": [], "accuracy": []}}, both),  # interrupted in its first epoch
        plots.plot_confusions(both),
        plots.plot_class_scores(both),
        plots.plot_accuracies(both),
        plots.plot_learning_rate([0, 1, 0.5, 0], "one_cycle"),
        plots.plot_runs({"ANN": [0.95, 0.96, 0.97], "CNN without pooling": [0.98, 0.99]}),
        plots.plot_class_differences({"precision": np.eye(3, 10), "recall": -np.eye(3, 10)}),
    ]
    for figure in figures:
        figure.canvas.draw()
    assert plt.get_fignums() == []  # an open one would be shown twice


def test_the_confusion_matrix_is_written_out(both):
    left, right = plots.plot_confusions(both).axes[:2]
    counts = {text.get_position(): int(text.get_text()) for text in left.texts}  # (column, row)
    assert counts[0, 1] == both["ANN"].confusion[1, 0] == 1
    assert len(right.texts) == 10  # no error, no number beside the diagonal


def test_class_scores_are_drawn_where_they_are(both):
    precision, recall, f1 = plots.plot_class_scores(both).axes
    for axis, name in ((precision, "precision"), (recall, "recall"), (f1, "F1")):
        assert axis.get_title() == name
        for line, result in zip(axis.lines, both.values(), strict=True):
            np.testing.assert_array_equal(line.get_ydata(), result.class_scores[name])


def test_digits_are_drawn_with_their_titles(digits):
    images, labels = digits
    axes = plots.plot_digits(images[:3] / 255, ["a", "b", "c"], columns=2).axes
    assert [axis.get_title() for axis in axes] == ["a", "b", "c", ""]
    assert axes[0].images[0].get_clim() == (0, 1)

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
        plots.plot_confusions(both),
        plots.plot_class_scores(both),
        plots.plot_accuracies(both),
        plots.plot_learning_rate([0, 1, 0.5, 0], "one_cycle"),
        plots.plot_runs({"ANN": [0.95, 0.96, 0.97], "CNN without pooling": [0.98, 0.99], "LCN": [0.97]}),
        plots.plot_numbers({"patch": np.eye(5), "kernel": np.zeros((3, 3))}),
        plots.plot_accuracy_curves([1, 10], {"a": {"ANN": np.eye(2), "ANN moved": np.eye(2)}}, "images", log=True),
        plots.plot_answers(images[:2], ["a", "b"], {"ANN": np.eye(2, 10), "CNN": np.eye(2, 10)}),
        plots.plot_maps([np.eye(3), np.zeros((5, 5))], ["a", "b"], columns=6, signed=True),
        plots.plot_maps([np.zeros((3, 3))]),
        plots.plot_class_differences({"precision": np.eye(3, 10), "recall": -np.eye(3, 10)}),
    ]
    for figure in figures:
        figure.canvas.draw()
    assert plt.get_fignums() == []  # an open one would be shown twice


def test_learning_curves_are_lines_over_the_epochs_and_stars_at_their_ends(both):
    histories = {"ANN": {"loss": [2.0, 1.0], "accuracy": [0.5, 0.8]}, "CNN": {"loss": [1.5], "accuracy": [0.9]}}
    for axis, quantity in zip(plots.plot_learning_curves(histories, both).axes, ("loss", "accuracy"), strict=True):
        drawn = {line.get_label(): line.get_xydata().tolist() for line in axis.lines}
        ann, cnn = (histories[name][quantity] for name in ("ANN", "CNN"))
        assert drawn == {
            "ANN, training images": [[1, ann[0]], [2, ann[1]]],
            "ANN, test images": [[2, getattr(both["ANN"], quantity)]],
            "CNN, training images": [[1, cnn[0]]],
            "CNN, test images": [[1, getattr(both["CNN"], quantity)]],
        }


@pytest.mark.parametrize("history", [{"loss": [], "accuracy": [], "seconds": []}, {}])
def test_of_a_training_interrupted_in_its_first_epoch_only_the_star_is_drawn(both, history):
    figure = plots.plot_learning_curves({"ANN": history}, both)
    figure.canvas.draw()
    for axis, quantity in zip(figure.axes, ("loss", "accuracy"), strict=True):
        (star,) = axis.lines
        assert star.get_marker() == "*" and star.get_xydata().tolist() == [[0, getattr(both["ANN"], quantity)]]


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
    assert [axis.get_title() for axis in axes if axis.get_visible()] == ["a", "b", "c"]
    assert axes[0].images[0].get_clim() == (0, 1)


def test_accuracy_curves_are_the_means_in_bands_from_lowest_to_highest():
    values = np.array([[0.1, 0.4], [0.3, 0.8]])
    (axis,) = plots.plot_accuracy_curves([1, 2], {"title": {"CNN": values, "CNN moved": 1 - values}}, "pixels").axes
    for line, band, expected in zip(axis.lines, axis.collections, (values, 1 - values), strict=True):
        np.testing.assert_allclose(line.get_ydata(), expected.mean(axis=0))
        corners = band.get_paths()[0].vertices
        assert {tuple(np.round(corner, 6)) for corner in corners} >= {(1, expected[0, 0].round(6)), (1, expected[1, 0])}
    assert [line.get_linestyle() for line in axis.lines] == ["-", "--"]
    assert len({line.get_color() for line in axis.lines}) == 1


def test_an_axis_is_logarithmic_only_if_asked_for():
    for log, scale in ((True, "log"), (False, "linear")):
        (axis,) = plots.plot_accuracy_curves([1, 10], {"": {"ANN": np.eye(2)}}, "images", log=log).axes
        assert axis.get_xscale() == scale


def test_runs_are_points_under_their_mean_and_standard_deviation():
    groups = {"ANN": [0.90, 0.92, 0.97], "CNN small": [0.98, 0.99]}
    (axis,) = plots.plot_runs(groups).axes
    for bar, values in zip(axis.containers, groups.values(), strict=True):
        (low, high), (mean, _) = bar[2][0].get_segments()[0][:, 0], bar[0].get_xydata()[0]
        assert mean == pytest.approx(sum(values) / len(values))
        variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
        assert (high - mean, mean - low) == pytest.approx((variance**0.5, variance**0.5))
    points = [line.get_xdata() for line in axis.lines if line.get_linestyle() == "None" and len(line.get_xdata()) > 1]
    assert [list(values) for values in points] == list(groups.values())


def test_numbers_are_written_where_they_are():
    (axis,) = plots.plot_numbers({"a": np.array([[1, -2.5], [0, 4]])}).axes
    assert {text.get_position(): text.get_text() for text in axis.texts} == {
        (0, 0): "1.00",
        (1, 0): "-2.50",
        (0, 1): "0.00",
        (1, 1): "4.00",
    }


def test_maps_share_one_scale_in_which_0_is_white_and_red_above_it():
    maps = [np.array([[-1.0, 0.5]]), np.array([[0.0, 4.0]])]
    for signed, limits in ((True, (-4, 4)), (False, (0, 4))):
        for axis in plots.plot_maps(maps, columns=2, signed=signed).axes:
            (image,) = axis.images
            assert image.get_clim() == limits
            np.testing.assert_allclose(image.to_rgba(np.array([0.0]))[0], 1, atol=0.04)
            red, _, blue, _ = image.to_rgba(np.array([3.0]))[0]
            assert red > blue if signed else red == blue < 0.5


def test_answers_name_the_most_probable_digit_and_draw_all_ten(digits):
    probabilities = np.array([[0.1] * 8 + [0.2, 0.0], [0.0] * 9 + [1.0]])
    axes = plots.plot_answers(digits[0][:2], ["a", "b"], {"ANN": probabilities, "CNN": probabilities[::-1]}).axes
    assert [axis.get_title() for axis in axes] == [
        "a",
        "b",
        "ANN: 8 (20%)",
        "ANN: 9 (100%)",
        "CNN: 9 (100%)",
        "CNN: 8 (20%)",
    ]
    assert [bar.get_height() for bar in axes[2].patches] == list(probabilities[0])


def test_a_picture_of_which_nothing_was_asked_is_only_shown():
    probabilities = np.array([[np.nan] * 10, [0.1] * 10])
    axes = plots.plot_answers([np.zeros((90, 60)), np.zeros((28, 28))], ["yours", "seen"], {"CNN": probabilities}).axes
    assert [axis.get_visible() for axis in axes] == [True, True, False, True]
    assert axes[0].images[0].get_array().shape == (90, 60) and axes[0].get_ylim() == (89.5, -0.5)


FOUR = {f"CNN {number}": np.eye(2) for number in range(4)}


@pytest.mark.parametrize(
    "draw, said",
    [
        (lambda both: plots.plot_runs({"Dense": [0.9, 0.8]}), "'Dense'.*expected one of ANN, CNN, LCN.*STYLES"),
        (lambda both: plots.plot_runs({"": [0.9, 0.8]}), "'' begins"),
        (lambda both: plots.plot_runs({3: [0.9, 0.8]}), "3 begins"),
        (lambda both: plots.plot_accuracies({"Dense": both["ANN"]}), "'Dense'"),
        (lambda both: plots.plot_class_scores({"Dense": both["ANN"]}), "'Dense'"),
        (lambda both: plots.plot_answers(np.zeros((1, 9, 9)), ["a"], {"Dense": np.eye(1, 10)}), "'Dense'"),
        (lambda both: plots.plot_accuracy_curves([1, 2], {"": {"Dense": np.eye(2)}}, "x"), "'Dense'"),
        (lambda both: plots.plot_learning_curves({"Dense": {}}, {"Dense": both["ANN"]}), "'Dense'"),
        (lambda both: plots.plot_learning_curves({"LCN": {}}, both), r"no test result of 'LCN'.*\['ANN', 'CNN'\]"),
        (lambda both: plots.plot_learning_curves({"ANN": {"loss": [1]}}, both), "'ANN'.*'loss'.*expected.*accuracy"),
        (lambda both: plots.plot_learning_curves({"ANN": [1, 2]}, both), r"\[1, 2\].*`history`"),
        (lambda both: plots.plot_accuracy_curves([1, 2], {"left": FOUR}, "x"), "'CNN 3'.*'left'.*4.*at most 3"),
        (lambda both: plots.plot_accuracy_curves([1, 2], {"": {"CNN": np.eye(3)}}, "x"), r"'CNN'.*\(3, 3\).*runs, 2"),
        (lambda both: plots.plot_accuracy_curves([1, 2], {"": {"CNN": [0.5, 0.6]}}, "x"), r"'CNN'.*\(2,\)"),
        (lambda both: plots.plot_runs({"ANN": []}), r"'ANN'.*\(0,\)"),
        (lambda both: plots.plot_runs({"ANN": 0.9}), r"'ANN'.*\(\)"),
        (lambda both: plots.plot_runs({}), "nothing to draw"),
        (lambda both: plots.plot_accuracies({}), "nothing to draw"),
        (lambda both: plots.plot_class_scores({}), "nothing to draw"),
        (lambda both: plots.plot_confusions({}), "nothing to draw"),
        (lambda both: plots.plot_learning_curves({}, {}), "nothing to draw"),
        (lambda both: plots.plot_accuracy_curves([1], {}, "x"), "nothing to draw"),
    ],
)
def test_what_cannot_be_drawn_is_refused(both, draw, said):
    with pytest.raises(ValueError, match=said):
        draw(both)
    assert plt.get_fignums() == []


def test_pictures_of_which_nothing_was_asked_at_all_are_only_shown():
    figure = plots.plot_answers(np.zeros((2, 9, 9)), ["a", "b"], {"CNN": np.full((2, 10), np.nan)})
    figure.canvas.draw()
    assert [axis.get_visible() for axis in figure.axes] == [True, True, False, False]


def test_one_run_is_a_point_and_its_mean_without_a_spread():
    (axis,) = plots.plot_runs({"LCN": [0.97]}).axes
    point, mean = axis.lines
    assert point.get_xdata() == mean.get_xdata() == [0.97]
    assert not axis.containers[0].has_xerr

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mnist_compare import Evaluation, plots

STEPS = {"ANN, SGD,\n5 epochs": (0.96, 0.95, 0.97), "ANN, Adam": (0.98, 0.97, 0.985), "CNN, Adam": (0.97, 0.96, 0.99)}
TRIALS = {"1 epoch": {"adam": ([0.02, 0.03], [0.04, 0.01]), "nesterov": ([0.9, 0.1], [0.05, 0.2])}}
BUDGETS = {
    "error (log scale)": {
        "ANN": [(0.04, 0.03, 0.05), (0.03, 0.02, 0.04), (0.02, 0.01, 0.03)],
        "CNN, shared recipe": [(0.02, 0.01, 0.03), (0.01, 0.005, 0.02), (0.008, 0.004, 0.01)],
    },
    "points": {"own recipes": [(2, 1, 3), (2, -1, 3), (1.2, 1, 2)], "shared recipe": [(1, 0, 2)] * 3},
}
SIZES = {
    "ANN": [("64-64", 50_000, 49_000, [0.02, 0.03]), ("153", 120_000, 110_000, [0.04]), ("16", 12_000, 13_000, [0.06])],
    "CNN": [("8-16", 30_000, 200_000, [0.01])],
}
COSTS = {
    "CNN bent": (5e12, [0.01, 0.02]),
    "ANN plain": (1e12, [0.02]),
    "CNN plain": (3e12, [0.012, 0.014]),
    "ANN dropout": (4e12, [0.018]),
}


def drawn(axis):
    """Return {label: [[x, y], …]} of the lines and points that have one."""
    return {line.get_label(): line.get_xydata().tolist() for line in axis.lines if line.get_label()[0] != "_"}


def tick_labels(axis):
    """Return the texts of the ticks that lie within the limits of an x or y axis, drawn before."""
    low, high = axis.get_view_interval()
    places = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
    return [label.get_text() for place, label in places if low <= place <= high]


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
        plots.plot_ratios({"parameters": 0.02, "seconds": 1.5}, "CNN / ANN"),
        plots.plot_learning_rate([0, 1, 0.5, 0], "one_cycle"),
        plots.plot_runs({"ANN": [0.95, 0.96, 0.97], "CNN without pooling": [0.98, 0.99], "LCN": [0.97]}),
        plots.plot_numbers({"patch": np.eye(5), "kernel": np.zeros((3, 3))}),
        plots.plot_window(np.eye(5), np.eye(3), np.eye(3), 2, 2),
        plots.plot_kernels(np.zeros((5, 3, 3)), np.ones((5, 6, 6)), list("abcde")),
        plots.plot_dumbbells({"a": {"ANN": 0.5, "ANN Nesterov": 0.7, "CNN": 0.9}}, {"a": images[0]}, "accuracy"),
        plots.plot_accuracy_curves([1, 10], {"a": {"ANN": np.eye(2), "ANN moved": np.eye(2)}}, "images"),
        plots.plot_answers(images[:2], ["a", "b"], {"ANN": np.eye(2, 10), "CNN": np.eye(2, 10)}),
        plots.plot_maps([np.eye(3), np.zeros((5, 5))], ["a", "b"], columns=6, signed=True),
        plots.plot_maps([np.zeros((3, 3))]),
        plots.plot_class_differences({"precision": np.eye(3, 10), "recall": -np.eye(3, 10)}),
        plots.plot_staircase(STEPS),
        plots.plot_search(TRIALS, {"1 epoch": {"best for both": (0.03, 0.01)}}),
        plots.plot_search({"all": {"adam": ([0, 1], [0, 1]), "nesterov": ([], [])}}, {}),  # as a quick mode may find
        plots.plot_by_budget([1, 3, 10], BUDGETS, {"error (log scale)": {"ANN": [[0.04, 0.05], [0.03], []]}}),
        plots.plot_by_budget([5], {"error (log scale)": {"ANN": [(0.01, 0, 0.02)], "CNN": [(0, 0, 0)]}}),
        plots.plot_resamples({"image by image": np.arange(99.0), "writer by writer": np.zeros(9)}, "difference"),
        plots.plot_best_of({"ANN, 1 epoch": [0.9, 0.95], "CNN, 1 epoch": [0.97]}, "best accuracy"),
        plots.plot_sizes(SIZES, apart={"153"}),
        plots.plot_costs(COSTS),
        plots.plot_sizes({"ANN": [("16", 10, 10, [0, 0])], "CNN": [("8", 20, 30, [0, 0.1])]}, apart=["16", "8"]),
    ]
    for figure in figures:
        figure.canvas.draw()
    assert plt.get_fignums() == []  # an open one would be shown twice


def test_learning_curves_are_lines_over_the_epochs_and_stars_at_their_ends(both):
    histories = {"ANN": {"loss": [2.0, 1.0], "accuracy": [0.5, 0.8]}, "CNN": {"loss": [1.5], "accuracy": [0.9]}}
    for axis, quantity in zip(plots.plot_learning_curves(histories, both).axes, ("loss", "accuracy"), strict=True):
        ann, cnn = (histories[name][quantity] for name in ("ANN", "CNN"))
        assert drawn(axis) == {
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


def test_a_title_stands_over_the_whole_figure(digits):
    images, labels = digits
    figure = plots.titled(plots.plot_digits(images[:2], ["a", "b"]), "two digits")
    assert figure.get_suptitle() == "two digits"


def test_ratios_are_bars_from_one_with_their_numbers():
    (axis,) = plots.plot_ratios({"few": 0.0227, "half": 0.5, "more": 1.5, "none": float("nan")}, "CNN / ANN").axes
    bars = [line.get_xydata().tolist() for line in axis.lines[:-1]]
    assert bars == [[[1, 0], [0.0227, 0]], [[1, 1], [0.5, 1]], [[1, 2], [1.5, 2]]]
    assert [text.get_text() for text in axis.texts] == ["0.023", "0.50", "1.50"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["few", "half", "more"]


def test_accuracy_curves_are_the_means_in_bands_from_lowest_to_highest():
    values = np.array([[0.1, 0.4], [0.3, 0.8]])
    (axis,) = plots.plot_accuracy_curves([1, 2], {"title": {"CNN": values, "CNN moved": 1 - values}}, "pixels").axes
    for line, band, expected in zip(axis.lines, axis.collections, (values, 1 - values), strict=True):
        np.testing.assert_allclose(line.get_ydata(), expected.mean(axis=0))
        corners = band.get_paths()[0].vertices
        assert {tuple(np.round(corner, 6)) for corner in corners} >= {(1, expected[0, 0].round(6)), (1, expected[1, 0])}
    assert [line.get_linestyle() for line in axis.lines] == ["-", "--"]
    assert len({line.get_color() for line in axis.lines}) == 1


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
    (axis,) = plots.plot_numbers({"whole": np.array([[1, -2]])}).axes
    assert [text.get_text() for text in axis.texts] == ["1", "-2"]


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


def results():
    """{"ANN": …, "CNN": …}: of 40 images, the ANN takes one 0 for a 4 and two 7s for 9s."""
    labels = np.arange(40) % 10
    ann = labels.copy()
    ann[[0, 7, 17]] = 4, 9, 9
    return {"ANN": Evaluation(labels, np.eye(10)[ann], 0.25), "CNN": Evaluation(labels, np.eye(10)[labels], 0.125)}


INKED = np.zeros((28, 28), np.uint8)
INKED[3:6, 10] = 200, 0, 7

WORDS = {
    "plot_digits": (
        lambda draw: draw([INKED] * 3, ["is 5\nANN 3", "b", "c"], columns=2),
        "3 images in rows of 2: is 5 ANN 3; b; c.",
    ),
    "plot_picture": (lambda draw: draw(np.zeros((4, 4, 3), np.uint8), "A black square."), "A black square."),
    "plot_pixels": (
        lambda draw: draw(INKED),
        "The grey levels of 28 × 28 pixels: 2 are above 0, the highest is 200, all in rows 3 to 5 and columns 10 to "
        "10.",
    ),
    "plot_class_counts": (
        lambda draw: draw({"training": np.arange(10) * 1000, "test": np.arange(10)}),
        "Images of the digits 0 to 9: training 0, 1,000, 2,000, 3,000, 4,000, 5,000, 6,000, 7,000, 8,000, 9,000; "
        "test 0, 1, 2, 3, 4, 5, 6, 7, 8, 9.",
    ),
    "plot_learning_curves": (
        lambda draw: draw({"ANN": {"loss": [2.0, 1.5], "accuracy": [0.5, 0.8]}, "CNN": {}}, results()),
        "By epoch. ANN, training images: loss 2 at 1, 1.5 at 2; accuracy 50.00% at 1, 80.00% at 2; test images: loss "
        "0.25, accuracy 92.50%. CNN, training images: interrupted in the first epoch; test images: loss 0.125, "
        "accuracy 100.00%.",
    ),
    "plot_confusions": (
        lambda draw: draw(results(), outlined=3),
        "Label and prediction of every image. ANN: 37 of 40 right, most frequent errors: 7 taken for 9 (2), 0 taken "
        "for 4 (1). CNN: 40 of 40 right. Outlined: the row and the column of the 3.",
    ),
    "plot_class_scores": (
        lambda draw: draw({"ANN": results()["ANN"]}),  # 4 of 6 said to be 9 are; 2 of 4 that are 7 are said to be
        "From the worst digit to the best. ANN: precision 0.667 (9) to 1.000 (0), recall 0.500 (7) to 1.000 (1), F1 "
        "0.667 (7) to 1.000 (1).",
    ),
    "plot_accuracies": (
        lambda draw: draw(results()),  # Wilson's intervals
        "Accuracy on the test images, with its 95 % interval: ANN 92.50% [80.14%, 97.42%]; CNN 100.00% [91.24%, "
        "100.00%].",
    ),
    "plot_ratios": (
        lambda draw: draw({"few": 0.0227, "more": 1.5, "none": np.nan}, "CNN / ANN"),
        "CNN / ANN: few 0.023; more 1.50.",
    ),
    "plot_learning_rate": (
        lambda draw: draw([0, 0.5, 1, 0.6, 0.3, 0], "one_cycle"),
        "one_cycle: the learning rate of 6 steps is 0 at 0, 1 at 2, 0 at 5.",
    ),
    "plot_runs": (
        lambda draw: draw({"ANN": [0.95, 0.97], "CNN small": [0.99]}),
        "Accuracy on the test images by seed: ANN mean 96.00%, 2 from 95.00% to 97.00%; CNN small mean 99.00%, 1 from "
        "99.00% to 99.00%.",
    ),
    "plot_class_differences": (
        lambda draw: draw({"recall": np.array([[0.0] * 9 + [1], [-1.0] * 9 + [2]])}),
        "CNN minus ANN in percentage points for the digits 0 to 9, mean: recall " + "−0.50, " * 9 + "+1.50.",
    ),
    "plot_numbers": (
        lambda draw: draw({"a": np.array([[1, -2.5], [np.nan, 4]]), "whole": np.array([[1, -2]])}, {"a": (0, 1, 2, 1)}),
        "Row by row. a: 1.00, −2.50; ?, 4.00. whole: 1, −2. Outlined in a: 2 × 1 from row 0, column 1.",
    ),
    "plot_window": (
        lambda draw: draw(np.arange(20).reshape(4, 5) / 20, np.array([[1, -1], [0, 2]]), np.ones((3, 4)), 1, 2),
        "The window at row 1, column 2 of the digit. Weight times pixel, row by row: 0.35, −0.40; 0.00, 1.30. The sum "
        "is 1.25 and belongs at this place of the map.",
    ),
    "plot_accuracy_curves": (
        lambda draw: draw([0, 8], {"across": {"ANN": [[0.9, 0.2], [0.8, 0.4]], "CNN": [[1, 0.5]]}}, "pixels moved"),
        "Mean accuracy by pixels moved. across: ANN 85.00% at 0, 30.00% at 8; CNN 100.00% at 0, 50.00% at 8.",
    ),
    "plot_answers": (
        lambda draw: draw([INKED] * 2, ["a", "b"], {"ANN": [[0.1] * 8 + [0.2, 0], np.full(10, np.nan)]}),
        "2 images, and the most probable of ten digits. a: ANN says 8 (20%); b: shown only.",
    ),
    "plot_maps": (
        lambda draw: draw([np.array([[-1.5, 0.25]]), np.eye(3)], ["k", "l"], signed=True),
        "2 pictures of numbers from −1.5 to 1: k, 1 × 2, up to 0.25; l, 3 × 3, up to 1.",
    ),
    "plot_kernels": (
        lambda draw: draw(np.array([[[-0.5, 2]], [[0, 1]]]), np.array([[[0, 7]], [[0, 3]]]), ["k", "l"]),
        "2 kernels, each beside the map that it makes of a picture. k: weights from −0.5 to 2, answers up to 7; l: "
        "weights from 0 to 1, answers up to 3.",
    ),
    "plot_dumbbells": (
        lambda draw: draw(
            {"noise": {"ANN": 0.5, "CNN": 0.912}, "blur": {"ANN": 0.8}},
            dict.fromkeys(["noise", "blur"], INKED),
            "Right",
        ),
        "Right. noise: ANN 50.0%, CNN 91.2%; blur: ANN 80.0%.",
    ),
    "plot_staircase": (
        lambda draw: draw(STEPS),
        "Accuracy on the test images, step by step, with its interval: ANN, SGD, 5 epochs 96.00% [95.00%, 97.00%]; "
        "ANN, Adam 98.00% [97.00%, 98.50%], +2.00 points; CNN, Adam 97.00% [96.00%, 99.00%], −1.00 points.",
    ),
    "plot_search": (
        lambda draw: draw(TRIALS, {"1 epoch": {"best for both": (0.03, 0.01)}}),  # 3 to 1 %, 90 to 5 % are the CNN's
        "Errors on held-out images, one point for each recipe. 1 epoch: 2 Adam; 2 SGD with Nesterov momentum; the CNN "
        "errs less with 2 of 4; best for both: ANN 3.00%, CNN 1.00%.",
    ),
    "plot_by_budget": (
        lambda draw: draw([1, 10], {"error": {"ANN": [(0.04, 0.03, 0.05)] * 2}, "points": {"own": [(2, -1, 3)] * 2}}),
        "By epochs of training, with intervals. error: ANN 4.00% [3.00%, 5.00%] at 1, 4.00% [3.00%, 5.00%] at 10. "
        "points: own 2.00 [−1.00, 3.00] at 1, 2.00 [−1.00, 3.00] at 10.",
    ),
    "plot_resamples": (
        lambda draw: draw({"image by image": np.arange(41) / 40, "writer by writer": np.arange(81) / 20}, "Gap"),
        "Gap: the middle 95 % of the resamples: image by image 0.025 to 0.975; writer by writer 0.1 to 3.9.",
    ),
    "plot_best_of": (
        lambda draw: draw({"ANN, 1 epoch": [0.9, 0.95], "CNN, 1 epoch": [0.97]}, "Best accuracy"),
        "Best accuracy, by the number of trials: ANN, 1 epoch 90.00% at 1, 95.00% at 2; CNN, 1 epoch 97.00% at 1.",
    ),
    "plot_costs": (
        lambda draw: draw(COSTS),
        "Mean error by cost of the training: ANN plain 2.00% at 1e+12, on the front; CNN plain 1.30% at "
        "3e+12, on the front; ANN dropout 1.80% at 4e+12; CNN bent 1.50% at 5e+12.",
    ),
    "plot_sizes": (
        lambda draw: draw({"ANN": SIZES["ANN"][:2], "CNN": SIZES["CNN"]}),
        "Mean error by size: ANN 64-64 2.50% (50,000 parameters, 49,000 multiply-adds); ANN 153 4.00% (120,000 "
        "parameters, 110,000 multiply-adds); CNN 8-16 1.00% (30,000 parameters, 200,000 multiply-adds).",
    ),
}


def test_there_are_words_for_every_figure():
    assert set(WORDS) == {name for name in dir(plots) if name.startswith("plot_")}


@pytest.mark.parametrize("name", WORDS)
def test_what_is_drawn_is_also_said(name):
    draw, said = WORDS[name]
    figure = draw(getattr(plots, name))
    assert figure.alt == said
    assert plots.titled(figure, "A title").alt == f"A title. {said}"


def test_what_is_empty_or_untitled_is_said_as_well():
    assert plots.plot_digits([], []).alt == "0 images in rows of 10: none."
    assert plots.plot_maps([np.eye(2)]).alt == "1 picture of numbers from 0 to 1: untitled."
    assert "0 are above 0, the highest is 0" in plots.plot_pixels(np.zeros((28, 28), np.uint8)).alt
    errors = plots.plot_search({"all": {"adam": ([0, 1], [0, 1]), "nesterov": ([], [])}}, {}).alt
    assert errors.endswith(
        "all: 2 Adam; 0 SGD with Nesterov momentum; the CNN errs less with 0 of 2; both fail with 1."
    )


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
        (lambda both: plots.plot_staircase({}), "nothing to draw.*ANN, 5 epochs"),
        (lambda both: plots.plot_staircase({"Dense, SGD": (0.9, 0.8, 1)}), "'Dense, SGD'"),
        (lambda both: plots.plot_staircase({"ANN": (0.9, 0.8)}), r"'ANN'.*\(0.9, 0.8\).*expected 1 of the form"),
        (lambda both: plots.plot_staircase({"ANN": (0.8, 0.9, 1.0)}), "'ANN'.*0.8.*from 0.9 to 1.0.*in this order"),
        (lambda both: plots.plot_staircase({"ANN": (np.nan, 0.9, 1.0)}), "'ANN'.*nan"),
        (lambda both: plots.plot_staircase({"ANN": (98, 97, 99)}), "'ANN'.*from 97 to 99.*by 100"),
        (lambda both: plots.plot_staircase({"ANN": (0.02, -0.01, 0.1)}), "'ANN'.*from -0.01"),
        (lambda both: plots.plot_search({}, {}), "nothing to draw.*1 epoch"),
        (lambda both: plots.plot_search({"a": {}}, {}), r"'a'.*\[\].*adam, nesterov"),
        (lambda both: plots.plot_search({"a": {"adagrad": ([0.1], [0.1])}}, {}), "'a'.*'adagrad'.*adam.*plots.TRIALS"),
        (lambda both: plots.plot_search({"a": {"adam": ([0.1], [])}}, {}), "'adam'.*as many"),
        (lambda both: plots.plot_search({"a": {"adam": ([0.1],)}}, {}), "'adam'.*of the CNN"),
        (lambda both: plots.plot_search({"a": {"adam": ([1.5], [0.2])}}, {}), "'adam'.*1.5.*from 0 to 1"),
        (lambda both: plots.plot_search({"a": {"adam": ([0.1], [np.nan])}}, {}), "'adam'.*nan"),
        (lambda both: plots.plot_search(TRIALS, {"1 epoch": {"best": (-0.1, 0.1)}}), "'best'.*-0.1"),
        (lambda both: plots.plot_search(TRIALS, {"1": {}}), r"\['1'\].*panels \['1 epoch'\]"),
        (lambda both: plots.plot_by_budget([1], {}), "nothing to draw"),
        (lambda both: plots.plot_kernels(np.ones((2, 3, 3)), np.ones((1, 6, 6)), ["a", "b"]), "2 kernels, 1 maps"),
        (lambda both: plots.plot_dumbbells({}, {}, "x"), "nothing to draw"),
        (lambda both: plots.plot_dumbbells({"a": {"ANN": 1}}, {"b": np.eye(2)}, "x"), r"\['b'\].*\['a'\]"),
        (lambda both: plots.plot_by_budget([1], {"error": {}}), "nothing to draw"),
        (lambda both: plots.plot_by_budget([], BUDGETS), r"epochs=\[\]"),
        (lambda both: plots.plot_by_budget([0, 1, 3], BUDGETS), r"epochs=\[0, 1, 3\].*above 0"),
        (lambda both: plots.plot_by_budget([1, 10, 3], BUDGETS), r"epochs=\[1, 10, 3\].*rising"),
        (lambda both: plots.plot_by_budget([1, 1, 3], BUDGETS), r"epochs=\[1, 1, 3\].*rising"),
        (lambda both: plots.plot_by_budget([1, 3], BUDGETS), "'ANN'.*expected 2 of the form"),
        (lambda both: plots.plot_by_budget([1], {"error": {"ANN": [(3, 1, 2)]}}), "'ANN'.*3.*from 1 to 2"),
        (lambda both: plots.plot_by_budget([1], {"e": {f"ANN {i}": [(1, 1, 1)] for i in range(4)}}), "'ANN 3'.*'e'"),
        (lambda both: plots.plot_by_budget([1, 3, 10], BUDGETS, {"points": {"ANN": [[]] * 3}}), "3.*'ANN'.*'points'"),
        (lambda both: plots.plot_by_budget([1, 3, 10], BUDGETS, {"error": {"ANN": [[]] * 3}}), "'ANN'.*'error'"),
        (
            lambda both: plots.plot_by_budget([1, 3, 10], BUDGETS, {"points": {"own recipes": [[1]]}}),
            "1 arr.*of 3",
        ),
        (lambda both: plots.plot_resamples({}, "x"), "nothing to draw.*image by image"),
        (lambda both: plots.plot_resamples({"image by image": np.eye(2)}, "x"), r"samples of 'image.*\(2, 2\)"),
        (lambda both: plots.plot_best_of({}, "x"), "nothing to draw"),
        (lambda both: plots.plot_best_of({"ANN, 1 epoch": []}, "x"), r"accuracies of 'ANN, 1 epoch'.*\(0,\)"),
        (lambda both: plots.plot_best_of({"Dense": [0.9]}, "x"), "'Dense'"),
        (lambda both: plots.plot_costs({}), "nothing to draw"),
        (lambda both: plots.plot_costs({"ANN a": (0, [0.1])}), "'ANN a'.*expected .cost.*above 0"),
        (lambda both: plots.plot_costs({"ANN a": (1,)}), "'ANN a'.*expected .cost"),
        (lambda both: plots.plot_costs({"ANN a": (1, 0.1)}), r"errors of 'ANN a'.*\(\)"),
        (lambda both: plots.plot_costs({"Dense a": (1, [0.1])}), "'Dense a'"),
        (lambda both: plots.plot_sizes({}), "nothing to draw"),
        (lambda both: plots.plot_sizes({"ANN": [("16", 12, [0.1])]}), "'ANN'.*'16'.*expected .label, parameters, mult"),
        (lambda both: plots.plot_sizes({"ANN": [("16", 0, 12, [0.1])]}), "'16'.*above 0"),
        (lambda both: plots.plot_sizes({"ANN": [("16", 12, -1, [0.1])]}), "'16'.*above 0"),
        (lambda both: plots.plot_sizes({"ANN": [("16", 12, 12, 0.1)]}), r"errors of 'ANN 16'.*\(\)"),
        (lambda both: plots.plot_sizes(SIZES, "153"), "apart='153'.*'153', '16', '64-64'"),
        (lambda both: plots.plot_sizes({"Dense": SIZES["ANN"]}), "'Dense'"),
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


def test_a_staircase_has_treads_at_the_means_and_the_changes_at_its_risers():
    figure = plots.plot_staircase(STEPS)
    figure.canvas.draw()
    (axis,) = figure.axes
    lines = [(line.get_xydata().tolist(), line.get_color()) for line in axis.lines]
    ann, cnn, grey = plots.STYLES["ANN"]["color"], plots.STYLES["CNN"]["color"], "0.6"
    assert lines == [
        ([[-0.5, 0.96], [0.5, 0.96]], ann),
        ([[0, 0.95], [0, 0.97]], ann),
        ([[0.5, 0.98], [1.5, 0.98]], ann),
        ([[1, 0.97], [1, 0.985]], ann),
        ([[0.5, 0.96], [0.5, 0.98]], grey),
        ([[1.5, 0.97], [2.5, 0.97]], cnn),
        ([[2, 0.96], [2, 0.99]], cnn),
        ([[1.5, 0.98], [1.5, 0.97]], grey),
    ]
    assert {text.get_text(): text.xy for text in axis.texts} == {"+2.00": (0.5, 0.98), "-1.00": (1.5, 0.98)}
    assert tick_labels(axis.xaxis) == list(STEPS)
    assert tick_labels(axis.yaxis) == ["95%", "96%", "97%", "98%", "99%"]


def test_a_search_is_drawn_recipe_by_recipe_and_what_failed_at_the_edge():
    marked = {"best for the ANN": (0.02, 0.04), "best for the CNN": (0.03, 0.01), "best for both": (0.5, 0.01)}
    figure = plots.plot_search(TRIALS, {"1 epoch": marked})
    figure.canvas.draw()
    (axis,) = figure.axes
    assert drawn(axis) == {
        "equal errors": [[0.8 * 0.02] * 2, [0.2] * 2],
        "Adam": [[0.02, 0.04], [0.03, 0.01]],
        "SGD with Nesterov momentum": [[0.2, 0.05], [0.1, 0.2]],
        "best for the ANN": [[0.02, 0.04]],
        "best for the CNN": [[0.03, 0.01]],
        "best for both": [[0.2, 0.01]],
    }
    looks = {line.get_label(): (line.get_color(), line.get_marker()) for line in axis.lines}
    assert looks["best for the ANN"] == ("#0072B2", "o") and looks["best for the CNN"] == ("#D55E00", "s")
    assert looks["best for both"] == ("k", "*") and looks["Adam"] != looks["SGD with Nesterov momentum"]
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    np.testing.assert_allclose([*axis.get_xlim(), *axis.get_ylim()], [0.016, 0.2, 0.008, 0.2])
    assert tick_labels(axis.xaxis) == ["2%", "3%", "5%", "10%", "20%"]
    assert tick_labels(axis.yaxis) == ["1%", "2%", "3%", "5%", "10%", "20%"]
    assert all("20 % or worse" in label for label in (axis.get_xlabel(), axis.get_ylabel()))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(drawn(axis))


def test_the_panels_of_a_search_share_their_axes_and_an_error_of_0_lies_at_their_end():
    panels = {"1 epoch": {"adam": ([0.1], [0.05])}, "3 epochs": {"nesterov": ([0.05], [0.0])}}
    figure = plots.plot_search(panels, {"3 epochs": {"best for the CNN": (0.05, 0.01)}})
    left, right = figure.axes
    assert left.get_title() == "1 epoch" and list(drawn(left)) == ["equal errors", "Adam"]
    assert left.get_ylim() == right.get_ylim() == (0.8 * 0.01, 0.2)
    assert drawn(right)["SGD with Nesterov momentum"] == [[0.05, 0.8 * 0.01]]
    assert len(figure.legends[0].get_texts()) == 4  # each once, whatever panel it is in


def test_results_by_budget_are_lines_with_intervals_side_by_side():
    runs = [[0.04, 0.05], [0.03], []]
    figure = plots.plot_by_budget([1, 3, 10], BUDGETS, {"error (log scale)": {"ANN": runs}})
    figure.canvas.draw()
    for axis, (label, curves) in zip(figure.axes, BUDGETS.items(), strict=True):
        assert (axis.get_xlabel(), axis.get_ylabel()) == ("epochs of training", label)
        assert axis.get_xscale() == "log" and tick_labels(axis.xaxis) == ["1", "3", "10"]
        assert [text.get_text() for text in axis.get_legend().get_texts()] == list(curves)
        lines = {line.get_label(): line for line in axis.lines}
        for shift, bars, (name, values) in zip((-1, 1), axis.collections, curves.items(), strict=True):
            x, y = lines[name].get_data()
            np.testing.assert_allclose(x, np.array([1, 3, 10]) * 10 ** (0.015 * shift))
            np.testing.assert_array_equal(y, [value for value, _, _ in values])
            np.testing.assert_allclose(
                bars.get_segments(),
                [[(at, low), (at, high)] for at, (_, low, high) in zip(x, values, strict=True)],
            )
    left, right = figure.axes
    singles = [line for line in left.lines if line.get_marker() == "."]
    assert [line.get_ydata().tolist() for line in singles][:3] == runs
    for line, at in zip(singles, drawn(left)["ANN"], strict=False):
        assert set(line.get_xdata()) <= {at[0]}


def test_a_label_decides_the_y_axis_of_a_budget_panel():
    panels = {
        "error (log scale)": {"ANN": [(0.02, 0.009, 0.06)]},
        "ratio (log scale)": {"ANN over CNN": [(2, 0.9, 6)]},
        "error": {"ANN": [(0.02, 0.01, 0.03)]},
        "points": {"first": [(0.1, -1, 2)]},
        "more points": {"first": [(1.5, 1, 2)]},
    }
    figure = plots.plot_by_budget([5], panels)
    figure.canvas.draw()
    assert [axis.get_yscale() for axis in figure.axes] == ["log", "log", "linear", "linear", "linear"]
    ticks = [tick_labels(axis.yaxis) for axis in figure.axes]
    assert ticks[0] == ["1%", "1.5%", "2%", "2.5%", "3%", "4%", "5%"]
    assert ticks[1] == ["1", "1.5", "2", "2.5", "3", "4", "5"]
    assert all(label.endswith("%") for label in ticks[2]) and "2%" in ticks[2]
    assert not any(label.endswith("%") for label in ticks[3] + ticks[4])
    at_zero = [[line for line in axis.lines if set(line.get_ydata()) == {0}] for axis in figure.axes]
    assert [len(lines) for lines in at_zero] == [0, 0, 0, 1, 0]


def test_what_a_budget_is_may_be_said():
    for options, said in (({}, "epochs of training"), ({"xlabel": "training images"}, "training images")):
        axes = plots.plot_by_budget([1, 3, 10], BUDGETS, **options).axes
        assert {axis.get_xlabel() for axis in axes} == {said}


def test_only_networks_have_the_colours_of_networks():
    curves = {name: [(1, 1, 1)] for name in ("CNN, own", "a", "CNN, shared", "b", "c", "d", "e")}
    (axis,) = plots.plot_by_budget([1], {"points": curves}).axes
    looks = {line.get_label(): (line.get_color(), line.get_marker(), line.get_linestyle()) for line in axis.lines}
    assert looks["CNN, own"] == ("#D55E00", "s", "-") and looks["CNN, shared"] == ("#D55E00", "s", "--")
    taken = {style["color"] for style in plots.STYLES.values()}
    others = [looks[name] for name in "abcd"]
    assert len({color for color, _, _ in others} - taken) == len({marker for _, marker, _ in others}) == 4
    assert looks["e"] == (*looks["a"][:2], "--")  # the colours start again, with another line


def test_resamples_are_histograms_on_the_same_bins_under_the_bars_of_their_middle():
    samples = {"image by image": np.arange(41) / 40, "writer by writer": np.arange(81) / 20}
    (axis,) = plots.plot_resamples(samples, "difference").axes
    low, high = axis.lines
    np.testing.assert_allclose(low.get_xdata(), [0.025, 0.975])
    np.testing.assert_allclose(high.get_xdata(), [0.1, 3.9])
    tallest = max(patch.get_xy()[:, 1].max() for patch in axis.patches)
    assert tallest < low.get_ydata()[0] == low.get_ydata()[1] < high.get_ydata()[0] < axis.get_ylim()[1]
    first, second = (patch.get_xy() for patch in axis.patches)
    assert set(first[:, 0]) == set(second[:, 0]) and first[:, 0].min() < 0 and first[:, 0].max() > 4
    tops = [patch.get_xy()[:, 1][1 : len(patch.get_xy()) // 2 : 2] for patch in axis.patches]
    assert [some.sum() for some in tops] == [41, 81]
    assert set(tops[1][:-1]) == {2}  # two steps of 0.05 in each bin: none holds more than its neighbours
    assert [text.get_text() for text in axis.get_legend().get_texts()] == list(samples)
    assert axis.get_xlabel() == "difference" and "95 %" in axis.get_ylabel()


def test_a_number_left_out_is_a_question_mark_and_a_window_has_a_frame():
    tables = {"pixels": np.eye(3), "result": np.array([[1, np.nan]])}
    left, right = plots.plot_numbers(tables, outlined={"pixels": (1, 0, 2, 3)}).axes
    assert [text.get_text() for text in right.texts] == ["1.00", "?"]
    (frame,) = left.patches
    assert (frame.get_xy(), frame.get_width(), frame.get_height()) == ((-0.5, 0.5), 3, 2) and not right.patches


def test_a_window_shows_its_products_their_sum_and_the_map_up_to_there():
    image, kernel = np.arange(20).reshape(4, 5) / 20, np.array([[1, -1], [0, 2]])
    result = np.arange(12).reshape(3, 4) + 1.0
    picture, products, so_far = plots.plot_window(image, kernel, result, row=1, column=2).axes
    assert [frame.get_xy() for frame in (picture.patches[0], so_far.patches[0])] == [(1.5, 0.5)] * 2
    # the window holds 7, 8 and 12, 13 twentieths
    assert [text.get_text().split("= ")[1] for text in products.texts] == ["0.35", "-0.40", "0.00", "1.30"]
    assert products.get_title().endswith("the sum is 1.25")
    shown = so_far.images[0].get_array()
    np.testing.assert_array_equal(shown.filled(0), [[1, 2, 3, 4], [5, 6, 7, 0], [0, 0, 0, 0]])
    with pytest.raises(ValueError, match="2 × 2 at row 3, column 0 leaves the 4 × 5 pixels"):
        plots.plot_window(image, kernel, result, row=3, column=0)


def test_each_kernel_stands_before_its_map():
    kernels, maps = np.arange(27).reshape(3, 3, 3) - 13, np.arange(12).reshape(3, 2, 2)
    axes = [
        axis for axis in plots.plot_kernels(kernels, maps, ["k0", "k1", "k2"], columns=2).axes if axis.get_visible()
    ]
    pairs, bars = axes[:6], axes[6:]
    for i in range(3):
        assert pairs[2 * i].get_title() == f"k{i}"
        np.testing.assert_array_equal(pairs[2 * i].images[0].get_array(), kernels[i])
        np.testing.assert_array_equal(pairs[2 * i + 1].images[0].get_array(), maps[i])
    assert {axis.images[0].get_clim() for axis in pairs[::2]} == {(-13, 13)}
    assert {axis.images[0].get_clim() for axis in pairs[1::2]} == {(0, 11)}
    assert len(bars) == 2


def test_a_dumbbell_has_a_point_for_each_network_beside_its_picture():
    rows = {"noise": {"ANN": 0.5, "ANN Nesterov": 0.6, "CNN": 0.9}, "blur": {"ANN": 0.8, "CNN": 0.7}}
    pictures = {name: np.full((2, 2), 255 * i, np.uint8) for i, name in enumerate(rows)}
    noise, noise_row, blur, blur_row = plots.plot_dumbbells(rows, pictures, "accuracy").axes
    assert drawn(noise_row) == {"ANN": [[0.5, 0]], "ANN Nesterov": [[0.6, 0]], "CNN": [[0.9, 0]]}
    third = {"noise": rows["noise"] | {"ANN low rate": 0.4}}
    points = plots.plot_dumbbells(third, {"noise": pictures["noise"]}, "accuracy").axes[1].lines[1:]
    assert [(point.get_marker(), point.get_markerfacecolor() == "w") for point in points] == [
        ("o", False),
        ("o", True),
        ("s", False),
        ("D", True),
    ]
    assert drawn(blur_row) == {"ANN": [[0.8, 0]], "CNN": [[0.7, 0]]}
    faces = [line.get_markerfacecolor() for line in noise_row.lines if line.get_label()[0] != "_"]
    assert faces == ["#0072B2", "w", "#D55E00"]
    np.testing.assert_array_equal(blur.images[0].get_array(), pictures["blur"])
    assert [axis.get_yticklabels()[0].get_text() for axis in (noise_row, blur_row)] == list(rows)


def test_the_centre_of_a_frame_is_marked_where_that_is_asked():
    with_mark = plots.plot_answers(np.zeros((1, 28, 28)), ["a"], {"CNN": np.eye(1, 10)}, centre=True).axes[0]
    assert with_mark.lines[0].get_xydata().tolist() == [[13.5, 13.5]]
    assert not plots.plot_answers(np.zeros((1, 28, 28)), ["a"], {"CNN": np.eye(1, 10)}).axes[0].lines


def test_the_best_of_n_is_drawn_from_the_first_trial_on():
    curves = {"ANN, 1 epoch": [0.9, 0.92, 0.93], "ANN, 3 epochs": [0.94, 0.95], "CNN, 1 epoch": [0.96]}
    figure = plots.plot_best_of(curves, "best accuracy")
    figure.canvas.draw()
    (axis,) = figure.axes
    assert drawn(axis) == {
        "ANN, 1 epoch": [[1, 0.9], [2, 0.92], [3, 0.93]],
        "ANN, 3 epochs": [[1, 0.94], [2, 0.95]],
        "CNN, 1 epoch": [[1, 0.96]],
    }
    assert [line.get_linestyle() for line in axis.lines] == ["-", "--", "-"]
    assert [line.get_color() for line in axis.lines] == ["#0072B2", "#0072B2", "#D55E00"]
    assert tick_labels(axis.xaxis) == ["1", "2", "3"] and "92%" in tick_labels(axis.yaxis)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("trials", "best accuracy")


def test_the_front_of_costs_falls_through_the_best_means():
    (axis,) = plots.plot_costs(COSTS).axes
    places = drawn(axis)
    np.testing.assert_allclose(places["the front"], [[1e12, 0.02], [3e12, 0.013]])
    texts = {text.get_text(): text.xy for text in axis.texts}
    np.testing.assert_allclose([texts[name] for name in ("dropout", "bent")], [[4e12, 0.018], [5e12, 0.015]])
    assert len(texts) == 3  # two are called plain


def test_a_recipe_with_which_both_networks_fail_is_won_by_neither():
    figure = plots.plot_search({"1 epoch": {"adam": ([1, 0.02, 0.9], [0.9, 0.01, 0.03])}}, {})
    assert figure.description.endswith("1 epoch: 3 Adam; the CNN errs less with 2 of 3; both fail with 1.")


def test_sizes_are_joined_in_order_of_their_cost_and_those_apart_stay_open():
    figure = plots.plot_sizes(SIZES, apart={"153"})
    figure.canvas.draw()
    for axis, column in zip(figure.axes, (1, 2), strict=True):
        assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
        sixteen, both_64, cnn = (size[column] for size in (SIZES["ANN"][2], SIZES["ANN"][0], SIZES["CNN"][0]))
        assert drawn(axis) == {"ANN": [[sixteen, 0.06], [both_64, 0.025]], "CNN": [[cnn, 0.01]]}
        (alone,) = (line for line in axis.lines if line.get_markerfacecolor() == "w")
        assert alone.get_xydata().tolist() == [[SIZES["ANN"][1][column], 0.04]]
        single = [line.get_xydata().tolist() for line in axis.lines if line.get_marker() == "."]
        assert single[0] == [[both_64, 0.02], [both_64, 0.03]] and len(single) == 4
        assert {text.get_text(): text.xy for text in axis.texts} == {
            size[0]: (size[column], np.mean(size[3])) for sizes in SIZES.values() for size in sizes
        }
    left, right = figure.axes
    assert left.get_xlabel().startswith("parameters") and right.get_xlabel().startswith("multiply-adds per image")
    assert tick_labels(left.xaxis) == ["10", "30", "100"] and "thousands" in left.get_xlabel()
    assert {"1%", "2%", "3%", "5%"} <= set(tick_labels(left.yaxis))

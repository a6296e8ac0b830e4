import matplotlib.pyplot as plt
import numpy as np
import pytest

from mnist_compare import drawings

IMAGE = np.eye(6) / 2
VALUES = np.array([[1, 0, 2, 3], [4, 6, 5, 8], [3, 1, 1, 0], [0, 2, 7, 4]])


def texts(axis):
    """Return what is written on an axis."""
    return [text.get_text() for text in axis.texts]


def every_drawing():
    weights = np.linspace(-1, 5, 50)
    return [
        drawings.draw_unit([0.5, 1, 0], [0.8, -0.3, 0.6], 0.1),
        drawings.draw_wiring([0, 0.2, 0.9, 1, 0.5, 0], 3),
        drawings.draw_sliding(IMAGE, np.ones((3, 3)), np.ones((4, 4)), [(0, 0), (3, 3)]),
        drawings.draw_pooling(VALUES),
        drawings.draw_cross_entropy([0.9, 0.01]),
        drawings.draw_descent(weights, (weights - 2) ** 2, 0, -4, 0.1),
    ]


def test_every_drawing_has_a_title_is_legible_and_closed():
    for figure in every_drawing():
        figure.canvas.draw()
        written = [text for text in figure.findobj(plt.Text) if text.get_visible() and text.get_text()]
        assert figure.get_suptitle() and min(text.get_fontsize() for text in written) >= 10
        assert figure.get_figwidth() <= 6.4
    assert plt.get_fignums() == []  # an open one would be shown twice


def test_every_drawing_is_also_said():
    assert [figure.alt.removeprefix(figure.get_suptitle()) for figure in every_drawing()] == [
        ". 3 inputs, each times its weight, and the bias: 0.5 × 0.8 + 1 × (−0.3) + 0 × 0.6 + 0.1 = 0.20. After relu "
        "the output is 0.20.",
        ". 6 pixels below 4 units. dense: 24 weights, each used once: every pixel is joined to every unit. "
        "convolutional: 3 weights (solid, dashed, dotted), each used 4 times: every unit is joined to the 3 pixels "
        "under it.",
        ". digit 6 × 6, map 4 × 4. The window, row by row: 1, 1, 1; 1, 1, 1; 1, 1, 1. Its answers at the marked "
        "places: a at row 0, column 0: 1.00; b at row 3, column 3: 1.00.",
        ". Row by row, 1, 0, 2, 3; 4, 6, 5, 8; 3, 1, 1, 0; 0, 2, 7, 4; the largest of each 2 × 2 numbers are "
        "6, 8; 3, 7.",
        ". The loss falls from above 5, where the probability is near 0, ever more slowly to 0, where it is 1: "
        "−ln 0.9 = 0.11, −ln 0.01 = 4.61.",
        ". A loss over one weight, and an arrow along its slope: new weight = weight − rate × slope = 0.00 − 0.1 × "
        "(−4.00) = 0.40; the loss goes from 4.00 to 2.56.",
    ]
    assert len(every_drawing()) == sum(name.startswith("draw_") for name in dir(drawings))


@pytest.mark.parametrize(
    "bias, total, output, written",
    [
        (0.1, "0.20", "0.20", "0.5 × 0.8 + 1 × (−0.3) + 0 × 0.6 + 0.1 = 0.20"),
        (-0.5, "−0.40", "0.00", "0.5 × 0.8 + 1 × (−0.3) + 0 × 0.6 − 0.5 = −0.40"),
    ],
)
def test_the_unit_writes_its_sum_and_what_relu_makes_of_it(bias, total, output, written):
    (axis,) = drawings.draw_unit([0.5, 1, 0], [0.8, -0.3, 0.6], bias).axes
    at = {round(text.get_position()[0], 2): text.get_text() for text in axis.texts if text.get_position()[1] == 1}
    assert (at[3.45], at[7]) == (total, output)
    assert written in texts(axis)


def test_the_wiring_has_one_line_for_each_product_and_one_kind_of_line_for_each_shared_weight():
    dense, convolutional = drawings.draw_wiring([0, 0.2, 0.9, 1, 0.5, 0], 3).axes
    assert dense.get_title() == "dense: 24 weights, each used once" and len(dense.lines) == 6 * 4
    assert "3 weights" in convolutional.get_title() and "used 4 times" in convolutional.get_title()
    kinds = {}
    for line in convolutional.lines:
        pixel, unit = line.get_xdata()
        kinds.setdefault(str(line.get_linestyle()) + str(line._dash_pattern), set()).add(pixel - unit)
    assert len(convolutional.lines) == 3 * 4
    assert sorted(kinds.values(), key=min) == [{-1}, {0}, {1}]  # the same weight at the same side of every unit


@pytest.mark.parametrize("pixels, window", [([0] * 6, 4), ([0, 1], 3), ([0] * 6, 0)])
def test_a_window_without_lines_or_pixels_enough_is_refused(pixels, window):
    with pytest.raises(ValueError, match=f"window={window}, expected from 1 to {min(len(pixels), 3)}"):
        drawings.draw_wiring(pixels, window)


def test_the_window_is_drawn_where_its_answer_is():
    answers = np.arange(16.0).reshape(4, 4)
    figure = drawings.draw_sliding(IMAGE, np.ones((3, 3)), answers, [(0, 1), (3, 2)])
    picture, window, result = figure.axes
    np.testing.assert_array_equal(picture.images[0].get_array(), IMAGE)
    np.testing.assert_array_equal(result.images[0].get_array(), answers)
    for axis, size in ((picture, 3), (result, 1)):
        frames = [patch for patch in axis.patches[1:] if patch.get_width() == size]
        assert [(frame.get_y() + 0.5, frame.get_x() + 0.5) for frame in frames] == [(0, 1), (3, 2)]
        assert texts(axis) == ["a", "b"]
    assert texts(window) == ["1"] * 9
    assert figure.get_supxlabel() == "the answers at the marked places: a: 1.00, b: 14.00"


def test_pooling_writes_the_largest_number_of_each_square():
    table, pooled = drawings.draw_pooling(VALUES).axes
    assert texts(pooled) == ["6", "8", "3", "7"]
    assert [text.get_text() for text in table.texts if text.get_weight() == "bold"] == ["6", "8", "3", "7"]
    assert texts(table) == [str(value) for value in VALUES.ravel()]
    assert [axis.get_title() for axis in (table, pooled)] == ["4 × 4", "2 × 2"]


def test_pooling_drops_an_odd_last_row_and_column():
    _, pooled = drawings.draw_pooling(np.arange(25).reshape(5, 5)).axes
    assert texts(pooled) == ["6", "8", "16", "18"]


def test_the_loss_is_minus_the_logarithm_of_the_probability():
    (axis,) = drawings.draw_cross_entropy([0.5, 0.1]).axes
    assert texts(axis) == ["−ln 0.5 = 0.69", "−ln 0.1 = 2.30"]
    points = [line.get_xydata()[0].tolist() for line in axis.lines[1:]]
    np.testing.assert_allclose(points, [[0.5, 0.693147], [0.1, 2.302585]], rtol=1e-5)


def test_a_step_goes_down_the_slope_times_the_rate():
    weights = np.linspace(-1, 5, 601)
    (axis,) = drawings.draw_descent(weights, (weights - 2) ** 2 + 1, start=0, slope=-4, rate=0.2).axes
    assert axis.get_title().endswith("= 0.00 − 0.2 × (−4.00) = 0.80")
    start, end = (line.get_xydata()[0] for line in axis.lines[-2:])
    np.testing.assert_allclose([start, end], [[0, 5], [0.8, 2.44]])
    (low, low_loss), (high, high_loss) = axis.lines[1].get_xydata()  # the tangent
    assert (high_loss - low_loss) / (high - low) == pytest.approx(-4)


def test_a_step_beyond_the_curve_is_refused():
    with pytest.raises(ValueError, match="ends at 8, expected a weight from -1 to 5"):
        drawings.draw_descent(np.linspace(-1, 5), np.zeros(50), start=0, slope=-4, rate=2)

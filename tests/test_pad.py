"""The Python half of the drawing pad: strokes → picture → answers. The page's half is in test_browser.py."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mnist_compare import DrawingPad, prepare_digit
from mnist_compare.handwriting import NO_INK
from mnist_compare.plots import STYLES

SEVEN = {"width": 0.08, "points": [[0.3, 0.2], [0.7, 0.2], [0.45, 0.8]]}


class Network:
    """Says one digit, and keeps what it was asked."""

    def __init__(self, digit, outputs=10):
        self.shares = np.eye(outputs, dtype=np.float32)[[digit]]
        self.seen = []

    def __call__(self, images, training):
        self.seen.append(np.reshape(images, (28, 28)))
        return SimpleNamespace(numpy=lambda: self.shares)


@pytest.fixture
def networks():
    return {"ANN": Network(1), "CNN": Network(7)}


@pytest.fixture
def pad(networks):
    return DrawingPad(networks)


def draw(pad, *strokes):
    """What the page does."""
    pad.set_state({"drawing": {"strokes": list(strokes), "asked": pad.drawing["asked"] + 1}})


def test_an_empty_pad_is_white_and_has_no_answer(pad):
    assert pad.picture.shape == (280, 280) and pad.picture.dtype == np.uint8 and (pad.picture == 255).all()
    draw(pad)
    assert pad.answer == {"asked": 1}


def test_the_picture_is_what_was_drawn(pad):
    draw(pad, {"width": 0.1, "points": [[0.25, 0.5], [0.75, 0.5]]})
    ink = pad.picture < 128
    rows, columns = np.nonzero(ink)
    assert (rows.min(), rows.max()) == pytest.approx((126, 153), abs=1)  # 28 pixels around the middle, 140
    assert (columns.min(), columns.max()) == pytest.approx((56, 223), abs=1)  # 70 to 210, with round ends
    assert ink.sum() == pytest.approx(140 * 28 + np.pi * 14**2, rel=0.01)
    assert np.unique(pad.picture).size > 3  # grey edges
    draw(pad, {"width": 0.1, "points": [[0.5, 0.5]]})
    assert (pad.picture < 128).sum() == pytest.approx(np.pi * 14**2, rel=0.02)


def test_corners_are_round_and_ink_beyond_the_edge_is_cut_off(pad):
    corner = {"width": 0.2, "points": [[0.2, 0.5], [0.5, 0.5], [0.5, 0.8]]}
    draw(pad, corner, {"width": 0.1, "points": [[0.5, 0.1], [1.5, -0.5]]})
    assert pad.picture[140 - 18, 140 + 18] == 0  # within the radius of 28 around the corner
    assert pad.picture[140 - 25, 140 + 25] == 255
    assert pad.picture.shape == (280, 280)


def test_both_networks_answer_to_the_prepared_picture(pad, networks):
    draw(pad, SEVEN)
    seen = prepare_digit(pad.picture)
    assert pad.answer["said"] == {"ANN": np.eye(10)[1].tolist(), "CNN": np.eye(10)[7].tolist()}
    assert pad.answer["seen"] == pytest.approx(seen.ravel(), abs=6e-4) and len(pad.answer["seen"]) == 784
    for network in networks.values():
        assert np.array_equal(network.seen[-1], seen)


def test_every_question_has_an_answer_of_its_own(pad, networks):
    answers = []
    pad.observe(lambda change: answers.append(change["new"]), "answer")
    for _ in range(2):
        draw(pad, SEVEN)
    assert [answer["asked"] for answer in answers] == [1, 2]
    assert len(networks["ANN"].seen) == 3  # and once as a check, before anybody drew


def test_what_cannot_be_read_is_refused_in_a_sentence(pad):
    bar = {"width": 0.08, "points": [[0.2, 0.2], [0.2, 0.8]]}
    draw(pad, bar, {"width": 0.08, "points": [[0.8, 0.2], [0.8, 0.8]]})
    assert pad.answer.keys() == {"asked", "refused"}
    assert pad.answer["refused"].startswith("2 inked parts were found")
    draw(pad, {"width": 0.08, "points": [[1.5, 0.5]]})  # beyond the edge
    assert pad.answer["refused"] == NO_INK
    draw(pad, bar)
    assert "said" in pad.answer and "refused" not in pad.answer


def test_networks_have_the_colours_of_the_figures(pad):
    assert pad.colors == {name: STYLES[name]["color"] for name in ("ANN", "CNN")}


def test_the_page_is_not_sent_back_what_it_said(pad):
    """An echo would undo what was drawn in the meantime."""
    sent = []
    pad.comm.send = lambda data, buffers: sent.append(data)
    draw(pad, SEVEN)
    assert [set(message["state"]) for message in sent] == [{"answer"}]


@pytest.mark.parametrize(
    ("networks", "problem"),
    [
        ({}, r"The networks are called \[\], expected one or more of ANN, CNN"),
        ({"my own": Network(1)}, r"The networks are called \['my own'\]"),
        ({"CNN": Network(1, outputs=11)}, r"CNN answers one image with the shape \(1, 11\), expected \(1, 10\)"),
    ],
)
def test_other_networks_are_refused(networks, problem):
    with pytest.raises(ValueError, match=problem):
        DrawingPad(networks)


def test_a_page_without_widgets_says_what_is_needed(pad):
    data, _ = pad._repr_mimebundle_()
    assert data["text/plain"].startswith("A drawing pad. It needs Python") and data["text/plain"].endswith("draw.")


def test_the_package_needs_no_widgets_and_the_pad_no_tensorflow():
    check = (
        "import sys, mnist_compare; assert 'anywidget' not in sys.modules; import mnist_compare.pad;"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", check], check=True, timeout=120)

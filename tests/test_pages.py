"""Simulated photographs, and how prepare_digit reads them: rates on fixed seeds, which were not used to choose it."""

import numpy as np
import pytest
from scipy import ndimage

from mnist_compare import pages, prepare_digit, prepare_digits
from mnist_compare.handwriting import steps
from mnist_compare.paper import upright_page


def features(image):
    """Return a blurred image as a vector of length 1 and mean 0: the product of two is their correlation."""
    vector = ndimage.gaussian_filter(image, 1).ravel()
    return (vector - vector.mean()) / np.linalg.norm(vector - vector.mean())


@pytest.fixture(scope="module")
def judge(digits):
    """(a function that tells which digit an image shows, None for none; 48 digits; their labels).

    It knows the very digits that are shown, in clean ink, and looks for the one most alike: it errs where the
    preparation does. A classifier would err as well where an 8 has lost a loop when it was traced.
    """
    chosen = np.random.default_rng(0).permutation(len(digits[0]))[:48]
    images, labels = digits[0][chosen], digits[1][chosen]
    looks = [(width, tilt) for width in (0.09, 0.13) for tilt in (-8, 0, 8)]  # of pens and of cameras, degrees
    known = np.stack(
        [
            features(ndimage.rotate(pages.clean_ink(digit, width), tilt, reshape=False, order=1))
            for width, tilt in looks
            for digit in images
        ]
    )

    def tell(image):
        alike = known @ features(image)
        return np.tile(labels, len(looks))[alike.argmax()] if alike.max() > 0.75 else None

    return tell, images, labels


def read(picture):
    try:
        return prepare_digit(picture)
    except ValueError:
        return None


def photographs(images, seeds):
    """Return photographs of digits, or of blank pages for None, of all papers in turn."""
    return [
        pages.photograph(image, **(pages.conditions(seed) | {"paper": pages.PAPERS[i % len(pages.PAPERS)]}), seed=seed)
        for i, (image, seed) in enumerate(zip(images, seeds, strict=True))
    ]


def test_pages_are_read_rightly_or_refused(judge):
    """Odd seeds; the even ones served to choose the thresholds."""
    tell, images, labels = judge
    prepared = [read(picture) for picture in photographs(images, range(1, 97, 2))]
    right = np.mean([digit is not None and tell(digit) == label for digit, label in zip(prepared, labels, strict=True)])
    refused = np.mean([digit is None for digit in prepared])
    assert right >= 0.95, (right, refused)
    assert 1 - right - refused < 0.01, (right, refused)  # none of 48


def test_pages_without_a_digit_are_not_read():
    seeds = range(1001, 1025, 2)
    assert sum(read(picture) is not None for picture in photographs([None] * len(seeds), seeds)) == 0


@pytest.mark.parametrize("shape", [(900, 1600), (1600, 900), (240, 320)])
def test_a_page_is_cut_out_of_a_picture_of_any_shape(shape):
    rows, columns = shape
    levels = np.full(shape, 0.3)
    top, bottom, left, right = rows // 5, rows - rows // 8, columns // 4, columns - columns // 7
    levels[top:bottom, left:right] = 0.8
    page = upright_page(levels)
    scale = min(1, 1120 / max(shape))
    np.testing.assert_allclose(
        page.shape, scale * np.array([bottom - top, right - left]), rtol=0.08
    )  # a rim is cut off
    assert page.min() > 0.75


def test_a_shadow_across_a_page_on_a_light_table_is_no_edge_of_it():
    down, right = np.mgrid[-1:1:400j, -1:1:320j]
    light = 1 - 0.4 / (1 + np.exp(-(right + 0.4 * down) / 0.06))
    levels = np.where((abs(down) < 0.7) & (abs(right) < 0.65), 0.93, 0.78)
    page = upright_page(levels * light)
    np.testing.assert_allclose(page.shape, (0.7 * 400, 0.65 * 320), rtol=0.08)
    whole = 0.93 * light
    assert upright_page(whole) is whole  # a shadow alone is no page


def test_clean_ink_is_the_digit_drawn_by_a_pen_of_that_width():
    bar = np.zeros((28, 28))
    bar[4:24, 12:16] = 1
    drawn = pages.clean_ink(bar, width=0.2)
    assert drawn.shape == (28, 28) and drawn.dtype == np.float32
    assert np.ptp(np.flatnonzero(drawn.max(axis=1) > 0.5)) + 1 == 20  # as long as MNIST's digits
    across = drawn[8:20].sum(axis=1)
    assert across == pytest.approx(0.2 * 20 / 1.2, abs=0.7)  # the pen's width lengthens the stroke, too


def test_a_photograph_is_its_seeds_own():
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 13:16] = 255
    one, same, other = (pages.photograph(digit, seed=seed) for seed in (0, 0, 1))
    assert one.shape == (500, 400, 3) and one.dtype == np.uint8
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_what_is_no_kind_of_page_is_named():
    for kind, names in (("paper", pages.PAPERS), ("pen", pages.PENS), ("light", pages.LIGHTS), ("table", pages.TABLES)):
        with pytest.raises(ValueError, match=f"{kind}='silk'.*{names[1]}"):
            pages.photograph(None, **{kind: "silk"})


def test_the_steps_end_where_one_refuses(digits):
    picture = pages.photograph(digits[0][0], "squared", "felt-tip", seed=3)
    names = ["grey", "page", "light", "marks", "without lines", "digit", "ink", "placed"]
    pictures, reason = steps(picture)
    assert list(pictures) == names and reason is None
    np.testing.assert_array_equal(pictures["placed"], prepare_digit(picture))
    assert pictures["without lines"].mean() < 0.7 * pictures["marks"].mean()
    pictures, reason = steps(np.ones((200, 200)))
    assert list(pictures) == names[:3] and reason.startswith("No ink")


def test_a_row_of_digits_is_read_from_left_to_right(digits):
    row = np.full((200, 1000), 255, np.uint8)
    for i, digit in enumerate(digits[0][[0, 2, 3, 6, 7]]):
        row[30:170, 30 + 195 * i : 170 + 195 * i] = 255 - np.kron(digit, np.ones((5, 5), np.uint8))
    prepared = prepare_digits(row)
    assert prepared.shape == (5, 28, 28) and prepared.dtype == np.float32
    for i, digit in enumerate(prepared):
        alone = prepare_digit(np.pad(row[:, 15 + 195 * i : 185 + 195 * i], 20, constant_values=255))
        assert np.corrcoef(digit.ravel(), alone.ravel())[0, 1] > 0.9
    with pytest.raises(ValueError, match="^5 inked parts.*prepare_digits"):
        prepare_digit(row)
    with pytest.raises(ValueError, match="do not stand in one row"):
        prepare_digits(np.vstack([row, row]))

from fractions import Fraction

import numpy as np
import pytest

from mnist_compare.inputs import as_array, as_images, as_labels, check_levels

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)


def test_a_grey_level_becomes_the_nearest_float32_to_its_255th():
    levels = np.resize(np.arange(256, dtype=np.uint8), (1, 28, 28))
    images = as_images(levels)
    assert images.dtype == np.float32 and images.shape == (1, 28, 28, 1)
    for level, value in zip(range(256), images.ravel(), strict=False):
        exact = Fraction(level, 255)
        below, above = np.nextafter(value, np.float32(-1)), np.nextafter(value, np.float32(2))
        assert abs(Fraction(float(value)) - exact) <= min(abs(Fraction(float(x)) - exact) for x in (below, above))
    assert images.min() == 0 and images.max() == 1


@pytest.mark.parametrize("kind", ["f2", "<f4", ">f4", "<f8", ">f8", "g"])
def test_floats_of_every_kind_are_kept(kind):
    images = as_images((IMAGES / 255).astype(kind))
    assert images.dtype == np.float32 and images.dtype.isnative
    np.testing.assert_allclose(images[..., 0], IMAGES / 255, atol=5e-4 if kind == "f2" else 1e-7)


@pytest.mark.parametrize(
    "arrange",
    [
        np.asfortranarray,
        lambda x: np.ascontiguousarray(x.transpose(2, 1, 0)).transpose(2, 1, 0),
        lambda x: x.repeat(2, axis=2)[:, :, ::2],
        lambda x: np.ascontiguousarray(x[::-1, :, ::-1])[::-1, :, ::-1],
        lambda x: x[..., None],
    ],
    ids="fortran transposed strided reversed channel".split(),
)
def test_the_layout_in_memory_does_not_matter(arrange):
    for source in (IMAGES, IMAGES / 255, (IMAGES / 255).astype(np.float32)):
        images = as_images(arrange(source))
        np.testing.assert_allclose(images[..., 0], IMAGES / 255, atol=1e-7)
        assert images.shape == (3, 28, 28, 1) and images.dtype == np.float32


def test_lists_of_floats_are_images_too():
    np.testing.assert_allclose(as_images((IMAGES / 255).tolist())[..., 0], IMAGES / 255, atol=1e-7)


def test_images_and_labels_that_may_only_be_read_are_taken_and_left_alone():
    for source in (IMAGES.copy(), IMAGES / 255, (IMAGES / 255).astype(np.float32)):
        kept = source.copy()
        source.flags.writeable = False
        np.testing.assert_allclose(as_images(source)[..., 0], IMAGES / 255, atol=1e-7)
        np.testing.assert_array_equal(source, kept)
    labels = np.array([3, 1, 4])
    labels.flags.writeable = False
    np.testing.assert_array_equal(as_labels(labels, 3), [3, 1, 4])


def test_both_bounds_belong_to_the_range_and_nothing_beyond_does():
    for kind in (np.float16, np.float32, np.float64):
        levels = np.array([[0, 0.5, 1]], kind)
        check_levels(levels)
        for beyond in (np.nextafter(kind(0), kind(-1)), np.nextafter(kind(1), kind(2)), np.inf, -np.inf, np.nan):
            spoilt = levels.copy()
            spoilt[0, 1] = beyond
            with pytest.raises(ValueError, match="expected 0 to 1 and no NaN"):
                check_levels(spoilt)
    check_levels(np.array([0, 255], np.uint8))


@pytest.mark.parametrize("kind", ["int8", "uint16", "int64", "bool", "complex64", "object", "U1", "M8[s]"])
def test_images_of_other_types_are_refused(kind):
    with pytest.raises(ValueError, match="The images have the type .*expected uint8"):
        as_images(np.zeros((2, 28, 28), kind))


@pytest.mark.parametrize("shape", [(), (28,), (28, 28), (784,), (2, 784), (1, 28, 27), (1, 28, 28, 3), (1, 1, 28, 28)])
def test_images_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"have the shape .*expected \(N, 28, 28\)"):
        as_images(np.zeros(shape))


def test_no_images_at_all_are_refused_and_no_labels_are_labels():
    for shape in ((0, 28, 28), (0, 28, 28, 1)):
        with pytest.raises(ValueError, match="There are no images"):
            as_images(np.zeros(shape, np.uint8))
    assert as_labels(np.zeros(0, int), 0).shape == (0,)


@pytest.mark.parametrize("kind", ["i1", "u1", "<i4", ">i4", "u8"])
def test_labels_of_every_whole_number_type_become_int64(kind):
    for labels in (np.array([0, 9, 5], kind), np.array([0, 1, 9, 1, 5, 1], kind)[::2], [0, 9, 5]):
        digits = as_labels(labels, 3)
        assert digits.dtype == np.int64 and digits.dtype.isnative and digits.tolist() == [0, 9, 5]


@pytest.mark.parametrize(
    "labels, said",
    [
        ([0, 10], "from 0 to 10, expected digits"),
        ([-1, 0], "from -1 to 0"),
        (np.array([0, 2**64 - 1], np.uint64), "from 0 to 18446744073709551615"),
        ([0.0, 1.0], "float64.*whole numbers"),
        ([0, np.nan], "float64"),
        ([True, False], "bool"),
        (["0", "1"], "<U1"),
        (np.eye(2, 10, dtype=int), "one-hot.*argmax"),
        (5, r"the shape \(\)"),
        ([0], "1 labels for 2 images"),
        ([], "float64"),  # what NumPy takes an empty list for
        ([[0], [1, 2]], "labels do not make one array.*same length"),
    ],
)
def test_labels_of_any_other_kind_are_refused(labels, said):
    with pytest.raises(ValueError, match=said):
        as_labels(labels, 2)


def test_rows_of_different_lengths_are_named_for_what_they_are():
    with pytest.raises(ValueError, match="The images do not make one array"):
        as_images([[[0.0] * 28] * 28, [[0.0] * 28] * 27])
    np.testing.assert_array_equal(as_array([[1, 2], [3, 4]], "rows"), np.arange(1, 5).reshape(2, 2))

"""What may happen to a picture before a network sees it: moved, shuffled, turned, blurred, … (notebook 03).

Every function takes images (N, rows, columns), uint8 from 0 to 255 or floats from 0 to 1, and leaves them as they are.
All but `room` return new ones of the same shape and type. Pixels from outside the frame are 0. All raise ValueError for
other input.
"""

from numbers import Integral, Real

import numpy as np
from scipy import ndimage

from mnist_compare.inputs import check_levels


def translate(images, down, right):
    """Move each image by whole pixels, `down` and `right` (negative: up and left); what leaves the frame is lost.

    down, right: whole numbers, one for all images or an array (N,) with one for each.
    """
    images = _checked(images)
    rows = np.arange(images.shape[1]) - _per_image(down, images, "down")[:, None]
    columns = np.arange(images.shape[2]) - _per_image(right, images, "right")[:, None]
    inside = _is_inside(rows, images.shape[1])[:, :, None] & _is_inside(columns, images.shape[2])[:, None, :]
    moved = images[
        np.arange(len(images))[:, None, None],
        rows.clip(0, images.shape[1] - 1)[:, :, None],
        columns.clip(0, images.shape[2] - 1)[:, None, :],
    ]
    return np.where(inside, moved, np.zeros((), images.dtype))


def room(images, unseen=0):
    """Return how far the ink of each image can move before it leaves the frame.

    {"up", "down", "left", "right"}: int (N,) each, in pixels, from 0. Ink is every pixel above 0; without any, the room
    is the whole frame.
    unseen: how many of the last rows and columns are not counted as part of the frame; ink may not move into them.
    """
    unseen = _whole("unseen", unseen)
    images = _checked(images)
    in_row, in_column = (images > 0).any(axis=2), (images > 0).any(axis=1)
    directions = {"up": in_row, "down": in_row[:, ::-1], "left": in_column, "right": in_column[:, ::-1]}
    free = {name: np.where(ink.any(axis=1), ink.argmax(axis=1), ink.shape[1]) for name, ink in directions.items()}
    return free | {name: np.maximum(free[name] - unseen, 0) for name in ("down", "right")}


def random_moves(images, most, unseen=0, generator=None):
    """Move each image by random whole pixels, up to `most` each way, as far as its ink stays within the frame.

    Every move that an image has room for is as likely as any other. unseen: as for `room`. generator: NumPy's, from
    which the moves are drawn; None for other moves each time.
    """
    most, generator = _whole("most", most), generator or np.random.default_rng()
    free = {side: np.minimum(pixels, most) for side, pixels in room(images, unseen).items()}
    down = generator.integers(-free["up"], free["down"] + 1)
    return translate(images, down, generator.integers(-free["left"], free["right"] + 1))


def random_distortions(images, degrees=15, scaling=0.15, most=2, elastic=0, sigma=4, generator=None):
    """Turn, scale, bend and move each image at random, by bilinear interpolation; all amounts are drawn uniformly.

    degrees: the largest turn about the middle, either way. scaling: the largest change of the height and of the
    width, as a share. Both are about those of Cireşan et al. 2010, https://arxiv.org/abs/1003.0358.
    elastic: how strongly strokes are bent; 0 for not at all. Every pixel is taken from another place. Its shifts
    down and right are drawn between -1 and 1, smoothed by a Gaussian of `sigma` pixels and multiplied by
    `elastic`: 34 with sigma 4 in Simard, Steinkraus and Platt, Best practices for convolutional neural networks, 2003,
    https://doi.org/10.1109/ICDAR.2003.1227801.
    most: as for `random_moves`, which comes last, so that no move loses ink.
    generator: NumPy's; None for other distortions each time.
    """
    for name, value in (("degrees", degrees), ("scaling", scaling), ("elastic", elastic), ("sigma", sigma)):
        _check_number(name, value, lowest=0)
    if scaling >= 1 or sigma == 0:
        raise ValueError(f"scaling={scaling!r} and sigma={sigma!r}, expected a share below 1 and pixels above 0.")
    generator = generator or np.random.default_rng()
    images = _checked(images)
    count, rows, columns = images.shape
    middle = np.array([rows - 1, columns - 1], np.float32) / 2
    down, right = np.indices((rows, columns), np.float32) - middle[:, None, None]  # as seen from the middle
    angle = np.deg2rad(generator.uniform(-degrees, degrees, (count, 1, 1))).astype(np.float32)
    size = generator.uniform(1 - scaling, 1 + scaling, (2, count, 1, 1)).astype(np.float32)
    place = np.empty((3, count, rows, columns), np.float32)  # of each pixel: from which image, row and column
    place[0] = np.arange(count)[:, None, None]
    place[1] = (np.cos(angle) * down + np.sin(angle) * right) / size[0] + middle[0]
    place[2] = (np.cos(angle) * right - np.sin(angle) * down) / size[1] + middle[1]
    if elastic:
        place[1:] += elastic * _smooth_shifts(count, rows, columns, sigma, generator)
    distorted = _as_before(images, lambda x: ndimage.map_coordinates(x, place, order=1, mode="constant"))
    return random_moves(distorted, most, generator=generator)


def _smooth_shifts(count, rows, columns, sigma, generator):
    """Return shifts down and right, (2, count, rows, columns): random ones from -1 to 1, smoothed by a Gaussian."""
    shifts = generator.random((2, count, rows, columns), np.float32) * 2 - 1
    # Smoothing is linear, and the same for every image: two products with matrices are faster than a filter.
    along_rows, along_columns = (
        ndimage.gaussian_filter1d(np.eye(length, dtype=np.float32), sigma, axis=0, mode="constant")
        for length in (rows, columns)
    )
    return along_rows @ shifts @ along_columns.T


def shuffle_pixels(images, permutation):
    """Rearrange the pixels of every image by the same permutation.

    permutation: (rows * columns,), every index once; the new pixel i is the old pixel permutation[i], counted row by
    row. `np.argsort(permutation)` undoes it.
    """
    images = _checked(images)
    pixels = images.shape[1] * images.shape[2]
    permutation = np.asarray(permutation)
    if permutation.shape != (pixels,) or not np.array_equal(np.sort(permutation), np.arange(pixels)):
        raise ValueError(
            f"The permutation of shape {permutation.shape} is not one of {pixels} pixels: expected every index from 0 "
            f"to {pixels - 1} once, as from np.random.default_rng(0).permutation({pixels})."
        )
    return images.reshape(-1, pixels)[:, permutation].reshape(images.shape)


def rotate(images, degrees):
    """Turn each image about its centre, counter-clockwise as displayed, by bilinear interpolation."""
    _check_number("degrees", degrees)
    return _as_before(images, lambda x: ndimage.rotate(x, degrees, axes=(1, 2), reshape=False, order=1))


def add_noise(images, standard_deviation, seed=0):
    """Add Gaussian noise to every pixel; its standard deviation is a share of the whole range from black to white."""
    _check_number("standard_deviation", standard_deviation, lowest=0)
    generator = np.random.default_rng(seed)
    return _as_before(images, lambda x: x + generator.normal(0, standard_deviation, x.shape))


def blur(images, sigma):
    """Blur with a Gaussian whose standard deviation is `sigma` pixels."""
    _check_number("sigma", sigma, lowest=0)
    return _as_before(images, lambda x: ndimage.gaussian_filter(x, (0, sigma, sigma), mode="constant"))


def thicken(images, pixels):
    """Widen every stroke by about `pixels`, half on each side, or narrow it if the number is negative.

    By grey dilation and erosion: each pixel becomes the maximum or minimum of a square with sides of |pixels| + 1.
    """
    size = (1, abs(_whole("pixels", pixels)) + 1, abs(pixels) + 1)
    change = ndimage.grey_dilation if pixels >= 0 else ndimage.grey_erosion
    return _as_before(images, lambda x: change(x, size=size, mode="constant"))


def invert(images):
    """Exchange dark and light."""
    return _as_before(images, lambda x: 1 - x)


def add_stripe(images, column, width):
    """Draw a vertical stripe of full ink, `width` pixels wide, whose left edge is `column`."""
    striped = _checked(images).copy()
    first, width = _whole("column", column), _whole("width", width)
    if not (0 <= first and 1 <= width and first + width <= striped.shape[2]):
        raise ValueError(
            f"A stripe of width {width} at column {first} does not lie within the {striped.shape[2]} columns."
        )
    striped[:, :, first : first + width] = 255 if striped.dtype == np.uint8 else 1
    return striped


def _checked(images):
    images = np.asarray(images)
    if images.ndim != 3 or 0 in images.shape:
        raise ValueError(
            f"The images have the shape {images.shape}, expected (N, rows, columns), all above 0; "
            "write image[None] to pass a single one."
        )
    check_levels(images)
    return images


def _as_before(images, change):
    """Apply `change` to the images as floats from 0 to 1, and return the outcome in their own type and range."""
    images = _checked(images)
    top = 255 if images.dtype == np.uint8 else 1
    changed = np.clip(change(images / top), 0, 1) * top
    return (np.rint(changed) if top == 255 else changed).astype(images.dtype)


def _per_image(shift, images, name):
    shift = np.asarray(shift)
    if shift.dtype.kind not in "iu" or shift.shape not in ((), (len(images),)):
        raise ValueError(
            f"{name} has the shape {shift.shape} and the type {shift.dtype}, expected one whole number of pixels, or "
            f"one for each of the {len(images)} images."
        )
    return np.broadcast_to(shift.astype(np.int64), len(images))


def _is_inside(index, length):
    return (0 <= index) & (index < length)


def _whole(name, value):
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{name}={value!r}, expected a whole number of pixels.")
    return int(value)


def _check_number(name, value, lowest=-np.inf):
    if not isinstance(value, Real) or not (np.isfinite(value) and value >= lowest):
        raise ValueError(f"{name}={value!r}, expected a number{' from 0' if lowest == 0 else ''}.")

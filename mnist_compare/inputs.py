"""What images and labels may look like: checks for all modules, which need only NumPy."""

import numpy as np


def as_array(values, name):
    """Return `values` as an array; raise ValueError, which calls them `name`, if they do not make one."""
    try:
        return np.asarray(values)
    except ValueError:  # rows of different lengths
        raise ValueError(f"The {name} do not make one array: give all of their rows the same length.") from None


def as_images(x):
    """Return `x` as the networks take it: float32 (N, 28, 28, 1) in [0, 1].

    `x`: (N, 28, 28) or (N, 28, 28, 1), uint8 from 0 to 255, which is divided by 255, or floats from 0 to 1,
    which are kept. Raises ValueError for anything else.
    """
    x = checked_images(x)
    if x.dtype == np.uint8:
        x = np.divide(x, 255, dtype=np.float32)
    return x


def checked_images(x):
    """Return the images `x`, as as_images takes them, as (N, 28, 28, 1) and uint8 or float32, in their own range."""
    x = as_array(x, "images")
    if x.shape[1:] not in ((28, 28), (28, 28, 1)):
        raise ValueError(
            f"The images have the shape {x.shape}, expected (N, 28, 28) or (N, 28, 28, 1); "
            "write x[None] to pass a single image."
        )
    if len(x) == 0:
        raise ValueError("There are no images: the array has the length 0, expected at least 1.")
    check_levels(x)
    return x.astype(np.uint8 if x.dtype == np.uint8 else np.float32, copy=False).reshape(-1, 28, 28, 1)


def check_levels(x):
    """Raise ValueError unless the array `x`, not empty, holds uint8 or floats from 0 to 1."""
    if x.dtype == np.uint8:
        return
    if x.dtype.kind != "f":
        raise ValueError(
            f"The images have the type {x.dtype}, expected uint8 (0 to 255) or a float type (0 to 1); "
            "convert them with x.astype('uint8')."
        )
    if not (x.min() >= 0 and x.max() <= 1):  # worded so that NaN fails too
        raise ValueError(
            f"The images are floats from {x.min():g} to {x.max():g}, expected 0 to 1 and no NaN; "
            "divide grey levels by 255, or pass the uint8 array itself."
        )


def as_labels(y, count):
    """Return the labels `y` as int64 (count,); raise ValueError unless they are `count` digits from 0 to 9."""
    y = as_array(y, "labels")
    if y.ndim != 1 or y.dtype.kind not in "ui":
        raise ValueError(
            f"The labels have the shape {y.shape} and the type {y.dtype}, expected whole numbers of shape (N,); "
            "turn one-hot rows into digits with y.argmax(axis=1)."
        )
    if len(y) != count:
        raise ValueError(f"There are {len(y)} labels for {count} images, expected one for each.")
    if count and not (y.min() >= 0 and y.max() <= 9):
        raise ValueError(f"The labels run from {y.min()} to {y.max()}, expected digits from 0 to 9.")
    return y.astype(np.int64)

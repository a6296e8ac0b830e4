"""Any form of a picture, a file or an array → its grey levels."""

import os
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

SMALL = 100  # pixels along a side: smaller pictures show too little to tell edges from shadows, or lines from strokes
LARGEST = 50_000_000  # pixels of a picture that is opened: more than most cameras make


def as_grey(image):
    """Return a picture, of any form that prepare_digit takes, as float64 (rows, columns), 0 black and 1 white.

    Pictures of 2,000 pixels and more along a side are reduced, to at least 1,000.
    """
    if isinstance(image, (str, os.PathLike)):
        image = _read_file(os.fsdecode(image))
    elif isinstance(image, (bytes, bytearray, memoryview)):
        image = _opened(BytesIO(bytes(image)), "The uploaded file")
    elif hasattr(image, "read"):
        image = _opened(image, "The open file")
    elif isinstance(image, Image.Image):
        image = _loaded(image, "The image")
    try:
        levels = np.asarray(image)
    except Exception as error:  # whatever an object's own conversion raises
        raise ValueError(f"The image cannot be made an array of numbers ({error}).") from None
    if levels.ndim == 2:
        levels = levels[:, :, None]
    if levels.ndim != 3 or levels.shape[2] > 4 or levels.dtype.kind not in "buif":
        raise ValueError(
            f"The image is an array of shape {np.shape(image)} and type {levels.dtype}, expected numbers of shape "
            "(rows, columns) or (rows, columns, channels) with 1 to 4 channels: pass one picture at a time."
        )
    if levels.size == 0:
        raise ValueError(f"The image is empty, its shape is {np.shape(image)}: pass a picture with at least one pixel.")
    if levels.shape[0] * levels.shape[1] > LARGEST:
        raise _too_large("The image")
    sixteen_bits = levels.dtype.kind == "u" and levels.dtype.itemsize == 2
    white = 1 if levels.dtype.kind in "bf" else 65_535 if sixteen_bits else 255
    if not (levels.min() >= -1e-6 and levels.max() <= white + 1e-6):  # for rounding; worded so that NaN fails too
        raise ValueError(
            f"The image is of type {levels.dtype} and runs from {levels.min():g} to {levels.max():g}, expected 0 to "
            f"{white} and no NaN: rescale it, or convert its type."
        )
    if levels.dtype.kind in "ui" and levels.max() == 1:
        raise ValueError(
            f"The image is of type {levels.dtype} and holds only 0 and 1, but white is {white}: convert it to bool."
        )
    levels = (_reduced(levels) / white).clip(0, 1)
    colour = levels[:, :, :3] @ (0.299, 0.587, 0.114) if levels.shape[2] > 2 else levels[:, :, 0]  # ITU-R BT.601
    alpha = levels[:, :, -1] if levels.shape[2] in (2, 4) else np.ones_like(colour)
    light_ink = alpha.mean() < 0.5 and (colour * alpha).sum() > 0.5 * alpha.sum()
    return colour * alpha + (1 - alpha) * (0 if light_ink else 1)


def _read_file(path):
    if not os.path.exists(path):  # unlike pathlib's, quiet about names that are too long
        raise FileNotFoundError(f"There is no file {path!r}: check its name, or give its whole path.")
    named = f"The file {Path(path).name!r}"
    if not Path(path).is_file():  # a folder; or a pipe, which might never end
        raise ValueError(f"{named} is no file that can be read as an image: name a PNG or JPEG file.")
    try:
        with open(path, "rb") as file:
            return _opened(file, named)
    except OSError as error:
        raise ValueError(f"{named} cannot be read ({error.strerror}): check its permissions.") from None


def _opened(file, named):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes are checked below, and damage that matters raises
            picture = Image.open(file)
    except Image.DecompressionBombError:
        raise _too_large(named) from None
    except UnidentifiedImageError:
        raise ValueError(f"{named} is not an image that Pillow can read: save it as PNG or JPEG.") from None
    except Exception as error:  # of every kind: Pillow's readers pass on what damaged files make them stumble over
        raise _damaged(named, error) from None
    return _loaded(picture, named)


def _loaded(picture, named):
    """Return a PIL image as an array of the kinds that as_grey knows."""
    if picture.width * picture.height > LARGEST:
        raise _too_large(named)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = ImageOps.exif_transpose(picture)
            if picture.mode == "F" or picture.mode.startswith("I;16"):
                return np.asarray(picture)
            if picture.mode == "I":  # 32 bits; some files with 16 are opened like this
                levels = np.asarray(picture)
                return levels.astype(np.uint16) if levels.min() >= 0 and levels.max() <= 65_535 else levels
            transparent = picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info
            return np.asarray(picture.convert("RGBA" if transparent else "RGB"))
    except Exception as error:  # of every kind, as above
        raise _damaged(named, error) from None


def _reduced(levels):
    """Return means over squares, float64, of levels (rows, columns, channels): 1,000 pixels or more remain.

    Every large picture is reduced here, before it is turned into floats, which take eight times the memory.
    """
    step = max(1, max(levels.shape[:2]) // 1000)
    rows, columns = (max(1, side // step) for side in levels.shape[:2])
    down, right = (min(step, side) for side in levels.shape[:2])
    blocks = levels[: rows * down, : columns * right].reshape(rows, down, columns, right, levels.shape[2])
    return sum(blocks[:, i].sum(axis=2, dtype=np.float64) for i in range(down)) / (down * right)


def _damaged(named, error):
    return ValueError(f"{named} is damaged ({error}): save it anew as PNG or JPEG.")


def _too_large(named):
    return ValueError(f"{named} has more than {LARGEST / 1e6:.0f} million pixels: reduce it, or crop it to the digit.")


def resized(levels, longest):
    """Return an array (rows, columns) reduced so that its longer side has at most `longest` pixels, antialiased."""
    scale = longest / max(levels.shape)
    if scale >= 1:
        return levels
    return resized_to(levels, [max(1, round(side * scale)) for side in levels.shape])


def resized_to(levels, shape):
    """Return an array (rows, columns) resized to `shape`, with antialiasing."""
    picture = Image.fromarray(levels.astype(np.float32)).resize(shape[::-1], Image.Resampling.BOX)
    return np.asarray(picture, np.float64)

"""Any picture of a handwritten digit → what MNIST would have made of it (notebook 04)."""

import os
import warnings
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.measure import regionprops

LARGEST = 50_000_000  # pixels of a picture that is opened: more than most cameras make
WORKING_SIZE = 280  # pixels along the longer side to which larger pictures are reduced: ten times MNIST's
SMALLEST = 12  # pixels along the longer side of a digit, after that

NO_INK = (
    "No ink was found: the picture is blank, too faint, blurred or noisy, or shows more than the paper. "
    "Write the digit larger or darker, and crop the picture to the paper."
)


def prepare_digit(image):
    """Return a picture of one digit as float32 (28, 28) in [0, 1], light ink on black, made as MNIST's were.

    image: a path, the bytes of an image file or the open file, a PIL image, or an array: (rows, columns) of grey levels
    or (rows, columns, channels) with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels. What is white depends on
    the type: 1 for floats and booleans, 65,535 for uint16 and files with 16 bits, 255 for other whole numbers.

    One digit on plain paper is expected, with a margin around it.
    The steps: turn by the EXIF tag; lay onto white paper where transparent, or onto black if the ink is light; make
    grey; judge by the border whether the background is light, and invert if so; take out uneven lighting; find the
    ink, drop specks; crop; scale the longer side to 20 pixels with antialiasing; place in 28 × 28 pixels with the
    centre of mass at the centre, yet all within the frame. After LeCun, Cortes and Burges's description of MNIST and
    its reconstruction by Yadav and Bottou (2019, https://arxiv.org/abs/1905.10498). The centre is the middle of the
    pixel in row and column 14, as in MNIST's arrays.
    Raises FileNotFoundError for a missing file, and ValueError for what is no image, holds no ink, or several digits.
    """
    return place_ink(find_ink(as_grey(image)))


def as_grey(image):
    """Return a picture, of any form that prepare_digit takes, as float64 (rows, columns), 0 black and 1 white.

    Pictures of 2,000 pixels and more along a side are reduced, to 1,000 at least.
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
    step = _reduction(levels.shape[:2])  # before the conversion to floats, which takes eight times the memory
    rows, columns = (max(1, side // step) for side in levels.shape[:2])
    blocks = levels[: rows * step, : columns * step].reshape(
        rows, -1, columns, min(step, levels.shape[1]), levels.shape[2]
    )
    levels = (blocks.mean(axis=(1, 3), dtype=np.float64) / white).clip(0, 1)
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
            if picture.mode == "I":  # 32 bits, as which some files with 16 are opened
                levels = np.asarray(picture)
                return levels.astype(np.uint16) if levels.min() >= 0 and levels.max() <= 65_535 else levels
            transparent = picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info
            picture = picture.convert("RGBA" if transparent else "RGB")
            return np.asarray(picture.reduce(_reduction(picture.size)))  # here already, to save memory
    except Exception as error:  # of every kind, as above
        raise _damaged(named, error) from None


def _reduction(shape):
    """Return by which whole number a picture is reduced on opening, so that 1,000 pixels and more remain."""
    return max(1, max(shape) // 1000)


def _damaged(named, error):
    return ValueError(f"{named} is damaged ({error}): save it anew as PNG or JPEG.")


def _too_large(named):
    return ValueError(f"{named} has more than {LARGEST / 1e6:.0f} million pixels: reduce it, or crop it to the digit.")


def _resized(levels, shape):
    """Resize an array to (rows, columns) with antialiasing."""
    picture = Image.fromarray(levels.astype(np.float32)).resize(shape[::-1], Image.Resampling.BOX)
    return np.asarray(picture, np.float64)


def _has_light_background(grey):
    """Judge by the border: the ink departs most, up or down, from a surface of second order through its pixels."""
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, side) for side in grey.shape), indexing="ij")
    terms = np.stack([np.ones_like(rows), rows, columns, rows * columns, rows**2, columns**2], axis=-1)
    border = np.ones(grey.shape, bool)
    border[1:-1, 1:-1] = False
    levels, terms_there = grey[border], terms[border]
    fitted = np.ones(len(levels), bool)
    for _ in range(4):  # again and again without the two fifths that fit worst: ink may touch the border
        surface = np.linalg.lstsq(terms_there[fitted], levels[fitted], rcond=None)[0]
        misfit = np.abs(levels - terms_there @ surface)
        fitted = misfit <= np.quantile(misfit, 0.6)
    departure = ndimage.gaussian_filter(grey - terms @ surface, max(grey.shape) / 200)  # against single noisy pixels
    return -departure.min() >= departure.max()


def find_ink(grey):
    """Return the box around the digit, float64 (rows, columns): how much ink is where, 0 to 1, and 0 off the digit.

    grey: float (rows, columns), 0 black and 1 white; more than WORKING_SIZE pixels along a side are reduced first.
    """
    scale = WORKING_SIZE / max(grey.shape)
    if scale < 1:
        grey = _resized(grey, [max(1, round(side * scale)) for side in grey.shape])
    dark_ink = _has_light_background(grey)
    light = ndimage.gaussian_filter(grey if dark_ink else 1 - grey, max(grey.shape) / 800)
    # Closing fills all that is dark and narrower than its window, the ink, and leaves the lighting with its shadows;
    # beyond the border, where the window reaches, the lighting is taken to go on as it is there.
    window = max(grey.shape) // 3 + 1
    inside = tuple(slice(window, window + side) for side in grey.shape)
    paper = ndimage.grey_closing(np.pad(light, window, mode="edge"), (window, window))[inside]
    if not dark_ink and _has_a_step(paper):  # the border is a dark table, and what is light on it no ink but a sheet
        raise ValueError(NO_INK)
    ink = 1 - np.divide(light, paper, out=np.ones_like(light), where=paper > 0)
    if np.ptp(ink) == 0:
        raise ValueError(NO_INK)
    mask = ink > threshold_otsu(ink)
    background = np.median(ink[~mask])
    noise = 1.5 * np.median(np.abs(ink[~mask] - background))  # the standard deviation, if the noise is Gaussian
    full = np.median(ink[mask])
    if full - background < max(0.1, 3 * noise) or np.median((paper - light)[mask]) < (0.03 if dark_ink else 0.1):
        raise ValueError(NO_INK)
    mask = _digit(mask)
    # The edges of ink are sharp nearly all round, those of soft shadows reach over a twelfth of the picture and more.
    # (In a small picture everything does, and there is no telling. Thin strokes are no shadows, and all edge.)
    contour = mask & ~ndimage.binary_erosion(mask)
    slope = np.quantile(ndimage.gaussian_gradient_magnitude(light, max(grey.shape) / 140)[contour], 0.2)
    wide = np.median(ndimage.uniform_filter(mask.astype(float), max(grey.shape) // 30 + 1)[mask]) > 0.5
    if max(grey.shape) >= 100 and wide and slope * max(grey.shape) < 12 * np.median((paper - light)[mask]):
        raise ValueError(NO_INK)
    near = ndimage.binary_dilation(mask, iterations=max(1, max(grey.shape) // 100))
    ink = np.where(near, np.clip((ink - background - noise) / (full - background - noise), 0, 1), 0)
    ink = ink[ndimage.find_objects((ink > 0.1).astype(int))[0]]
    if max(ink.shape) < SMALLEST:
        raise ValueError("The ink found is too small for a digit: crop the picture to the digit, or write it larger.")
    return ink


def _has_a_step(paper):
    """Tell whether a quarter of the picture and more lies in another light, with a sharp edge to the rest."""
    if max(paper.shape) < 100 or np.mean(paper < (paper.min() + paper.max()) / 2) <= 0.25:
        return False
    reach = max(paper.shape) // 20 + 1
    return (ndimage.maximum_filter(paper, reach) - ndimage.minimum_filter(paper, reach)).max() > 0.3


def _digit(mask):
    """Return the mask of ink without its specks; raise ValueError if what remains is not one digit."""
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    largest = max(_sides(ndimage.find_objects(parts)[np.bincount(parts.flat)[1:].argmax()]))
    # Strokes that nearly touch belong together.
    parts, count = ndimage.label(ndimage.distance_transform_edt(~mask) <= 0.025 * largest, np.ones((3, 3)))
    boxes = ndimage.find_objects(np.where(mask, parts, 0))
    kept = [number for number in range(count) if max(_sides(boxes[number])) >= 0.25 * largest]  # the rest are specks
    if any(_are_apart(boxes[one], boxes[other]) for one, other in combinations(kept, 2)):
        raise ValueError(
            f"{len(kept)} inked parts were found that stand apart like several digits, expected one digit: crop the "
            "picture to a single one, or close the gaps in its strokes."
        )
    digit = mask & np.isin(parts, np.add(kept, 1))  # label 0 is where there is no part
    shape = regionprops(digit.astype(int))[0]
    if shape.axis_minor_length > 0.5 * shape.axis_major_length and shape.solidity > 0.88:
        raise ValueError("A solid patch was found, expected the strokes of a digit: crop the picture to the paper.")
    return digit


def _sides(box):
    """Return (height, width) of a pair of slices."""
    return tuple(side.stop - side.start for side in box)


def _are_apart(first, second):
    """Tell two digits from two pieces of one, as of a 5 whose bar does not touch it: by their boxes."""
    (height_1, width_1), (height_2, width_2) = _sides(first), _sides(second)
    alike = min(height_1, height_2) / max(height_1, height_2)
    overlap = [min(a.stop, b.stop) - max(a.start, b.start) for a, b in zip(first, second, strict=True)]
    side_by_side = alike > 0.3 and overlap[1] < 0.25 * min(width_1, width_2)
    one_above_the_other = alike > 0.4 and overlap[0] < 0.25 * min(height_1, height_2)
    return side_by_side or one_above_the_other


def place_ink(ink):
    """Scale the longer side of `ink`, float (rows, columns), to 20 pixels; centre its mass in 28 × 28: float32."""
    scale = 20 / max(ink.shape)
    digit = _resized(ink, [max(1, round(side * scale)) for side in ink.shape])
    digit /= digit.max()
    centre = ndimage.center_of_mass(digit)
    top, left = (
        int(np.clip(round(14 - middle), 0, 28 - side)) for middle, side in zip(centre, digit.shape, strict=True)
    )
    frame = np.zeros((28, 28), np.float32)
    frame[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return frame

"""Any picture of a handwritten digit → what MNIST would have made of it (notebook 04)."""

import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize

from mnist_compare.boxes import within_box
from mnist_compare.digits import borders_reached, box_around, one_digit, row_of_digits
from mnist_compare.lines import without_lines
from mnist_compare.paper import NO_INK, lighting, upright_page
from mnist_compare.pictures import as_grey, resized, resized_to
from mnist_compare.strokes import FAINT, check_edges, find_strokes, ink_levels, without_residue

WORKING_SIZE = 280  # pixels along the longer side to which larger pictures are reduced: ten times MNIST's
THIN = 0.06  # of a digit's longer side: thinner strokes, of which MNIST has hardly any, are drawn thicker
USUAL = 0.1  # of a digit's longer side: how thick they become


def prepare_digit(image):
    """Return a picture of one digit as float32 (28, 28) in [0, 1], light ink on black, made as MNIST's were.

    image: a path, the bytes of an image file or the open file, a PIL image, or an array: (rows, columns) of grey levels
    or (rows, columns, channels) with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels. What is white depends on
    the type: 1 for floats and booleans, 65,535 for uint16 and files with 16 bits, 255 for other whole numbers.

    One digit on paper is expected, plain, ruled, squared or dotted, with a margin around it, in a printed box or not,
    and a table beside the paper or not. The steps, which `steps` returns as pictures: turn by the EXIF tag; lay onto
    white paper where transparent, or onto black if the ink is light; make grey; cut out the page and turn it upright;
    judge whether the background is light, and invert if not; take out uneven lighting; take out printed lines, and
    what is around a box; find the ink, drop specks; crop; draw thin strokes thicker; scale the longer side to 20 pixels
    with antialiasing; place in 28 × 28 pixels with the centre of mass at the centre, yet all within the frame. The last
    two follow LeCun, Cortes and Burges's description of MNIST and its reconstruction by Yadav and Bottou (2019,
    https://arxiv.org/abs/1905.10498). The centre is the middle of the pixel in row and column 14, as in MNIST's arrays.
    Raises FileNotFoundError for a missing file, and ValueError for what is no image, holds no ink or several digits, or
    lines that cannot be told from ink.
    """
    return _pictures(as_grey(image), one_digit)["placed"][0]


def prepare_digits(image):
    """Return the digits of a row, such as a date or a telephone number, from left to right, each as by prepare_digit.

    float32 (N, 28, 28). Parts that stand side by side are digits; those that touch are taken for one. Raises what
    prepare_digit raises, and ValueError where digits stand one above the other.
    """
    return np.stack(_pictures(as_grey(image), row_of_digits)["placed"])


def steps(image):
    """Return how prepare_digit comes to its answer, ({name: picture}, reason).

    Pictures are float arrays (rows, columns), in this order: "grey"; "page", upright, from 0 black to 1 white; "light",
    the page without its ink; "marks", how much ink or print is where, 0 to 1; "without lines"; "digit", the mask of its
    ink; "ink", cropped, 0 to 1; "placed", (28, 28). Where prepare_digit refuses, only those before the step that
    refuses, and its message as the reason; else None. Raises what prepare_digit raises for what is no image.
    """
    pictures, error = _walk(as_grey(image), one_digit)
    pictures = {name: picture[0] if isinstance(picture, list) else picture for name, picture in pictures.items()}
    return pictures, str(error) if error else None


def find_ink(grey):
    """Return the box around the digit, float64 (rows, columns): how much ink is where, 0 to 1, and 0 off the digit.

    grey: float (rows, columns), 0 black and 1 white; larger pictures are first reduced to WORKING_SIZE.
    """
    return _pictures(grey, one_digit)["ink"][0]


def _pictures(grey, choose):
    """Return {name: picture} of all steps; raise ValueError if one refuses."""
    pictures, error = _walk(grey, choose)
    if error:
        raise error
    return pictures


def _walk(grey, choose):
    """Return {name: picture} of all steps, with lists where each digit has one, and the ValueError of a refusal.

    choose: one_digit or row_of_digits, the step that finds the digits in the mask of all strokes.
    """
    page = upright_page(grey)
    pictures, error = _collected(_read(page, choose))
    # What seemed to be the page's edge may be that of a sharp shadow, which may run through the digit.
    if page is not grey and any(borders_reached(box_around(mask), mask.shape) for mask in pictures.get("digit", [])):
        pictures, error = _collected(_read(grey, choose))
    return {"grey": grey} | pictures, error


def _collected(steps):
    """Return as a dict what a generator of (name, picture) yields, and the ValueError that ends it, or None."""
    pictures = {}
    try:
        pictures.update(steps)  # item by item: those before the error are kept
    except ValueError as error:
        return pictures, error
    return pictures, None


def _read(page, choose):
    """Yield (name, picture) of the steps from the page on, as in _walk; raise ValueError where one refuses."""
    page = resized(page, WORKING_SIZE)
    yield "page", page
    dark_ink, light, paper = lighting(page)
    yield "light", paper if dark_ink else 1 - paper
    marks = 1 - np.divide(light, paper, out=np.ones_like(light), where=paper > 0)
    if np.ptp(marks) == 0:
        raise ValueError(NO_INK)
    yield "marks", marks
    ink, lines = without_lines(marks)
    yield "without lines", ink
    least = 0.3 * FAINT if dark_ink else FAINT  # dim paper reflects little, and ink takes away a part of that
    mask = find_strokes(ink, paper, least)
    if (inside := within_box(mask)) is not None:
        ink = np.where(inside, ink, 0)
        mask = find_strokes(ink, paper, least)  # again, as a box may be much darker than the digit
    line_level = np.quantile(marks[lines], 0.75) if lines.any() else 0
    digits = choose(without_residue(mask, ink, line_level))
    for mask in digits:
        check_edges(mask, light, paper)
    yield "digit", digits
    inks = [_cropped(ink, mask) for mask in digits]
    yield "ink", inks
    yield "placed", [place_ink(_widened(ink)) for ink in inks]


def _cropped(ink, mask):
    """Return the box around a digit, float (rows, columns): how much ink is where, 0 to 1, and 0 off the digit."""
    background, noise, full = ink_levels(ink, mask)
    near = ndimage.binary_dilation(mask, iterations=max(1, max(ink.shape) // 100))
    ink = np.where(near, np.clip((ink - background - noise) / (full - background - noise), 0, 1), 0)
    return ink[box_around(ink > 0.1)]


def _widened(ink):
    """Return the ink of a thin pen as a thicker one would have left it, float (rows, columns), larger by its width."""
    strokes = ink > 0.3
    size = max(ink.shape)
    width = strokes.sum() / max(1, skeletonize(strokes).sum())
    if width >= THIN * size:
        return ink
    reach = (USUAL * size - width) / 2
    spare = int(np.ceil(reach))
    down, right = np.mgrid[-spare : spare + 1, -spare : spare + 1]
    return ndimage.grey_dilation(np.pad(ink, spare), footprint=down**2 + right**2 <= reach**2)


def place_ink(ink):
    """Scale the longer side of `ink`, float (rows, columns), to 20 pixels; centre its mass in 28 × 28: float32."""
    scale = 20 / max(ink.shape)
    digit = resized_to(ink, [max(1, round(side * scale)) for side in ink.shape])
    digit /= digit.max()
    centre = ndimage.center_of_mass(digit)
    top, left = (
        int(np.clip(round(14 - middle), 0, 28 - side)) for middle, side in zip(centre, digit.shape, strict=True)
    )
    frame = np.zeros((28, 28), np.float32)
    frame[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return frame

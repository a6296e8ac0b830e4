"""Any picture of a handwritten digit → what MNIST would have made of it (notebook 04)."""

from itertools import combinations, pairwise

import numpy as np
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold, threshold_otsu
from skimage.measure import regionprops
from skimage.morphology import remove_small_objects, skeletonize

from mnist_compare.lines import within_box, without_lines
from mnist_compare.paper import SMALL, filled, resized, resized_to, stroke_window, upright_page
from mnist_compare.pictures import as_grey

WORKING_SIZE = 280  # pixels along the longer side to which larger pictures are reduced: ten times MNIST's
SMALLEST = 12  # pixels along the longer side of a digit, after that
NOISE = 3  # standard deviations of the paper's grain by which ink is darker, at least
FAINT = 0.1  # of the paper's light: the least that ink takes away
PLAIN = 0.05  # of white: nine tenths of a plain border depart from even light by no more; noise, then, and no table
SPECK = 8  # pixels of area: as much may noise alone hang together, where only few pixels are ink
SKIPPING = 0.55  # of the threshold: how faint a thin stroke may become on its way, where the pen skips
THIN_LINE = 5  # pixels: the strokes of ballpoints and pencils, and the lines of paper, are thinner
RESIDUE = 0.45  # of the darkest part's ink: what is fainter is left of lines or shadows
SHARP = 12  # pictures' sides: over a twelfth of it and more, shadows fade; edges of ink are steeper
THIN, USUAL = (
    0.06,
    0.1,
)  # of a digit's longer side: strokes thinner than the one (MNIST has hardly any) become the other

NO_INK = (
    "No ink was found: the picture is blank, too faint, blurred or noisy, or shows more than the paper. "
    "Write the digit larger or darker, and crop the picture to the paper."
)
TOO_SMALL = "The ink found is too small for a digit: crop the picture to the digit, or write it larger."
SOLID = "A solid patch was found, expected the strokes of a digit: crop the picture to the paper."
LINES = (
    "Lines were found that run through the picture and cannot be told from ink: crop the picture to the digit with a "
    "little paper around it, take it straight from above, or write on plain paper."
)


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
    two after LeCun, Cortes and Burges's description of MNIST and its reconstruction by Yadav and Bottou (2019,
    https://arxiv.org/abs/1905.10498). The centre is the middle of the pixel in row and column 14, as in MNIST's arrays.
    Raises FileNotFoundError for a missing file, and ValueError for what is no image, holds no ink or several digits, or
    lines that cannot be told from ink.
    """
    return _pictures(as_grey(image), _one_digit)["placed"][0]


def prepare_digits(image):
    """Return the digits of a row, a date or a telephone number, from left to right, as prepare_digit returns one.

    float32 (N, 28, 28). Parts that stand side by side are digits; those that touch are taken for one. Raises what
    prepare_digit raises, and ValueError where digits stand one above the other.
    """
    return np.stack(_pictures(as_grey(image), _row_of_digits)["placed"])


def steps(image):
    """Return how prepare_digit comes to its answer, ({name: picture}, reason).

    Pictures are float arrays (rows, columns), in this order: "grey"; "page", upright, from 0 black to 1 white; "light",
    the page without its ink; "marks", how much ink or print is where, 0 to 1; "without lines"; "digit", the mask of its
    ink; "ink", cropped, 0 to 1; "placed", (28, 28). Where prepare_digit refuses, those up to the step that refuses, and
    its message as the reason; else None. Raises what prepare_digit raises for what is no image.
    """
    pictures, error = _walk(as_grey(image), _one_digit)
    pictures = {name: picture[0] if isinstance(picture, list) else picture for name, picture in pictures.items()}
    return pictures, str(error) if error else None


def find_ink(grey):
    """Return the box around the digit, float64 (rows, columns): how much ink is where, 0 to 1, and 0 off the digit.

    grey: float (rows, columns), 0 black and 1 white; more than WORKING_SIZE pixels along a side are reduced first.
    """
    return _pictures(grey, _one_digit)["ink"][0]


def _pictures(grey, choose):
    """Return {name: picture} of all steps; raise ValueError if one refuses."""
    pictures, error = _walk(grey, choose)
    if error:
        raise error
    return pictures


def _walk(grey, choose):
    """Return {name: picture} after every step, lists of pictures for digits, and the ValueError of one that refuses.

    choose: _one_digit or _row_of_digits, the step that tells digits in the mask of all strokes.
    """
    page = upright_page(grey)
    pictures, error = _collected(_read(page, choose))
    # What seemed the page's edge may be a sharp shadow's, and run through the digit.
    if page is not grey and any(_borders(_box(mask), mask.shape) for mask in pictures.get("digit", [])):
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
    dark_ink, light, paper = _lighting(page)
    yield "light", paper if dark_ink else 1 - paper
    marks = 1 - np.divide(light, paper, out=np.ones_like(light), where=paper > 0)
    if np.ptp(marks) == 0:
        raise ValueError(NO_INK)
    yield "marks", marks
    ink, lines = without_lines(marks)
    yield "without lines", ink
    least = 0.3 * FAINT if dark_ink else FAINT  # dim paper reflects little, and ink takes away a part of that
    mask = _strokes(ink, paper, least)
    if (inside := within_box(mask)) is not None:
        ink = np.where(inside, ink, 0)
        mask = _strokes(ink, paper, least)  # anew, for a box may be much darker than the digit
    line_level = np.quantile(marks[lines], 0.75) if lines.any() else 0
    digits = choose(_without_residue(mask, ink, line_level))
    for mask in digits:
        _check_edges(mask, light, paper)
    yield "digit", digits
    inks = [_cropped(ink, mask) for mask in digits]
    yield "ink", inks
    yield "placed", [place_ink(_widened(ink)) for ink in inks]


def _lighting(page):
    """Return whether the ink is dark, and the light of the page and of its paper, both of the negative if it is not."""
    smooth = ndimage.gaussian_filter(page, max(page.shape) / 800)
    dark_ink, plain = _border(page)
    windows = {}
    if min(page.shape) >= SMALL and not plain:  # then the paper tells better: it is smooth where its ink is filled
        windows, rough = zip(*(stroke_window(light) for light in (1 - smooth, smooth)), strict=True)
        if max(rough) > 2.5 * min(rough):
            dark_ink = bool(rough[1] < rough[0])
    light = smooth if dark_ink else 1 - smooth
    paper = filled(light, windows[dark_ink] if windows else stroke_window(light)[0])
    if not dark_ink and _has_a_step(paper):  # the border is a dark table, and what is light on it no ink but a sheet
        raise ValueError(NO_INK)
    return dark_ink, light, paper


def _border(grey):
    """Return whether the background is light, judged by the border, and whether the border is plain paper.

    The ink departs most, up or down, from a surface of second order through the border's pixels.
    """
    rows, columns = (np.linspace(-1, 1, side) for side in grey.shape)
    border = np.ones(grey.shape, bool)
    border[1:-1, 1:-1] = False
    levels = grey[border]
    row, column = rows[np.nonzero(border)[0]], columns[np.nonzero(border)[1]]
    terms = np.stack([np.ones_like(row), row, column, row * column, row**2, column**2], axis=-1)
    fitted = np.ones(len(levels), bool)
    for _ in range(4):  # again and again without the two fifths that fit worst: ink may touch the border
        level, down, right, both, bent, bent_right = np.linalg.lstsq(terms[fitted], levels[fitted], rcond=None)[0]
        misfit = np.abs(levels - terms @ (level, down, right, both, bent, bent_right))
        fitted = misfit <= np.quantile(misfit, 0.6)
    rows = rows[:, None]
    surface = level + down * rows + bent * rows**2 + columns * (right + both * rows + bent_right * columns)
    departure = ndimage.gaussian_filter(grey - surface, max(grey.shape) / 200)  # against single noisy pixels
    return bool(-departure.min() >= departure.max()), np.quantile(misfit, 0.9) < PLAIN


def _has_a_step(paper):
    """Tell whether a quarter of the picture and more lies in another light, with a sharp edge to the rest."""
    if max(paper.shape) < 100 or np.mean(paper < (paper.min() + paper.max()) / 2) <= 0.25:
        return False
    reach = max(paper.shape) // 20 + 1
    return (ndimage.maximum_filter(paper, reach) - ndimage.minimum_filter(paper, reach)).max() > 0.3


def _strokes(ink, paper, least):
    """Return where strokes are: bool (rows, columns).

    ink: 0 to 1; paper: its light; least: how much of the light they take away. The threshold is Otsu's, at first among
    all pixels; thin strokes are so few of them that it tells two kinds of paper apart, and is sought among darker ones.
    """
    spread = 1.5 * np.median(np.abs(ink - np.median(ink)))
    for among in (ink, ink[ink > np.median(ink) + max(4 * spread, 0.5 * FAINT)]):
        if among.size == 0 or np.ptp(among) == 0:
            continue
        threshold = threshold_otsu(among)
        mask = ink > threshold
        if among is not ink:
            mask = remove_small_objects(mask, max_size=SPECK, connectivity=2)
        if not mask.any():
            continue
        background, noise, full = _levels(ink, mask)
        if _is_thin(mask):
            lower = background + max(NOISE * noise, SKIPPING * (threshold - background), 0.25 * (full - background))
            mask = apply_hysteresis_threshold(ink, min(lower, threshold), threshold)
        if full - background >= max(FAINT, NOISE * noise) and np.median((ink * paper)[mask]) >= least:
            return mask
    raise ValueError(NO_INK)


def _levels(ink, mask):
    """Return the ink of the background, its standard deviation if the noise is Gaussian, and the ink of the strokes."""
    background = np.median(ink[~mask])
    return background, 1.5 * np.median(np.abs(ink[~mask] - background)), np.median(ink[mask])


def _is_thin(mask):
    return mask.sum() < THIN_LINE * skeletonize(mask).sum()


def _without_residue(mask, ink, line_level):
    """Return the mask of strokes without what is left of lines and shadows; raise ValueError if that is all.

    line_level: how dark the lines were that were taken out, 0 if none were.
    """
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    if count == 0:
        raise ValueError(NO_INK)
    boxes = ndimage.find_objects(parts)
    size = max(mask.shape)
    lengths = np.array([max(_sides(box)) for box in boxes])
    free = np.array([_is_free(box, mask.shape) for box in boxes])  # of the picture's border
    level = ndimage.median(ink, parts, np.arange(1, count + 1))
    straight = np.bincount(parts.flat)[1:] < 3 * lengths
    dropped = np.zeros(count, bool)
    if line_level > 0:
        dropped = straight & (level < np.where(free, 1, 2) * line_level) | ~free & (lengths < 0.15 * size)
    digits = free & ~dropped & (lengths >= 0.1 * size)
    if digits.any():  # then what is fainter is none, nor what runs along the border or into it
        dropped |= ~free & (straight | (lengths > 0.4 * size)) | (level < RESIDUE * level[digits].max())
    mask = mask & ~np.isin(parts, np.flatnonzero(dropped) + 1)
    if not mask.any():
        raise ValueError(NO_INK)
    across = any(_borders(box, mask.shape) >= 2 for box, gone in zip(boxes, dropped, strict=True) if not gone)
    if min(mask.shape) >= SMALL and across and _is_thin(mask):
        raise ValueError(LINES)
    return mask


def _is_free(box, shape):
    return all(side.start > 1 and side.stop < end - 1 for side, end in zip(box, shape, strict=True))


def _borders(box, shape):
    """Return how many of a picture's borders a box reaches."""
    return sum((side.start == 0) + (side.stop == end) for side, end in zip(box, shape, strict=True))


def _one_digit(mask):
    """Return [the mask of the digit] among strokes, without specks; raise ValueError if it is not one digit."""
    parts, boxes = _parts(mask)
    if any(_are_apart(boxes[one], boxes[other]) for one, other in combinations(boxes, 2)):
        raise ValueError(
            f"{len(boxes)} inked parts were found that stand apart like several digits, expected one digit: crop the "
            "picture to a single one, close the gaps in its strokes, or read a row of digits by prepare_digits."
        )
    return [_checked(mask & np.isin(parts, list(boxes)))]


def _row_of_digits(mask):
    """Return the masks of digits side by side, from left to right; raise ValueError if they do not make a row."""
    parts, boxes = _parts(mask)
    groups = []
    for number in boxes:
        near = [group for group in groups if any(not _are_apart(boxes[number], boxes[other]) for other in group)]
        groups = [group for group in groups if group not in near] + [
            [number, *(one for group in near for one in group)]
        ]
    digits = [_checked(mask & np.isin(parts, group)) for group in groups]
    digits.sort(key=lambda digit: _box(digit)[1].start)
    for one, other in pairwise(_box(digit)[0] for digit in digits):  # their rows
        if min(one.stop, other.stop) - max(one.start, other.start) < 0.25 * min(_sides((one, other))):
            raise ValueError(
                f"{len(digits)} digits were found that do not stand in one row, expected them side by side: crop the "
                "picture to one row."
            )
    return digits


def _parts(mask):
    """Return what hangs together or nearly so, int (rows, columns), and {its number: its box} without specks."""
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    largest = max(_sides(ndimage.find_objects(parts)[np.bincount(parts.flat)[1:].argmax()]))
    reach = 0.025 * largest
    around = tuple(
        slice(max(0, side.start - int(reach) - 1), side.stop + int(reach) + 1) for side in _box(mask)
    )  # for distances take time
    parts[around], _ = ndimage.label(ndimage.distance_transform_edt(~mask[around]) <= reach, np.ones((3, 3)))
    boxes = enumerate(ndimage.find_objects(np.where(mask, parts, 0)), 1)
    return parts, {number: box for number, box in boxes if max(_sides(box)) >= 0.25 * largest}


def _checked(digit):
    """Return the mask of a digit; raise ValueError if it is too small or a solid patch."""
    if max(_sides(_box(digit))) < SMALLEST:
        raise ValueError(TOO_SMALL)
    reach = max(_sides(_box(digit))) // 40 + 1
    closed = ndimage.binary_closing(np.pad(digit[_box(digit)], reach), iterations=reach)  # over light lines, not loops
    shape = regionprops(closed.astype(int))[0]
    if shape.axis_minor_length > 0.5 * shape.axis_major_length and shape.solidity > 0.88:
        raise ValueError(SOLID)
    return digit


def _box(mask):
    """Return the box around all of a mask, as a pair of slices."""
    return ndimage.find_objects(mask.astype(int))[0]


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


def _check_edges(mask, light, paper):
    """Raise ValueError if the edges of what was taken for a digit are as soft as a shadow's.

    The edges of ink are sharp nearly all round. In a small picture everything is soft, and there is no telling. Thin
    strokes are no shadows, and all edge.
    """
    size = max(mask.shape)
    contour = mask & ~ndimage.binary_erosion(mask)
    slope = np.quantile(ndimage.gaussian_gradient_magnitude(light, size / 140)[contour], 0.4)
    wide = np.median(ndimage.uniform_filter(mask.astype(float), size // 30 + 1)[mask]) > 0.5
    if size >= SMALL and wide and slope * size < SHARP * np.median((paper - light)[mask]):
        raise ValueError(NO_INK)


def _cropped(ink, mask):
    """Return the box around a digit, float (rows, columns): how much ink is where, 0 to 1, and 0 off the digit."""
    background, noise, full = _levels(ink, mask)
    near = ndimage.binary_dilation(mask, iterations=max(1, max(ink.shape) // 100))
    ink = np.where(near, np.clip((ink - background - noise) / (full - background - noise), 0, 1), 0)
    return ink[_box(ink > 0.1)]


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

"""Any picture of a handwritten digit → what MNIST would have made of it (notebook 04)."""

from itertools import combinations

import numpy as np
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold, threshold_otsu
from skimage.measure import regionprops
from skimage.morphology import remove_small_objects, skeletonize

from mnist_compare.paper import paper_light, resized, resized_to, upright_page, within_box, without_lines
from mnist_compare.pictures import as_grey

WORKING_SIZE = 280  # pixels along the longer side to which larger pictures are reduced: ten times MNIST's
SPECK = 8  # pixels of area: less is noise
SMALLEST = 12  # pixels along the longer side of a digit, after that

NO_INK = (
    "No ink was found: the picture is blank, too faint, blurred or noisy, or shows more than the paper. "
    "Write the digit larger or darker, and crop the picture to the paper."
)

LINES = (
    "Lines run through the picture that cannot be told from ink: crop it to the digit and the plain paper around it, "
    "take it straight from above, or write on plain paper."
)


def prepare_digit(image):
    """Return a picture of one digit as float32 (28, 28) in [0, 1], light ink on black, made as MNIST's were.
    """
    *_, (_, placed) = _walk(as_grey(image))
    return placed


def steps(image):
    pictures = {}
    try:
        for name, picture in _walk(as_grey(image)):
            pictures[name] = picture
    except ValueError as error:
        return pictures, str(error)
    return pictures, None


def find_ink(grey):
    """Return the box around the digit, float64 (rows, columns): how much ink is where, 0 to 1, and 0 off the digit.

    grey: float (rows, columns), 0 black and 1 white; more than WORKING_SIZE pixels along a side are reduced first.
    """
    return dict(_walk(grey))["ink"]


def _walk(grey):
    """Yield (name, picture) of every step; raise ValueError where there is no going on."""
    yield "grey", grey
    page = upright_page(grey)
    found = list(_marks(page)) if page is not grey else []
    if not found or _runs_off(dict(found)["mask"]):
        found = _marks(grey)
    yield from found


def _runs_off(mask):
    return mask[[0, -1]].any() or mask[:, [0, -1]].any()


def _marks(page):
    page = resized(page, WORKING_SIZE)
    yield "page", page
    dark_ink, light, paper = _background(page)
    yield "light", paper if dark_ink else 1 - paper
    if not dark_ink and _has_a_step(paper):  # the border is a dark table, and what is light on it no ink but a sheet
        raise ValueError(NO_INK)
    ink = 1 - np.divide(light, paper, out=np.ones_like(light), where=paper > 0)
    if np.ptp(ink) == 0:
        raise ValueError(NO_INK)
    yield "marks", ink
    printed = ink
    ink, lines = without_lines(ink)
    faintest = np.quantile(printed[lines], 0.75) if lines.any() else 0
    yield "without lines", ink
    mask = _mask(ink, paper, dark_ink)
    if (inside := within_box(mask)) is not None:
        ink = np.where(inside, ink, 0)  # a box may be much darker than the digit
        mask = _mask(ink, paper, dark_ink)
    mask = _digit(_without_scraps(ink, mask, faintest))
    if _is_a_net(mask):
        raise ValueError(LINES)
    yield "mask", mask
    _check_edges(light, paper, mask)
    ink = _measured(ink, mask)
    yield "ink", ink
    yield "placed", place_ink(_widened(ink))


def _is_a_net(mask):
    """Tell whether thin lines run into two borders of a picture and more, as those of paper do."""
    borders = sum(edge.any() for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    return min(mask.shape) >= 100 and borders >= 2 and mask.sum() < 5 * skeletonize(mask).sum()


def _background(page):
    """Return whether the ink is dark, and if not, for the negative: the light of the page and of its paper."""
    smooth = ndimage.gaussian_filter(page, max(page.shape) / 800)
    papers = [paper_light(light) for light in (smooth, 1 - smooth)]
    # Paper is smooth where the ink is gone. Where that does not tell the two apart, the border does.
    rough = [np.mean((ndimage.gaussian_gradient_magnitude(paper, max(page.shape) / 280) - 0.01).clip(0)) for paper in papers]
    dark_ink = rough[0] < rough[1] if max(page.shape) >= 100 and max(rough) > 2.5 * min(rough) else _has_light_background(page)
    return (True, smooth, papers[0]) if dark_ink else (False, 1 - smooth, papers[1])


def _without_scraps(ink, mask, line_level):
    """Return the mask without what is left of lines and edges: faint parts, and lines that run into the border."""
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    if count == 0:  # a box, and nothing in it
        raise ValueError(NO_INK)
    boxes = ndimage.find_objects(parts)
    sizes = np.array([max(_sides(box)) for box in boxes])
    levels = ndimage.median(ink, parts, np.arange(1, count + 1))
    free = np.array([all(side.start > 1 and side.stop < end - 1 for side, end in zip(box, mask.shape)) for box in boxes])
    areas = np.bincount(parts.flat)[1:]
    straight = areas < 3 * sizes
    scraps = (line_level > 0) & (~free & (sizes < 0.15 * max(mask.shape)) | straight & (levels < np.where(free, 1, 2) * line_level))
    large = free & ~scraps & (sizes >= 0.1 * max(mask.shape))
    if large.any():
        scraps |= ~free & ((sizes > 0.4 * max(mask.shape)) | straight)
        scraps |= levels < 0.45 * levels[large].max()
    mask = mask & ~np.isin(parts, np.flatnonzero(scraps) + 1)
    if not mask.any():
        raise ValueError(NO_INK)
    return mask


def _mask(ink, paper, dark_ink):
    """Return where ink is: bool (rows, columns)."""
    noise = 1.5 * np.median(np.abs(ink - np.median(ink)))
    for among in (ink, ink[ink > np.median(ink) + max(4 * noise, 0.05)]):  # thin lines are lost among many pixels
        if len(among) == 0 or np.ptp(among) == 0:
            continue
        threshold = threshold_otsu(among)
        mask = ink > threshold
        if among is not ink:
            mask = remove_small_objects(mask, max_size=SPECK, connectivity=2)
        if not mask.any():
            continue
        background, noise, full = _levels(ink, mask)
        if mask.sum() < 5 * skeletonize(mask).sum():  # thin strokes are faint where the pen skips
            lower = background + max(3 * noise, 0.55 * (threshold - background))
            mask = apply_hysteresis_threshold(ink, min(lower, threshold), threshold)
        if full - background >= max(0.1, 3 * noise) and np.median((ink * paper)[mask]) >= (0.03 if dark_ink else 0.1):
            return mask
    raise ValueError(NO_INK)


def _levels(ink, mask):
    """Return the ink of the background, its standard deviation if the noise is Gaussian, and the ink of the strokes."""
    background = np.median(ink[~mask])
    return background, 1.5 * np.median(np.abs(ink[~mask] - background)), np.median(ink[mask])


def _check_edges(light, paper, mask):
    # The edges of ink are sharp nearly all round, those of soft shadows reach over a twelfth of the picture and more.
    # (In a small picture everything does, and there is no telling. Thin strokes are no shadows, and all edge.)
    contour = mask & ~ndimage.binary_erosion(mask)
    slope = np.quantile(ndimage.gaussian_gradient_magnitude(light, max(mask.shape) / 140)[contour], 0.3)
    wide = np.median(ndimage.uniform_filter(mask.astype(float), max(mask.shape) // 30 + 1)[mask]) > 0.5
    if max(mask.shape) >= 100 and wide and slope * max(mask.shape) < 12 * np.median((paper - light)[mask]):
        raise ValueError(NO_INK)


def _measured(ink, mask):
    background, noise, full = _levels(ink, mask)
    near = ndimage.binary_dilation(mask, iterations=max(1, max(ink.shape) // 100))
    ink = np.where(near, np.clip((ink - background - noise) / (full - background - noise), 0, 1), 0)
    ink = ink[ndimage.find_objects((ink > 0.1).astype(int))[0]]
    if max(ink.shape) < SMALLEST:
        raise ValueError("The ink found is too small for a digit: crop the picture to the digit, or write it larger.")
    return ink


THIN, USUAL = 0.06, 0.1  # of the longer side: widths of strokes


def _widened(ink):
    """Return the ink of a thin pen as a thicker one would have left it."""
    mask = ink > 0.3
    size = max(ink.shape)
    width = mask.sum() / max(1, skeletonize(mask).sum())
    if width >= THIN * size:
        return ink
    reach = (USUAL * size - width) / 2
    spare = int(np.ceil(reach))
    down, right = np.ogrid[-spare : spare + 1, -spare : spare + 1]
    pen = down**2 + right**2 <= reach**2
    return ndimage.grey_dilation(np.pad(ink, spare), footprint=pen)


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
    digit = resized_to(ink, [max(1, round(side * scale)) for side in ink.shape])
    digit /= digit.max()
    centre = ndimage.center_of_mass(digit)
    top, left = (
        int(np.clip(round(14 - middle), 0, 28 - side)) for middle, side in zip(centre, digit.shape, strict=True)
    )
    frame = np.zeros((28, 28), np.float32)
    frame[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return frame

"""The paper that a digit is written on: where the page lies in a picture, and what light falls on it."""

import numpy as np
from scipy import ndimage
from skimage.transform import ProjectiveTransform, warp

from mnist_compare.boxes import SIDE, quadrilateral
from mnist_compare.pictures import SMALL, resized

PAGE_SIZE = 140  # pixels along the longer side, at which the page is looked for
LARGEST = 1120  # pixels along the longer side of a picture from which a page is cut: more costs time and shows no more
STROKES = 12  # ink narrower than 1/12 of the longer side is filled before a page's edges are looked for
EDGE = 0.008  # logarithm of light, per pixel: how steep the edge of a page is at least; noise reaches half of it
SHADOW = 0.2  # of the slope when blurred: a shadow's slope departs from it by less
GAPS = (0, 1)  # pixels by which edges are drawn thicker, one try after the other, to close gaps of twice as many
PAGE_AREA = (0.15, 0.96)  # of the picture: what is smaller is no page to read, what is larger fills the picture
AS_LIGHT = 0.9  # of the light beside it: paper is lighter than most tables, and never much darker
INSET = 0.015  # of the page's longer side: cut off all round, as the edge is blurred and never quite straight
PLAIN = 0.05  # of white: nine tenths of a plain border depart from even light by less, by noise alone; a table by more
WINDOWS = (1 / 30, 1 / 10, 1 / 3)  # of the longer side: widths of strokes to fill to see the paper, tried in turn
LIGHT_SIZE = 140  # pixels along the longer side, at which the light is judged
STEP = 4.2  # logarithm of light, per longer side: a steeper step is the edge of a stroke that was not filled
GENTLE = 2.8  # light from black to white, per longer side: what is steeper makes the paper rough
SOFT = 1.3  # an edge less than so many times as steep as when blurred is a shadow's
DARKEST = 0.02  # of white: below it, ratios of light are only noise

NO_INK = (
    "No ink was found: the picture is blank, too faint, blurred or noisy, or shows more than the paper. "
    "Write the digit larger or darker, and crop the picture to the paper."
)

# The page


def upright_page(grey):
    """Return the page of a picture, cut out and turned upright, or the picture as it is if no page is found.

    grey: float (rows, columns). A page is what lies around the middle and is bounded by sharp straight steps of light.
    """
    if min(grey.shape) < SMALL or (corners := page_corners(resized(grey, PAGE_SIZE))) is None:
        return grey
    grey = resized(grey, LARGEST)
    corners = corners * max(grey.shape) / min(PAGE_SIZE, max(grey.shape))
    top, right, bottom, left = (np.linalg.norm(corners[i] - corners[i - 1]) for i in (1, 2, 3, 0))
    rows, columns = round((left + right) / 2), round((top + bottom) / 2)
    rectangle = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)])
    onto_picture = ProjectiveTransform.from_estimate(rectangle, corners - 0.5)
    inset = max(2, round(INSET * max(rows, columns)))
    page = warp(grey, onto_picture, output_shape=(rows, columns), order=1, mode="edge")
    return page[inset:-inset, inset:-inset]


def page_corners(grey):
    """Return the corners of the page, (column, row) from the top left clockwise, or None: float (4, 2)."""
    paper = np.log(filled(grey, max(grey.shape) // STROKES).clip(DARKEST))
    edges = steps_of_light(paper)
    if edges.sum() < 2 * SIDE * max(grey.shape):
        return None
    for gap in GAPS:
        page = enclosed(edges, gap)
        if PAGE_AREA[0] < page.mean() < PAGE_AREA[1] and stands_out(page, grey):
            corners = quadrilateral(page)
            if corners is not None:
                return corners
    return None


def steps_of_light(paper):
    """Return where the logarithm of light changes as steeply as at the edge of a page, bool as `paper`.

    The light's slope is compared with its slope when blurred more. Where light changes softly, both are the same;
    beside an edge, only the blurred one is steep.
    """
    sharp, soft = (slopes(paper, sigma) for sigma in (0.75, 3))  # pixels
    beyond = sharp - soft
    steep = np.hypot(*beyond) > EDGE + SHADOW * np.hypot(*soft)
    return steep & (np.hypot(*sharp) > 0.5 * np.hypot(*beyond)) & ((beyond * sharp).sum(axis=0) > 0)


def enclosed(edges, gap):
    """Return what edges enclose around the middle, bool as `edges`, even if they have gaps of a few pixels."""
    closed = ndimage.binary_dilation(edges, iterations=gap) if gap else edges
    parts, _ = ndimage.label(~closed)
    rows, columns = (np.linspace(-1, 1, side) for side in edges.shape)
    central = np.exp(-np.add.outer(rows**2, columns**2) * 4)
    weight = np.bincount(parts.flat, central.flat)
    weight[0] = 0  # the edges themselves
    return ndimage.binary_fill_holes(ndimage.binary_dilation(parts == weight.argmax(), iterations=1 + gap))


def stands_out(page, grey):
    """Tell whether a page is at least as light as what is beside it."""
    inner = page & ~ndimage.binary_erosion(page, iterations=4, border_value=1)
    outer = ndimage.binary_dilation(page, iterations=4) & ~page
    return np.median(grey[inner]) >= AS_LIGHT * np.median(grey[outer])


def slopes(levels, sigma):
    """Return the slopes of blurred levels, downwards and to the right: float (2, rows, columns)."""
    return np.stack([ndimage.gaussian_filter(levels, sigma, order) for order in ((1, 0), (0, 1))])


# The light


def lighting(page):
    """Return whether the ink is dark, and the light of the page and of its paper; if it is light, of the negative."""
    smooth = ndimage.gaussian_filter(page, max(page.shape) / 800)
    dark_ink, plain = judged_border(page)
    windows = {}
    if min(page.shape) >= SMALL and not plain:  # then the paper tells better: it is smooth once its ink is filled
        windows, rough = zip(*(stroke_window(light) for light in (1 - smooth, smooth)), strict=True)
        if max(rough) > 2.5 * min(rough):
            dark_ink = bool(rough[1] < rough[0])
    light = smooth if dark_ink else 1 - smooth
    paper = filled(light, windows[dark_ink] if windows else stroke_window(light)[0])
    if not dark_ink and has_a_step(paper):  # the border is a dark table, and the light part is a sheet, not ink
        raise ValueError(NO_INK)
    return dark_ink, light, paper


def judged_border(grey):
    """Return whether the background is light, judged by the border, and whether the border is plain paper.

    The ink is what departs most, up or down, from a surface of second order fitted to the border's pixels.
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


def has_a_step(paper):
    """Tell whether more than a quarter of the picture lies in darker light, with a sharp edge to the rest."""
    if max(paper.shape) < SMALL or np.mean(paper < (paper.min() + paper.max()) / 2) <= 0.25:
        return False
    reach = max(paper.shape) // 20 + 1
    return (ndimage.maximum_filter(paper, reach) - ndimage.minimum_filter(paper, reach)).max() > 0.3


def stroke_window(light):
    """Return how wide a window fills all strokes, in pixels of `light`, and how rough the paper is that it leaves.

    Closing fills all that is dark and narrower than its window and leaves the lighting. The narrowest window that
    fills the strokes is best, as it follows soft shadows: a step that is left after filling is the edge of a
    wider stroke. The roughness is a mean slope, per longer side, where 1 is from black to white.
    """
    small = resized(light, LIGHT_SIZE)
    size = max(small.shape)
    inner = tuple(slice(size // 16, side - size // 16) for side in small.shape)  # a line along the border has no width
    for share in WINDOWS if min(light.shape) >= SMALL else WINDOWS[-1:]:
        paper = filled(small, int(share * size) + 1)
        log = np.log(paper.clip(DARKEST))
        sharp = ndimage.gaussian_gradient_magnitude(log, size / 140)[inner] * size
        if sharp.max(initial=0) < STEP:
            break
        soft = ndimage.gaussian_gradient_magnitude(log, size / 35)[inner] * size
        if (sharp - SOFT * soft).max(initial=0) < STEP:
            break
    slope = ndimage.gaussian_gradient_magnitude(paper, size / 280) * size
    return int(share * max(light.shape)) + 1, np.mean((slope - GENTLE).clip(0))


def filled(light, window):
    """Return `light` with everything filled that is dark and narrower than `window`, the side of a square in pixels.

    Beyond the border the light is taken to be what it is at the border.
    """
    reach = window // 2 + 1
    inside = tuple(slice(reach, reach + side) for side in light.shape)
    return ndimage.grey_closing(np.pad(light, reach, mode="edge"), (window, window), mode="nearest")[inside]

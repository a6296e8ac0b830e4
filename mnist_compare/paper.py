"""The paper that a digit is written on: where the page lies in a picture, and what light falls on it."""

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.transform import ProjectiveTransform, warp

PAGE_SIZE = 140  # pixels along the longer side, at which the page is looked for
LARGEST = 1120  # pixels along the longer side of a picture from which a page is cut: more costs time and shows no more
SMALL = 100  # pixels along a side: in smaller pictures every edge is sharp, every line wide, and there is no telling
STROKES = 12  # of which part of the longer side ink is filled before the edges of a page are looked for
EDGE = 0.008  # logarithm of light, per pixel: how steep the edge of a page is at least; noise reaches half of it
BLURRED = 1.2  # a step that is less than so many times as steep as when blurred (by 6 pixels) is a soft shadow's
GAPS = (0, 1)  # pixels: twice as wide may the gaps in the edges of a page be
PAGE_AREA = (0.15, 0.96)  # of the picture: what is smaller is no page to read, what is larger fills the picture
AS_LIGHT = 0.9  # of the light beside it: paper is lighter than most tables, and never much darker
SIDE = 0.15  # of the longer side: what is shorter is a corner cut off, and no side of a page
FIT = 0.92  # of the area of page and quadrilateral together: how much they share if the page is one
BEYOND = 0.25  # of the longer side: how far a corner may lie outside the picture; sides nearly parallel cross far off
INSET = 0.015  # of the page's longer side: cut off all round, for the edge is blurred, and never quite straight
WINDOWS = (1 / 30, 1 / 10, 1 / 3)  # of the longer side: how wide the strokes may be that are filled to see the paper
LIGHT_SIZE = 140  # pixels along the longer side, at which the light is judged
STEP = 4.2  # logarithm of light, per longer side: steeper is the edge of a stroke that was not filled
GENTLE = 2.8  # light from black to white, per longer side: what is steeper makes the paper rough
SOFT = 1.3  # what is less than so many times as steep as when blurred is a shadow's, as above
DARKEST = 0.02  # of white: below, ratios of light are but noise


def resized(levels, longest):
    """Return an array (rows, columns) reduced so that its longer side has at most so many pixels, with antialiasing."""
    scale = longest / max(levels.shape)
    if scale >= 1:
        return levels
    return resized_to(levels, [max(1, round(side * scale)) for side in levels.shape])


def resized_to(levels, shape):
    """Return an array (rows, columns) resized to `shape`, with antialiasing."""
    picture = Image.fromarray(levels.astype(np.float32)).resize(shape[::-1], Image.Resampling.BOX)
    return np.asarray(picture, np.float64)


# The page


def upright_page(grey):
    """Return the page of a picture, cut out and turned upright, or the picture as it is where no page is made out.

    grey: float (rows, columns). A page is what lies around the middle and is bounded by sharp straight steps of light.
    """
    corners = page_corners(resized(grey, PAGE_SIZE))
    if corners is None:
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
    if min(grey.shape) < SMALL:
        return None
    paper = np.log(filled(grey, max(grey.shape) // STROKES).clip(DARKEST))
    least = 2 * SIDE * max(grey.shape)  # pixels in the edges of a page
    sharp = slopes(paper, 0.75)
    if np.sum(np.hypot(*sharp) > 0.5 * EDGE) < least:  # half as steep at least is an edge, see below
        return None
    soft = slopes(paper, 3)
    beyond = sharp - soft  # where the light changes softly, both are the same
    steep = np.hypot(*beyond) - (BLURRED - 1) * np.hypot(*soft) > EDGE
    edges = steep & (np.hypot(*sharp) > 0.5 * np.hypot(*beyond)) & ((beyond * sharp).sum(axis=0) > 0)
    if edges.sum() < least:
        return None
    for gap in GAPS:
        page = enclosed(edges, gap)
        if (
            PAGE_AREA[0] < page.mean() < PAGE_AREA[1]
            and stands_out(page, grey)
            and (corners := quadrilateral(page)) is not None
        ):
            return corners
    return None


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


def quadrilateral(mask):
    """Return the corners of the quadrilateral that a mask fills, as page_corners does, or None if it fills none.

    A side that lies beyond the frame is put where the mask ends, parallel to the side across.
    """
    points, outward = outline(mask)
    if len(points) < 20:
        return None
    angle = np.angle(np.mean(np.exp(4j * np.arctan2(outward[:, 1], outward[:, 0])))) / 4  # of the sides, modulo 90°
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points, outward = points @ turn.T, outward @ turn.T
    everywhere = (np.argwhere(mask)[:, ::-1] + 0.5) @ turn.T
    axes = (
        (1, -1),
        (0, 1),
        (1, 1),
        (0, -1),
    )  # top, right, bottom, left: which coordinate is constant, which way is out
    sides = []
    for axis, sign in axes:
        on_side = sign * outward[:, axis] > np.abs(outward[:, 1 - axis])
        long_enough = on_side.sum() >= SIDE * max(mask.shape)
        sides.append(straight_line(points[on_side, 1 - axis], points[on_side, axis]) if long_enough else None)
    for i, (axis, sign) in enumerate(axes):
        if sides[i] is None:
            slope = sides[i - 2][1] if sides[i - 2] else 0
            beyond = everywhere[:, axis] - slope * everywhere[:, 1 - axis]
            sides[i] = (beyond.max() if sign > 0 else beyond.min(), slope)
    top, right, bottom, left = sides
    corners = (
        np.array([crossing(*pair) for pair in ((top, left), (top, right), (bottom, right), (bottom, left))]) @ turn
    )
    beyond = max(np.max(-corners), np.max(corners - mask.shape[::-1]))
    if beyond > BEYOND * max(mask.shape):
        return None
    rows, columns = np.indices(mask.shape) + 0.5
    inside = np.ones(mask.shape, bool)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside &= (end[0] - start[0]) * (rows - start[1]) >= (end[1] - start[1]) * (columns - start[0])
    return corners if (inside & mask).sum() >= FIT * (inside | mask).sum() else None


def outline(mask):
    """Return the points of a mask's outline within the frame, (column, row), and where outwards is: float (N, 2)."""
    within = np.zeros(mask.shape, bool)
    edge = max(mask.shape) // 70
    within[edge:-edge, edge:-edge] = True
    there = mask & ~ndimage.binary_erosion(mask, border_value=1) & within
    smooth = ndimage.gaussian_filter(mask.astype(float), max(mask.shape) / 93, mode="nearest")
    outward = [-ndimage.sobel(smooth, axis)[there] for axis in (1, 0)]
    return np.argwhere(there)[:, ::-1] + 0.5, np.stack(outward, axis=1)


def straight_line(along, across):
    """Return (intercept, slope) of the line through most of the points; a fifth may lie off it, and twice more."""
    for _ in range(3):
        slope, intercept = np.polyfit(along, across, 1)
        misfit = np.abs(across - slope * along - intercept)
        kept = misfit <= max(1, np.quantile(misfit, 0.8))
        along, across = along[kept], across[kept]
    return intercept, slope


def crossing(level, upright):
    """Return the point (column, row) in which two lines cross: row over column, and column over row."""
    row = (level[0] + level[1] * upright[0]) / (1 - level[1] * upright[1])
    return upright[0] + upright[1] * row, row


# The light


def stroke_window(light):
    """Return how wide a window fills all strokes, in pixels of `light`, and how rough the paper is that it leaves.

    Closing fills all that is dark and narrower than its window and leaves the lighting. The narrowest window that
    fills the strokes is best, as it follows soft shadows: a step that is left in what it returns is the edge of a
    wider stroke. The roughness is a mean slope, in lights from black to white per longer side.
    """
    small = resized(light, LIGHT_SIZE)
    size = max(small.shape)
    inner = tuple(slice(size // 16, side - size // 16) for side in small.shape)  # a line along the border has no width
    for share in WINDOWS if min(light.shape) >= SMALL else WINDOWS[-1:]:
        paper = filled(small, int(share * size) + 1)
        log = np.log(paper.clip(DARKEST))
        sharp, soft = (ndimage.gaussian_gradient_magnitude(log, size / part) for part in (140, 35))
        if (sharp - SOFT * soft)[inner].max(initial=0) * size < STEP:
            break
    slope = ndimage.gaussian_gradient_magnitude(paper, size / 280) * size
    return int(share * max(light.shape)) + 1, np.mean((slope - GENTLE).clip(0))


def filled(light, window):
    """Return `light` with all filled that is dark and narrower than the window, a square of so many pixels a side.

    Beyond the border the lighting is taken to go on as it is there.
    """
    reach = window // 2 + 1
    inside = tuple(slice(reach, reach + side) for side in light.shape)
    return ndimage.grey_closing(np.pad(light, reach, mode="edge"), (window, window), mode="nearest")[inside]

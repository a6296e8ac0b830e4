"""Quadrilaterals: the outline of a page, and a printed box that a digit stands in."""

import numpy as np
from scipy import ndimage

from mnist_compare.pictures import SMALL

SIDE = 0.15  # of the longer side: a shorter piece is a cut-off corner, not a side of a page
FIT = 0.92  # intersection over union of a page and its quadrilateral, at least
BEYOND = 0.25  # of the longer side: how far a corner may lie outside the picture; nearly parallel sides cross far off
BOX = 0.15  # of the longer side: the smallest box


def within_box(mask):
    """Return what lies within a printed box, bool (rows, columns) like `mask`, the mask of ink; None without a box.

    Of boxes in one another, as on a sheet whose edges look like one, it is the smallest that holds ink.
    """
    if min(mask.shape) < SMALL:
        return None
    found = []
    spare = 6  # pixels around the picture, as `quadrilateral` ignores outlines along the frame
    parts, _ = ndimage.label(ndimage.binary_dilation(mask), np.ones((3, 3)))  # over gaps of two pixels
    for number, box in enumerate(ndimage.find_objects(parts), 1):
        height, width = (side.stop - side.start for side in box)
        if min(height, width) < BOX * max(mask.shape) or min(height, width) < 0.4 * max(height, width):
            continue
        part = parts == number
        for strip in (part[:4], part[:-5:-1], part.T[:4], part.T[:-5:-1]):  # close the box where the picture cuts it
            touched = np.flatnonzero(strip.any(axis=0))
            if len(touched):
                strip[:, touched[[0, -1]]] = True
                strip[0, touched[0] : touched[-1]] = True
        part = np.pad(part, spare)
        whole = ndimage.binary_fill_holes(part)
        if part.sum() > 0.4 * whole.sum() or quadrilateral(whole) is None:
            continue
        away = ndimage.distance_transform_edt(whole)  # from the box's outer outline, which paper may bend
        line = max(2, 2 * np.median(away[part & (away < 0.05 * max(height, width))]))
        found.append((away > line + 3)[spare:-spare, spare:-spare])
    written_in = [inside for inside in found if (inside & mask).any()]
    return min(written_in or found, key=np.sum, default=None)


def quadrilateral(mask):
    """Return the corners of the quadrilateral that a mask fills, as page_corners does, or None if it fills none.

    A side that lies beyond the frame is put where the mask ends, parallel to the opposite side.
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
    """Return the points of a mask's outline within the frame, (column, row), and outward directions: float (N, 2)."""
    within = np.zeros(mask.shape, bool)
    edge = max(mask.shape) // 70
    within[edge:-edge, edge:-edge] = True
    there = mask & ~ndimage.binary_erosion(mask, border_value=1) & within
    smooth = ndimage.gaussian_filter(mask.astype(float), max(mask.shape) / 93, mode="nearest")
    outward = [-ndimage.sobel(smooth, axis)[there] for axis in (1, 0)]
    return np.argwhere(there)[:, ::-1] + 0.5, np.stack(outward, axis=1)


def straight_line(along, across):
    """Return (intercept, slope) of a line through most points; twice, up to a fifth that lie far off are dropped."""
    for _ in range(3):
        slope, intercept = np.polyfit(along, across, 1)
        misfit = np.abs(across - slope * along - intercept)
        kept = misfit <= max(1, np.quantile(misfit, 0.8))
        along, across = along[kept], across[kept]
    return intercept, slope


def crossing(level, upright):
    """Return the point (column, row) where two lines cross; `level` gives row by column, `upright` column by row."""
    row = (level[0] + level[1] * upright[0]) / (1 - level[1] * upright[1])
    return upright[0] + upright[1] * row, row

"""Which strokes make one digit, and which several. A digit is a mask, bool (rows, columns), of the picture's shape."""

from itertools import combinations, pairwise

import numpy as np
from scipy import ndimage
from skimage.measure import regionprops

from mnist_compare.pictures import SMALL

SMALLEST = 12  # pixels along the longer side of a digit, of 280 along the picture's
LIGHT_LINE = 40  # light lines through a patch are at most 2/40 of a digit's longer side wide; loops are wider

TOO_SMALL = "The ink found is too small for a digit: crop the picture to the digit, or write it larger."
SOLID = "A solid patch was found, expected the strokes of a digit: crop the picture to the paper."


def one_digit(mask):
    """Return [the mask of the digit] among strokes, without specks; raise ValueError if it is not one digit."""
    parts, boxes = _parts(mask)
    if any(_are_apart(boxes[one], boxes[other]) for one, other in combinations(boxes, 2)):
        raise ValueError(
            f"{len(boxes)} inked parts were found that stand apart like several digits, expected one digit: crop the "
            "picture to a single one, close the gaps in its strokes, or read a row of digits by prepare_digits."
        )
    return [_checked(mask & np.isin(parts, list(boxes)))]


def row_of_digits(mask):
    """Return the masks of digits side by side, from left to right; raise ValueError if they do not make a row."""
    parts, boxes = _parts(mask)
    groups = []
    for number in boxes:
        near = [group for group in groups if any(not _are_apart(boxes[number], boxes[other]) for other in group)]
        groups = [group for group in groups if group not in near] + [
            [number, *(one for group in near for one in group)]
        ]
    digits = [_checked(mask & np.isin(parts, group)) for group in groups]
    digits.sort(key=lambda digit: box_around(digit)[1].start)
    for one, other in pairwise(box_around(digit)[0] for digit in digits):  # their rows
        if min(one.stop, other.stop) - max(one.start, other.start) < 0.25 * min(sides_of((one, other))):
            raise ValueError(
                f"{len(digits)} digits were found that do not stand in one row, expected them side by side: crop the "
                "picture to one row."
            )
    return digits


def _parts(mask):
    """Number the parts that hang together, or nearly so: int (rows, columns), and {number: box} without specks."""
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    largest = max(sides_of(ndimage.find_objects(parts)[np.bincount(parts.flat)[1:].argmax()]))
    reach = 0.025 * largest
    margin = int(reach) + 1  # no farther, as distances take time
    around = tuple(slice(max(0, side.start - margin), side.stop + margin) for side in box_around(mask))
    parts[around], _ = ndimage.label(ndimage.distance_transform_edt(~mask[around]) <= reach, np.ones((3, 3)))
    boxes = enumerate(ndimage.find_objects(np.where(mask, parts, 0)), 1)
    return parts, {number: box for number, box in boxes if max(sides_of(box)) >= 0.25 * largest}


def _checked(digit):
    """Return the mask of a digit; raise ValueError if it is too small or a solid patch."""
    box = box_around(digit)
    if max(sides_of(box)) < SMALLEST:
        raise ValueError(TOO_SMALL)
    patch = digit[box]
    reach = max(patch.shape) // LIGHT_LINE
    if reach:  # none in a small picture, where loops are as narrow
        patch = ndimage.binary_closing(np.pad(patch, reach), iterations=reach)
    shape = regionprops(patch[:: max(1, reach), :: max(1, reach)].astype(int))[0]  # coarsely, as hulls take time
    # A thick 1 is narrower, unless it is cropped to its ink; a part of a table or of a shadow runs out of the picture.
    cut_off = min(digit.shape) >= SMALL and 0 < borders_reached(box, digit.shape) < 4
    narrow = shape.axis_minor_length <= (0.3 if cut_off else 0.5) * shape.axis_major_length
    if not narrow and shape.solidity > 0.88:
        raise ValueError(SOLID)
    return digit


def _are_apart(first, second):
    """Tell by their boxes if two parts are two digits, not pieces of one, as a 5 and a bar that does not touch it."""
    (height_1, width_1), (height_2, width_2) = sides_of(first), sides_of(second)
    alike = min(height_1, height_2) / max(height_1, height_2)
    overlap = [min(a.stop, b.stop) - max(a.start, b.start) for a, b in zip(first, second, strict=True)]
    side_by_side = alike > 0.3 and overlap[1] < 0.25 * min(width_1, width_2)
    one_above_the_other = alike > 0.4 and overlap[0] < 0.25 * min(height_1, height_2)
    return side_by_side or one_above_the_other


def box_around(mask):
    """Return the box around all of a mask, as a pair of slices."""
    return ndimage.find_objects(mask.astype(int))[0]


def sides_of(box):
    """Return (height, width) of a pair of slices."""
    return tuple(side.stop - side.start for side in box)


def borders_reached(box, shape):
    """Return how many of a picture's borders a box reaches."""
    return sum((side.start == 0) + (side.stop == end) for side, end in zip(box, shape, strict=True))

"""Straight lines printed on the paper: how they are found and taken out, and the strokes that they crossed mended.

Ink is float (rows, columns): 0 for bare paper to 1. "Level" means from left to right here; upright lines are found in
the transposed picture.
"""

import numpy as np
from scipy import ndimage

from mnist_compare.pictures import SMALL

BLOCK = 4  # columns that are averaged where lines are looked for: within so few, a line leans by less than a row
ENDS = 6  # blocks at each side: a line that runs through shows in some of them, even if it is broken
WIDEST = 40  # lines are at most 1/40 of the longer side wide: 7 pixels of 280
HIDING = 0.1  # ink: what is wider than a line and darker than this may hide one
LENGTH = 16  # pieces of a line of 1/16 of the longer side are averaged: longer ones bend, shorter ones are noisy
SLOPES = np.linspace(-0.2, 0.2, 5)  # rows per column that lines may lean: 11° each way, camera and perspective together
FAINTEST = 0.025  # ink: of the faintest line, on average along it; and never fainter than the noise
DARKEST_LINE = 0.15  # ink: darker things attract a path no more than this, as the pen is darker than the lines
DIAGONAL = 0.00125  # ink: what a move by a row costs a path, so that it wriggles less
OUTSIDE = 0.02  # ink: what a path finds beyond the picture, where slanting lines leave it: less than a line's
UNBROKEN = 0.92  # of a line's length: how much of it must be over 0.4 times as dark as its median


def without_lines(ink):
    """Return the ink without the lines that run through, and where they ran: float and bool, of the shape of `ink`.

    ink: float (rows, columns), 0 for bare paper to 1.
    """
    lines = np.zeros(ink.shape, bool)
    if min(ink.shape) < SMALL:
        return ink, lines
    noise = 1.5 * np.median(np.abs(ink - np.median(ink)))
    found = [(turn, through_lines(ink.T if turn else ink, noise)) for turn in (False, True)]
    for turn, courses in found:
        turned, where = (ink.T, lines.T) if turn else (ink, lines)
        turned = turned.copy()
        for course in courses:
            remove_line(turned, course, noise, where)
        ink = turned.T if turn else turned
    return ink, lines


def through_lines(ink, noise):
    """Return the courses of the dark lines that run from the left border to the right one: list of float (columns,).

    A course holds the line's row in each column, NaN where it has left the picture. Stable paths: of all paths from
    border to border that move by at most one row a block, those that are the darkest both from where they begin and
    to where they end (Cardoso et al., 2009, Staff Detection with Stable Paths, doi:10.1109/TPAMI.2009.34).
    """
    rows, columns = ink.shape
    width = max(ink.shape) // WIDEST
    blocks = ink[:, : columns // BLOCK * BLOCK].reshape(rows, -1, BLOCK).mean(axis=2)
    thick = ndimage.grey_opening(blocks, (width, 1))
    hidden = thick > HIDING  # there a stroke may hide the line
    along = means_along(blocks - thick, ~hidden, max(ink.shape) // LENGTH // BLOCK | 1)
    along = (np.where(hidden, ndimage.grey_dilation(along, (1, 4 * width // BLOCK)), along) - np.median(along)).clip(0)
    faintest = max(FAINTEST, noise)
    if max(along[:, :ENDS].max(), along[:, -ENDS:].max()) <= faintest:  # a line that runs through would show at a side
        return []
    spare = rows // 5  # as far as a line of the steepest slope leaves the picture
    lines, most = [], DARKEST_LINE
    while True:  # a line beside a darker one has no stable path until that one is gone
        dark = np.pad(along.clip(0, most), ((spare, spare), (0, 0)), constant_values=OUTSIDE)
        for line in lines:
            dark[np.abs(np.arange(-spare, rows + spare)[:, None] - line(np.arange(dark.shape[1]))) <= width / 2] = 0
        before = len(lines)
        for path in stable_paths(dark, faintest):
            line, level = straightened(along, hidden, path - spare, lines, faintest)
            if line is not None:
                lines.append(line)
                most = min(most, 1.3 * level)  # all lines are about equally dark; so strokes lure no path away
        if len(lines) == before:
            break
    courses = [line((np.arange(columns) + 0.5) / BLOCK - 0.5) for line in lines]
    return [np.where((course > -1) & (course < rows), course, np.nan) for course in courses]


def straightened(along, hidden, path, known, faintest):
    """Return the smooth line, row over block, that a path follows, and how dark it is; or None and 0.

    A path may leave the line for a stroke: so the line is fitted to a part of the path, and must be dark all along.
    """
    rows, count = along.shape
    everywhere = np.arange(count)
    inside = (path >= 2) & (path < rows - 2)
    at = np.flatnonzero(inside & ~hidden[path.clip(0, rows - 1), everywhere])
    if len(at) < count / 6:
        return None, 0
    for part in (at, at[: len(at) // 2], at[len(at) // 2 :], at[: len(at) // 3], at[-len(at) // 3 :]):
        line = np.polynomial.Polynomial.fit(part, path[part], 1)
        for degree in (1, 2, 2):
            middle = np.rint(line(everywhere)).astype(int)
            usable = (middle >= 2) & (middle < rows - 2)
            usable[usable] &= ~hidden[middle[usable], everywhere[usable]]
            if usable.sum() < count / 6:
                break
            near = along[middle[usable] + np.arange(-2, 3)[:, None], everywhere[usable]]
            line = np.polynomial.Polynomial.fit(everywhere[usable], middle[usable] + near.argmax(axis=0) - 2, degree)
        else:
            levels = near[1:-1].max(axis=0)
            level = np.median(levels)
            course = line(everywhere)
            if any(np.median(np.abs(other(everywhere) - course)) < 2 for other in known):
                continue
            there = levels > 0.4 * level
            to_the_ends = there[:2].any() and there[-2:].any()  # the side of a box ends earlier
            if level > faintest and to_the_ends and np.mean(there) > UNBROKEN:
                return line, level
    return None, 0


def means_along(thin, known, length):
    """Return the mean along a short, nearly level piece around each block, at the slope that makes it largest."""
    offsets = np.arange(length) - length // 2
    best = np.zeros_like(thin)
    for slope in SLOPES:
        rows = np.rint(slope * BLOCK * offsets).astype(int)
        kernel = np.zeros((2 * abs(rows).max() + 1, length))
        kernel[rows + abs(rows).max(), np.arange(length)] = 1 / length
        share = ndimage.correlate(known.astype(float), kernel, mode="nearest")
        mean = ndimage.correlate(np.where(known, thin, 0), kernel, mode="nearest") / np.maximum(share, 0.2)
        best = np.maximum(best, mean)
    return best


def stable_paths(dark, faintest):
    """Return the stable paths from left to right that are dark for at least a third of it, int (N, columns): rows."""
    rows, columns = dark.shape
    wall = np.full((1, columns), -np.inf)
    paths = darkest_paths(np.concatenate([dark, wall, dark[:, ::-1]]))  # both ways at once
    origin, end_of = paths[0, :rows], paths[0, rows + 1 :] - rows - 1
    paths = paths[:, np.flatnonzero(end_of[origin] == np.arange(rows))]
    levels = np.sort(dark[paths, np.arange(columns)[:, None]], axis=0)
    return paths.T[levels[2 * columns // 3] > faintest]


def darkest_paths(dark):
    """Return the darkest path from the first column to each row of the last one, int (columns, rows): its rows."""
    rows, columns = dark.shape
    moves = np.empty((columns, rows), np.intp)  # from which row, -1, 0 or 1, each row of a column was reached
    score = np.full(rows + 2, -np.inf)  # of the darkest path to each row, with a wall on both sides
    score[1:-1] = dark[:, 0]
    for column, levels in enumerate(np.ascontiguousarray(dark.T)[1:], 1):
        above, straight, below = score[:-2] - DIAGONAL, score[1:-1], score[2:] - DIAGONAL
        beside = np.maximum(above, below)
        moves[column] = (beside > straight) * np.where(above >= below, -1, 1)
        score[1:-1] = np.maximum(straight, beside) + levels
    paths = np.empty((columns, rows), np.intp)
    paths[-1] = np.arange(rows)
    for column in range(columns - 1, 0, -1):
        paths[column - 1] = paths[column] + moves[column, paths[column]]
    return paths


def remove_line(ink, course, noise, where):
    """Take a line out of `ink`, in place, mend the strokes that it crossed, and mark it in `where`, bool as `ink`."""
    rows, columns = ink.shape
    reach = max(ink.shape) // 50 + 2  # pixels from the line's middle: its edges lie within
    at = np.flatnonzero(~np.isnan(course))
    offsets = np.arange(-2 * reach, 2 * reach + 1)
    places = course[at] + offsets[:, None]
    strip = ndimage.map_coordinates(ink, [places, np.broadcast_to(at, places.shape)], order=1, mode="nearest")
    profile = np.median(strip, axis=1) - np.median(strip[[0, 1, -2, -1]])  # (offsets,): a few strokes do not change it
    peak = profile[2 * reach - 1 : 2 * reach + 2].max()
    wide = np.flatnonzero((profile > max(0.12 * peak, 0.01)) & (np.abs(offsets) <= reach))
    if len(wide) == 0:
        return
    first, last = wide[0] - 1, wide[-1] + 1
    strength = strip[wide].sum(axis=0) / profile[wide].sum()
    strength = ndimage.median_filter(strength, max(columns // 5, 9), mode="nearest")  # (columns,): the light may change
    line = np.zeros_like(strip)
    line[first : last + 1] = profile[first : last + 1, None].clip(0) * strength
    rest = 1 - (1 - strip) / (1 - line.clip(0, 0.9))  # what the line and the pen let through is multiplied
    rest = np.where(rest > 0.35 * line + 2 * noise, rest, 0)  # lines are printed unevenly
    cleaned = np.maximum(rest, mend(strip, first, last))
    for offset in offsets[first : last + 1]:
        row = np.rint(course[at] + offset).astype(int)
        seen = (row >= 0) & (row < rows)
        exact = (row - course[at] + 2 * reach).clip(0, len(offsets) - 1)
        values = ndimage.map_coordinates(cleaned, [exact, np.arange(len(at))], order=1)
        ink[row[seen], at[seen]] = np.minimum(ink[row[seen], at[seen]], values[seen])
        where[row[seen], at[seen]] = True


def mend(strip, top, bottom):
    """Return the ink between two rows of a strip where strokes go on from one to the other, leaning by up to 45°."""
    mended = np.zeros_like(strip)
    above, below = strip[top - 1 : top + 1].max(axis=0), strip[bottom : bottom + 2].max(axis=0)
    height = bottom - top + 1
    for lean in range(-height, height + 1):
        for row in range(top, bottom + 1):
            share = (row - top + 1) / (height + 1)
            up, down = round(lean * share), lean - round(lean * share)
            from_above = shifted(above, up)
            from_below = shifted(below, -down)
            mended[row] = np.maximum(mended[row], np.minimum(from_above, from_below))
    return mended


def shifted(levels, by):
    """Return the levels (columns,) moved to the right by so many columns, with 0 coming in."""
    moved = np.zeros_like(levels)
    if by >= 0:
        moved[by:] = levels[: len(levels) - by]
    else:
        moved[:by] = levels[-by:]
    return moved

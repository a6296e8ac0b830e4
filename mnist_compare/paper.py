"""The paper that a digit is written on: where the page lies, what light falls on it, which lines are printed."""

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.transform import ProjectiveTransform, warp

PAGE_SIZE = 280  # pixels along the longer side, at which the page is looked for
LARGEST_PAGE = 560  # pixels along the longer side of a page that is turned upright


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
    grey = resized(grey, 2 * LARGEST_PAGE)
    corners = corners * max(grey.shape) / min(PAGE_SIZE, max(grey.shape))
    top, right, bottom, left = (np.linalg.norm(corners[i] - corners[i - 1]) for i in (1, 2, 3, 0))
    rows, columns = round((left + right) / 2), round((top + bottom) / 2)
    rectangle = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)])
    onto_picture = ProjectiveTransform.from_estimate(rectangle, corners - 0.5)
    inset = max(2, round(PAGE_INSET * max(rows, columns)))
    page = warp(grey, onto_picture, output_shape=(rows, columns), order=1, mode="edge")
    return page[inset:-inset, inset:-inset]


PAGE_INSET = 0.015  # of the page's longer side is cut off all round: the edge is blurred, and never quite straight


def page_corners(grey):
    """Return the corners of the page, (column, row) from the top left clockwise, or None: float (4, 2)."""
    if max(grey.shape) < 100:
        return None
    paper = np.log(filled(ndimage.gaussian_filter(grey, 0.7), max(grey.shape) // 12).clip(0.02))
    gradient = [ndimage.gaussian_gradient_magnitude(paper, sigma) for sigma in (1.5, 6)]
    parts, _ = ndimage.label(gradient[0] - 1.2 * gradient[1] < 0.006)
    rows, columns = (np.linspace(-1, 1, side) for side in grey.shape)
    central = np.exp(-np.add.outer(rows**2, columns**2) * 4)
    weight = np.bincount(parts.flat, central.flat)
    weight[0] = 0
    page = ndimage.binary_fill_holes(ndimage.binary_dilation(parts == weight.argmax(), iterations=2))
    if not 0.15 < page.mean() < 0.96 or np.median(grey[page]) < 0.9 * np.median(grey[~page]):
        return None
    return quadrilateral(page)


def quadrilateral(page):
    """Return the corners of the quadrilateral that a mask fills within its frame, as page_corners does, or None."""
    frame = np.zeros(page.shape, bool)
    frame[4:-4, 4:-4] = True
    outline = page & ~ndimage.binary_erosion(page, border_value=1) & frame
    points = np.argwhere(outline)[:, ::-1] + 0.5
    if len(points) < 20:
        return None
    smooth = ndimage.gaussian_filter(page.astype(float), 3, mode="nearest")
    outward = -np.stack([ndimage.sobel(smooth, axis=1)[outline], ndimage.sobel(smooth, axis=0)[outline]], axis=1)
    angle = np.angle(np.mean(np.exp(4j * np.arctan2(outward[:, 1], outward[:, 0])))) / 4  # the sides', modulo 90°
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points, outward = points @ turn.T, outward @ turn.T
    everywhere = (np.argwhere(page)[:, ::-1] + 0.5) @ turn.T
    sides = []  # (intercept, slope) of each: top, right, bottom, left
    for axis, sign in ((1, -1), (0, 1), (1, 1), (0, -1)):
        on_side = (sign * outward[:, axis] > abs(outward[:, 1 - axis]))
        along, across = points[on_side, 1 - axis], points[on_side, axis]
        if len(along) < 0.15 * max(page.shape):
            sides.append(None)
            continue
        for _ in range(3):
            slope, intercept = np.polyfit(along, across, 1)
            misfit = np.abs(across - slope * along - intercept)
            kept = misfit <= max(1, np.quantile(misfit, 0.8))
            along, across = along[kept], across[kept]
        sides.append((intercept, slope))
    for i, (axis, extreme) in enumerate(((1, np.min), (0, np.max), (1, np.max), (0, np.min))):
        if sides[i] is None:
            slope = sides[i - 2][1] if sides[i - 2] is not None else 0
            sides[i] = (extreme(everywhere[:, axis] - slope * everywhere[:, 1 - axis]), slope)
    corners = []
    for (level, rise), (place, lean) in ((sides[0], sides[3]), (sides[0], sides[1]), (sides[2], sides[1]), (sides[2], sides[3])):
        down = (level + rise * place) / (1 - rise * lean)
        corners.append((place + lean * down, down))
    corners = np.array(corners)
    inside = np.ones(page.shape, bool)
    rows, columns = np.indices(page.shape) + 0.5
    turned = corners @ turn
    for start, end in zip(turned, np.roll(turned, -1, axis=0)):
        inside &= (end[0] - start[0]) * (rows - start[1]) - (end[1] - start[1]) * (columns - start[0]) >= 0
    if (inside & page).sum() < 0.92 * (inside | page).sum():
        return None
    return turned


# The light

WINDOWS = (1 / 30, 1 / 10, 1 / 3)  # of the longer side: how wide the strokes may be that are filled to see the paper


def paper_light(light):
    """Return what the paper would look like without ink, shadows and all: float (rows, columns), as `light`.

    Closing fills all that is dark and narrower than its window and leaves the lighting. The narrowest window that
    fills the strokes is best, as it follows soft shadows: a step that is left in what it returns is the edge of a
    wider stroke.
    """
    size = max(light.shape)
    inner = tuple(slice(size // 16, side - size // 16) for side in light.shape)  # a line along the border has no width
    for share in WINDOWS if min(light.shape) >= 100 else WINDOWS[-1:]:  # in a small picture all is sharp
        paper = filled(light, int(share * size) + 1)
        if share < WINDOWS[-1]:
            log = np.log(paper.clip(0.02))
            sharp, soft = (ndimage.gaussian_gradient_magnitude(log, size / part) for part in (140, 35))
            if (sharp - 1.3 * soft)[inner].max() < 0.015:
                return paper
    return paper


def filled(light, window):
    """Return `light` with all filled that is dark and narrower than the window, a square of so many pixels a side.

    Beyond the border the lighting is taken to go on as it is there.
    """
    inside = tuple(slice(window, window + side) for side in light.shape)
    return ndimage.grey_closing(np.pad(light, window, mode="edge"), (window, window))[inside]


# Lines


def without_lines(ink):
    """Return how much ink is where without the lines that run through, and where they ran: float and bool, as `ink`.

    ink: float (rows, columns), 0 for bare paper to 1.
    """
    lines = np.zeros(ink.shape, bool)
    if max(ink.shape) < 100:
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
    border to border that move by at most one row a column, those that are the darkest both from where they begin and
    to where they end (Cardoso et al., 2009, Staff Detection with Stable Paths, doi:10.1109/TPAMI.2009.34).
    """
    rows, columns = ink.shape
    width = max(ink.shape) // 40  # pixels: lines are narrower
    thick = ndimage.grey_opening(ink, (width, 1))
    hidden = thick > 0.1  # there a stroke may hide the line
    along = means_along(ink - thick, ~hidden, max(ink.shape) // 16)
    along = (np.where(hidden, ndimage.grey_dilation(along, (1, 4 * width)), along) - np.median(along)).clip(0)
    faintest = max(0.025, noise)
    spare = rows // 5
    dark = np.pad(along.clip(0, 0.15), ((spare, spare), (0, 0)), constant_values=0.02)
    courses = []
    most = 0.15
    while True:  # a line beside a darker one has no stable path until that one is gone
        dark = np.pad(along.clip(0, most), ((spare, spare), (0, 0)), constant_values=0.02)
        for course in courses:
            dark[np.abs(np.arange(len(dark))[:, None] - spare - course) <= width / 2] = 0
        before = len(courses)
        for path in stable_paths(dark, faintest):
            course, level = line_course(along, hidden, path - spare, courses, faintest)
            if course is not None:
                courses.append(course)
                most = min(most, 1.3 * level)  # all lines are about as dark, and strokes lead no path away from them
        if len(courses) == before:
            return courses


def line_course(along, hidden, path, known, faintest):
    """Return the smooth course of the line that a path follows, float (columns,), and how dark it is; or None and 0.

    A path may leave the line for a stroke: the course is drawn from a part of the path, and must be dark all along.
    """
    rows, columns = along.shape
    everywhere = np.arange(columns)
    inside = (path >= 2) & (path < rows - 2)
    free = inside & ~hidden[path.clip(0, rows - 1), everywhere]
    at = np.flatnonzero(free)
    if len(at) < columns / 6:
        return None, 0
    for part in (at, at[: len(at) // 2], at[len(at) // 2 :], at[: len(at) // 3], at[-len(at) // 3 :]):
        line = np.polynomial.Polynomial.fit(part, path[part], 1)
        for degree in (1, 2, 2):
            middle = np.rint(line(everywhere)).astype(int)
            rows_near = middle + np.arange(-2, 3)[:, None]
            usable = (middle >= 2) & (middle < rows - 2)
            usable[usable] &= ~hidden[middle[usable], everywhere[usable]]
            if usable.sum() < columns / 6:
                break
            near = along[rows_near[:, usable], everywhere[usable]]
            line = np.polynomial.Polynomial.fit(everywhere[usable], middle[usable] + near.argmax(axis=0) - 2, degree)
        else:
            course = line(everywhere)
            levels = near[1:-1].max(axis=0)
            level = np.median(levels)
            if any(np.nanmedian(np.abs(other - course)) < 2 for other in known):
                continue
            if level > faintest and np.mean(levels > 0.4 * level) > 0.92:
                return np.where((course > -1) & (course < rows), course, np.nan), level
    return None, 0


def means_along(thin, known, length):
    """Return the means along short strokes, nearly level, around each pixel: the largest of some slopes."""
    offsets = np.arange(length) - length // 2
    best = np.zeros_like(thin)
    for slope in SLOPES:
        rows = np.rint(slope * offsets).astype(int)
        kernel = np.zeros((2 * abs(rows).max() + 1, length))
        kernel[rows + abs(rows).max(), np.arange(length)] = 1 / length
        share = ndimage.correlate(known.astype(float), kernel, mode="nearest")
        mean = ndimage.correlate(np.where(known, thin, 0), kernel, mode="nearest") / np.maximum(share, 0.2)
        best = np.maximum(best, mean)
    return best


SLOPES = np.linspace(-0.2, 0.2, 5)


def stable_paths(dark, faintest):
    """Return the stable paths of largest sum from left to right, int (columns,) each: the row in every column."""
    rows, columns = dark.shape

    def sweep(dark):
        score, origin = dark[:, 0].copy(), np.arange(rows)
        moves = np.zeros((columns, rows), np.int8)
        for column in range(1, columns):
            beside = np.pad(score, 1, constant_values=-np.inf)
            choices = np.stack([beside[1:-1], beside[:-2] - DIAGONAL, beside[2:] - DIAGONAL])
            move = choices.argmax(axis=0)
            moves[column] = np.array([0, -1, 1])[move]
            before = np.arange(rows) + moves[column]
            score, origin = choices[move, np.arange(rows)] + dark[:, column], origin[before]
        return score, origin, moves

    score, origin, moves = sweep(dark)
    _, end_of, _ = sweep(dark[:, ::-1])  # [start] → the end of the best path from there
    ends = np.flatnonzero(end_of[origin] == np.arange(rows))
    paths = np.empty((columns, len(ends)), int)
    paths[-1] = ends
    for column in range(columns - 1, 0, -1):
        paths[column - 1] = paths[column] + moves[column, paths[column]]
    levels = np.sort(dark[paths, np.arange(columns)[:, None]], axis=0)
    return paths.T[levels[2 * columns // 3] > faintest]


DIAGONAL = 0.005  # ink: what a move by a row costs a path


def remove_line(ink, course, noise, where):
    """Take a line out of `ink`, in place, mend the strokes that it crossed, and mark it in `where`."""
    rows, columns = ink.shape
    reach = max(ink.shape) // 50 + 2
    inside = ~np.isnan(course)
    at = np.flatnonzero(inside)
    offsets = np.arange(-2 * reach, 2 * reach + 1)
    # the strip along the line, straightened: (offsets, columns)
    places = course[at] + offsets[:, None]
    strip = ndimage.map_coordinates(ink, [places, np.broadcast_to(at, places.shape)], order=1, mode="nearest")
    profile = np.median(strip, axis=1) - np.median(strip[[0, 1, -2, -1]])
    peak = profile[2 * reach - 1 : 2 * reach + 2].max()
    wide = np.flatnonzero(profile > max(0.12 * peak, 0.01))
    wide = wide[np.abs(offsets[wide]) <= reach]
    if len(wide) == 0:
        return
    first, last = offsets[wide[0]], offsets[wide[-1]]
    core = strip[wide].sum(axis=0) / profile[wide].sum()
    strength = ndimage.median_filter(core, max(columns // 5, 9), mode="nearest")
    line = np.where((offsets >= first - 1) & (offsets <= last + 1), profile.clip(0), 0)[:, None] * strength
    rest = 1 - (1 - strip) / (1 - line.clip(0, 0.9))
    rest = np.where(rest > 0.35 * line + 2 * noise, rest, 0)
    mended = mend(strip, 2 * reach + first - 1, 2 * reach + last + 1)
    cleaned = np.maximum(rest, mended)
    for i, offset in enumerate(offsets):
        if first - 1 <= offset <= last + 1:
            row = np.rint(course[at] + offset).astype(int)
            ok = (row >= 0) & (row < rows)
            exact = np.clip(row - course[at] + 2 * reach, 0, len(offsets) - 1)
            values = ndimage.map_coordinates(cleaned, [exact, np.arange(len(at))], order=1)
            ink[row[ok], at[ok]] = np.minimum(ink[row[ok], at[ok]], values[ok])
            where[row[ok], at[ok]] = True


def mend(strip, top, bottom):
    """Return the ink between two rows of a strip as far as strokes go on from one to the other, at up to 45°."""
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
    """Return the levels (columns,) moved to the right, nothing coming in."""
    moved = np.zeros_like(levels)
    if by >= 0:
        moved[by:] = levels[: len(levels) - by]
    else:
        moved[:by] = levels[-by:]
    return moved


# A box


def within_box(mask):
    """Return what lies within a printed box, bool (rows, columns), as the mask of ink, `mask`; None without a box."""
    if min(mask.shape) < 100:
        return None
    spare = 6  # pixels around the picture, for `quadrilateral` looks at no outline along its frame
    parts, _ = ndimage.label(ndimage.binary_dilation(mask), np.ones((3, 3)))  # over gaps of two pixels
    for number, box in enumerate(ndimage.find_objects(parts), 1):
        height, width = (side.stop - side.start for side in box)
        if min(height, width) < 0.15 * max(mask.shape) or min(height, width) < 0.4 * max(height, width):
            continue
        part = parts == number
        for strip in (part[:4], part[:-5:-1], part.T[:4], part.T[:-5:-1]):  # what the picture cuts off is closed there
            touched = np.flatnonzero(strip.any(axis=0))
            if len(touched):
                strip[:, touched[[0, -1]]] = True
                strip[0, touched[0] : touched[-1]] = True
        part = np.pad(part, spare)
        whole = ndimage.binary_fill_holes(part)
        if part.sum() > 0.4 * whole.sum() or (corners := quadrilateral(whole)) is None:
            continue
        rows, columns = np.indices(part.shape) + 0.5
        away = np.min([distance(rows, columns, corners[i - 1], corners[i]) for i in range(4)], axis=0)
        line = max(2, 2 * np.median(away[part & (away < 0.05 * max(height, width))]))
        inside = whole & (away > line + 1)
        return inside[spare:-spare, spare:-spare]
    return None


def distance(rows, columns, start, end):
    along = (end - start) / np.linalg.norm(end - start)
    return np.abs((columns - start[0]) * along[1] - (rows - start[1]) * along[0])

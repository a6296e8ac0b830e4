"""Where the strokes of a pen are among all that is darker than the paper."""

import numpy as np
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold, threshold_otsu
from skimage.morphology import remove_small_objects, skeletonize

from mnist_compare.digits import borders_reached, sides_of
from mnist_compare.paper import NO_INK
from mnist_compare.pictures import SMALL

NOISE = 3  # standard deviations of the paper's grain by which ink is darker, at least
FAINT = 0.1  # of the paper's light: the least that ink takes away
SPECK = 8  # pixels of area: noise alone may make a patch this large, where only few pixels are ink
SKIPPING = 0.55  # of the threshold: how faint a thin stroke may become on its way, where the pen skips
THIN_LINE = 5  # pixels: the strokes of ballpoints and pencils, and the lines of paper, are thinner
RESIDUE = 0.45  # of the darkest part's ink: a fainter part is what is left of lines or shadows
SHARP = 12  # shadows fade over 1/12 of the picture's longer side or more; edges of ink are steeper

LINES = (
    "Lines were found that run through the picture and cannot be told from ink: crop the picture to the digit with a "
    "little paper around it, take it straight from above, or write on plain paper."
)


def find_strokes(ink, paper, least):
    """Return where strokes are: bool (rows, columns).

    ink: 0 to 1; paper: its light; least: how much of the light strokes take away, at least. The threshold is Otsu's,
    first among all pixels. Where thin strokes are so few of them that it only tells two kinds of paper apart, it is
    sought again among the darker pixels.
    """
    middle = np.median(ink)
    spread = 1.5 * np.median(np.abs(ink - middle))
    for among in (ink, ink[ink > middle + max(4 * spread, 0.5 * FAINT)]):
        if among.size == 0 or np.ptp(among) == 0:
            continue
        threshold = threshold_otsu(among)
        mask = ink > threshold
        if among is not ink:
            mask = remove_small_objects(mask, max_size=SPECK, connectivity=2)
        if not mask.any():
            continue
        background, noise, full = ink_levels(ink, mask)
        if is_thin(mask):
            lower = background + max(NOISE * noise, SKIPPING * (threshold - background), 0.25 * (full - background))
            mask = apply_hysteresis_threshold(ink, min(lower, threshold), threshold)
        if full - background >= max(FAINT, NOISE * noise) and np.median((ink * paper)[mask]) >= least:
            return mask
    raise ValueError(NO_INK)


def ink_levels(ink, mask):
    """Return the ink of the background, its standard deviation if the noise is Gaussian, and the ink of the strokes."""
    background = np.median(ink[~mask])
    return background, 1.5 * np.median(np.abs(ink[~mask] - background)), np.median(ink[mask])


def is_thin(mask):
    return mask.sum() < THIN_LINE * skeletonize(mask).sum()


def without_residue(mask, ink, line_level):
    """Return the mask of strokes without what is left of lines and shadows; raise ValueError if that is all.

    line_level: how dark the lines were that were taken out, 0 if none were.
    """
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    if count == 0:
        raise ValueError(NO_INK)
    boxes = ndimage.find_objects(parts)
    size = max(mask.shape)
    lengths = np.array([max(sides_of(box)) for box in boxes])
    free = np.array([_is_free(box, mask.shape) for box in boxes])  # of the picture's border
    level = ndimage.median(ink[mask], parts[mask], np.arange(1, count + 1))
    straight = np.bincount(parts.flat)[1:] < 3 * lengths
    dropped = np.zeros(count, bool)
    if line_level > 0:
        dropped = straight & (level < np.where(free, 1, 2) * line_level) | ~free & (lengths < 0.15 * size)
    digits = free & ~dropped & (lengths >= 0.1 * size)
    if digits.any():  # then fainter parts are none, nor are those along the border or into it
        dropped |= ~free & (straight | (lengths > 0.4 * size)) | (level < RESIDUE * level[digits].max())
    mask = mask & ~np.isin(parts, np.flatnonzero(dropped) + 1)
    if not mask.any():
        raise ValueError(NO_INK)
    across = any(borders_reached(box, mask.shape) >= 2 for box, gone in zip(boxes, dropped, strict=True) if not gone)
    if min(mask.shape) >= SMALL and across and is_thin(mask):
        raise ValueError(LINES)
    return mask


def _is_free(box, shape):
    return all(side.start > 1 and side.stop < end - 1 for side, end in zip(box, shape, strict=True))


def check_edges(mask, light, paper):
    """Raise ValueError if the edges of what was taken for a digit are as soft as a shadow's.

    The edges of ink are sharp nearly all round. Small pictures are not checked, as everything in them is soft; nor are
    thin strokes, which are no shadows, and all edge.
    """
    size = max(mask.shape)
    contour = mask & ~ndimage.binary_erosion(mask)
    slope = np.quantile(ndimage.gaussian_gradient_magnitude(light, size / 140)[contour], 0.4)
    wide = np.median(ndimage.uniform_filter(mask.astype(float), size // 30 + 1)[mask]) > 0.5
    if size >= SMALL and wide and slope * size < SHARP * np.median((paper - light)[mask]):
        raise ValueError(NO_INK)

"""How uncertain a result is: with other writers of the test images and other seeds, it would differ."""

from typing import NamedTuple

import numpy as np

BLOCK = 500  # resamples made at once: with 10,000 images or so, more would take too much memory


class Estimate(NamedTuple):
    """A number with its 95 % interval; f"{estimate:.2f}" gives "1.05 [0.80, 1.31]"."""

    value: float
    low: float
    high: float

    def __format__(self, form):
        return f"{self.value:{form}} [{self.low:{form}}, {self.high:{form}}]"


class Contrast(NamedTuple):
    """How two ways of making networks compare, as `contrast` says.

    first, second: the mean error rate of each, 0 to 1. gap: the first minus the second, in percentage points. ratio:
    the first divided by the second. pairs_won: of all pairs of a network of the first and one of the second, the share
    in which the second makes fewer errors; equal ones count half. If paired: of the pairs at the same place.
    """

    first: Estimate
    second: Estimate
    gap: Estimate
    ratio: Estimate
    pairs_won: float


def contrast(first, second, writers, resamples=10_000, seed=0, paired=False):
    """Return the Contrast of two lists of Runs of the same test images, one Run for each seed.

    writers: Writers of those images. The intervals allow for other writers and other seeds: see resample_errors.
    paired: True where runs at the same place in both lists have learnt from the same small part of the training images.
    Raises ValueError for no runs, for runs of other images, and where the second makes no error, so that there is no
    ratio.
    """
    groups = []
    for runs in (first, second):
        shapes = {np.shape(run.correct) for run in runs}
        if shapes != {writers.writer.shape}:
            raise ValueError(
                f"The runs are of images {sorted(shapes)}, the writers of {writers.writer.shape}: pass one Run at "
                "least in each list, and the Writers of their test images."
            )
        groups.append(np.array([run.correct for run in runs]))
    samples = resample_errors(groups, *writers, paired=paired, resamples=resamples, seed=seed)
    errors = [1 - group.mean(axis=1) for group in groups]
    means = [float(values.mean()) for values in errors]
    if means[1] == 0 or (samples[:, 1] == 0).any():
        raise ValueError("The second networks make too few errors for a ratio: take more test images.")
    difference = errors[0] - errors[1] if paired else errors[0][:, None] - errors[1]
    return Contrast(
        Estimate(means[0], *interval(samples[:, 0])),
        Estimate(means[1], *interval(samples[:, 1])),
        Estimate(100 * (means[0] - means[1]), *interval(100 * (samples[:, 0] - samples[:, 1]))),
        Estimate(means[0] / means[1], *interval(samples[:, 0] / samples[:, 1])),
        float(((difference > 0) + (difference == 0) / 2).mean()),
    )


def resample_errors(groups, writer, series=None, among=None, resamples=10_000, seed=0, paired=False):
    """Return the error rates of groups of networks under resampling, float (resamples, groups), each from 0 to 1.

    groups: a list of bool arrays (S, N), whether the network of each of S seeds classifies each of the N test images
    correctly; S may differ between groups. writer: (N,), who wrote each image. series: (N,), the group of people each
    image comes from; None if all are of one. among: a list of bool arrays like `groups`, of the images that count for
    each network, such as those of one digit; None if all do. Where a resample has none of them, its rate is NaN.
    paired: True to draw the same places from all groups, of equal S, where those belong together: see `contrast`.
    Each resample draws as many writers as there are, with replacement, within each series, and takes all images of
    those drawn, the same for all groups; and it draws the seeds of each group, independently unless paired. So
    a column minus another, or divided by it, shows how far a difference or a ratio may be off. With writer=np.arange(N)
    it resamples images one by one, as if they were independent. Where seeds disagree on single images by mere chance,
    that chance is counted three times, which makes intervals too wide (Owen). With S seeds, the variance between seeds
    comes out too small by a factor of (S - 1) / S: with fewer than about five, intervals may be too narrow.
    A percentile bootstrap of clusters within strata: Davison and Hinkley, Bootstrap Methods and their Application,
    1997, chapter 3.8; of two crossed factors: Owen 2007, Annals of Applied Statistics 1:386.
    Raises ValueError for arrays that do not fit together.
    """
    writer = np.asarray(writer)
    series = np.zeros(len(writer), int) if series is None else np.asarray(series)
    groups = [np.asarray(group) for group in groups]
    for group in groups:
        if group.dtype != bool or group.ndim != 2 or group.shape[1:] != writer.shape or group.size == 0:
            raise ValueError(
                f"A group is of type {group.dtype} and shape {group.shape}, expected bool (seeds, {len(writer)}): "
                "one column for each image that `writer` names."
            )
    among = [np.ones_like(group) for group in groups] if among is None else [np.asarray(part) for part in among]
    forms = [(part.shape, part.dtype) for part in among]
    if forms != [(group.shape, group.dtype) for group in groups]:
        raise ValueError(
            f"`among` has the shapes {[part.shape for part in among]}, expected bool arrays of the shapes of the "
            f"groups, {[group.shape for group in groups]}."
        )
    if writer.ndim != 1 or series.shape != writer.shape:
        raise ValueError(
            f"writer and series have the shapes {writer.shape} and {series.shape}, expected the same (N,)."
        )
    if not isinstance(resamples, (int, np.integer)) or resamples < 1:
        raise ValueError(f"resamples={resamples!r}, expected a whole number from 1.")
    if paired and len({len(group) for group in groups}) > 1:
        raise ValueError(
            f"The groups are paired but have {', '.join(str(len(group)) for group in groups)} networks, expected as "
            "many in each: leave out those without a partner, or set paired=False."
        )
    people, number = np.unique(writer, return_inverse=True)
    series_of = np.empty(len(people), series.dtype)
    series_of[number] = series
    if not np.array_equal(series_of[number], series):
        raise ValueError("Somebody's images are of two series: expected each writer within one.")
    generator = np.random.default_rng(seed)
    strata = [np.flatnonzero(series_of == one) for one in np.unique(series_of)]

    def by_person(answers):
        """(people, seeds): of each person's images, how many are True for each seed."""
        return np.stack([np.bincount(number, row, minlength=len(people)) for row in answers]).T

    wrong = [by_person(~group & counts) for group, counts in zip(groups, among, strict=True)]
    shown = [by_person(counts) for counts in among]
    rates = np.empty((resamples, len(groups)))
    for start in range(0, resamples, BLOCK):
        block = rates[start : start + BLOCK]
        drawn = np.empty((len(block), len(people)))  # how often each person is drawn
        for stratum in strata:
            drawn[:, stratum] = _times_drawn(generator, len(block), len(stratum))
        for column, (errors, images) in enumerate(zip(wrong, shown, strict=True)):
            if column == 0 or not paired:
                seeds = _times_drawn(generator, len(block), errors.shape[1])
            with np.errstate(invalid="ignore"):  # none shown
                block[:, column] = (seeds * (drawn @ errors) / (drawn @ images)).mean(axis=1)
    return rates


def _times_drawn(generator, resamples, count):
    """Return how often each of `count` things is drawn, whole numbers (resamples, count), in `count` draws each."""
    drawn = generator.integers(count, size=(resamples, count)) + count * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * count).reshape(resamples, count)


def interval(samples, level=0.95):
    """Return (low, high), between which the middle `level` of the samples lie: a percentile interval."""
    samples = np.asarray(samples, float)
    if samples.ndim != 1 or samples.size == 0 or not np.isfinite(samples).all() or not 0 < level < 1:
        raise ValueError(
            f"An interval of level {level!r} was asked of samples of shape {samples.shape}: expected finite numbers "
            "(resamples,) and a level between 0 and 1."
        )
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def expected_best(values):
    """Return the mean best of n of the values, float (N,), for n from 1 to N: what to expect of a search of n trials.

    values: (N,), one for each trial, the larger the better. The mean is over all choices of n of the N trials, without
    replacement, so that nothing is random about it: the k-th smallest value is the best of C(k - 1, n - 1) of the
    C(N, n) choices. After Dodge et al., Show your work, 2019, https://arxiv.org/abs/1909.03004, who draw with
    replacement, which is biased where n comes near N.
    Raises ValueError for no values, or values that are no finite numbers.
    """
    values = np.sort(np.asarray(values, float))
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"The values have the shape {values.shape}, expected finite numbers (trials,), at least one.")
    count = len(values)
    best = np.empty(count)
    for n in range(1, count + 1):
        # C(k - 1, n - 1) / C(N, n) for k = n … N, from the largest k down: first n / N, then each times a factor.
        weights = np.zeros(count)
        weight = n / count
        for k in range(count, n - 1, -1):
            weights[k - 1] = weight
            weight *= (k - n) / (k - 1) if k > 1 else 0
        best[n - 1] = weights @ values
    return best

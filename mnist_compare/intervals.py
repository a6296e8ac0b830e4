"""How far what was measured may be off: by other writers of the test images, and by other seeds."""

import numpy as np


def resample_errors(groups, writer, series=None, resamples=10_000, seed=0):
    """Return the error rates of groups of networks under resampling, float (resamples, groups), each from 0 to 1.

    groups: a list of bool arrays (S, N), whether the network of each of S seeds classifies each of the N test images
    correctly; S may differ between groups. writer: (N,), who wrote each image. series: (N,), the group of people each
    image comes from; None if that is one.
    Each resample draws as many writers as there are, with replacement, within each series, and takes all images of
    those drawn, the same for all groups; and it draws the seeds of each group, independently of the other groups. So
    a column minus another, or divided by it, shows how far a difference or a ratio may be off. With writer=np.arange(N)
    it resamples images one by one, as if they were independent. Where seeds disagree on single images by mere chance,
    that chance is counted three times, and the intervals are too wide rather than too narrow (Owen).
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
    if writer.ndim != 1 or series.shape != writer.shape:
        raise ValueError(
            f"writer and series have the shapes {writer.shape} and {series.shape}, expected the same (N,)."
        )
    if not isinstance(resamples, (int, np.integer)) or resamples < 1:
        raise ValueError(f"resamples={resamples!r}, expected a whole number from 1.")
    people, number, images = np.unique(writer, return_inverse=True, return_counts=True)
    series_of = np.empty(len(people), series.dtype)
    series_of[number] = series
    if not np.array_equal(series_of[number], series):
        raise ValueError("Somebody's images are of two series: expected each writer within one.")
    generator = np.random.default_rng(seed)
    drawn = np.zeros((resamples, len(people)))  # how often each person is drawn
    for one in np.unique(series_of):
        of_it = np.flatnonzero(series_of == one)
        drawn[:, of_it] = generator.multinomial(len(of_it), np.full(len(of_it), 1 / len(of_it)), size=resamples)
    rates = np.empty((resamples, len(groups)))
    for column, group in enumerate(groups):
        wrong = np.stack([np.bincount(number, ~right, minlength=len(people)) for right in group])  # (seeds, people)
        seeds = generator.multinomial(len(group), np.full(len(group), 1 / len(group)), size=resamples)
        rates[:, column] = (seeds * (drawn @ wrong.T)).sum(axis=1) / (len(group) * (drawn @ images))
    return rates


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
    """Return the mean best of n of the values, float (N,), for n from 1 to N: what a search of n trials may expect.

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
        # C(k - 1, n - 1) / C(N, n) for k = n … N, from the largest down: n / N, and on by a factor each.
        weights = np.zeros(count)
        weight = n / count
        for k in range(count, n - 1, -1):
            weights[k - 1] = weight
            weight *= (k - n) / (k - 1) if k > 1 else 0
        best[n - 1] = weights @ values
    return best

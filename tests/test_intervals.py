from itertools import combinations, product
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from mnist_compare.intervals import Estimate, contrast, expected_best, interval, resample_errors
from mnist_compare.writers import Writers


def test_one_writer_an_image_and_one_seed_is_the_plain_bootstrap():
    """Of a binomial share: its standard deviation is known."""
    right = np.arange(400)[None] >= 40
    errors = resample_errors([right], np.arange(400), resamples=20_000)[:, 0]
    assert errors.mean() == pytest.approx(0.1, abs=0.001)
    assert errors.std() == pytest.approx(np.sqrt(0.1 * 0.9 / 400), rel=0.03)


def test_all_resamples_of_a_small_case_are_drawn_as_often_as_by_enumeration():
    """Two series with two writers each, two seeds: every draw can be listed."""
    writer = np.array([7, 7, 7, 3, 5, 5, 9])
    series = np.array([4, 4, 4, 4, 0, 0, 0])
    right = np.array([[1, 0, 1, 1, 0, 0, 1], [1, 1, 1, 0, 0, 1, 0]], bool)
    listed = []
    for students in product([7, 3], repeat=2):
        for employees in product([5, 9], repeat=2):
            images = np.concatenate([np.flatnonzero(writer == person) for person in (*students, *employees)])
            for seeds in product([0, 1], repeat=2):
                listed.append(1 - right[np.ix_(seeds, images)].mean())
    errors = resample_errors([right], writer, series, resamples=50_000)[:, 0]
    values = np.unique(np.round(listed, 9))
    expected = [np.mean(np.isclose(listed, value)) for value in values]
    found = [np.mean(np.isclose(errors, value)) for value in values]
    assert sum(found) == pytest.approx(1)
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_writers_are_common_to_the_groups_and_seeds_are_not():
    generator = np.random.default_rng(0)
    writer = np.repeat(np.arange(50), 20)
    hard = np.repeat(generator.random(50), 20)
    by_writers = np.tile(generator.random(1000) > hard, (3, 1))  # all seeds alike: only the writers vary
    errors = resample_errors([by_writers, by_writers], writer)
    np.testing.assert_allclose(errors[:, 0], errors[:, 1], rtol=1e-12)
    assert errors[:, 0].std() > 0
    by_seeds = np.zeros((4, 1000), bool)
    by_seeds[:2] = True  # all images alike: only the seeds vary
    errors = resample_errors([by_seeds, by_seeds], writer)
    assert abs(np.corrcoef(errors.T)[0, 1]) < 0.05
    assert errors[:, 0].std() == pytest.approx(0.5 / np.sqrt(4), rel=0.05)


def test_the_interval_covers_a_known_truth_where_images_are_not_independent():
    """Writers and seeds differ, and the two networks share the writers. Image by image it would cover too rarely."""
    generator = np.random.default_rng(1)
    truth, trials = 0.05, 200  # the second network errs in 5 % of the images more
    writer = np.repeat(np.arange(40), 30)
    series = np.where(writer < 28, 4, 0)
    covered = {"writers": 0, "images": 0}
    for _ in range(trials):
        hard = np.repeat(generator.beta(1, 4, 40), 30) * 0.6 + np.where(series == 4, 0.1, 0)
        more = np.repeat(generator.normal(truth, 0.1, 40), 30)
        groups = []
        for p in (hard + 0.1, hard + 0.1 + more):
            image = generator.random(1200)  # what decides is the image, for all seeds: they err on the same ones
            groups.append(image > p + generator.normal(0, 0.02, (12, 1)))
        for name, given in (("writers", (writer, series)), ("images", (np.arange(1200), None))):
            errors = resample_errors(groups, *given, resamples=250)
            low, high = interval(errors[:, 1] - errors[:, 0])
            covered[name] += low <= truth <= high
    assert 0.91 < covered["writers"] / trials < 0.98
    assert covered["images"] / trials < covered["writers"] / trials - 0.04


def test_an_interval_holds_the_middle_part():
    assert interval(np.arange(101)) == pytest.approx((2.5, 97.5))
    assert interval(np.arange(101), level=0.5) == pytest.approx((25, 75))


@pytest.mark.parametrize("count", [1, 2, 6])
def test_the_expected_best_is_the_mean_over_all_choices(count):
    values = np.random.default_rng(count).random(count)
    values[-1] = values[0]  # ties
    expected = [np.mean([max(chosen) for chosen in combinations(values, n)]) for n in range(1, count + 1)]
    np.testing.assert_allclose(expected_best(values), expected)


def test_the_expected_best_of_many():
    best = expected_best(np.arange(1000))
    assert best[0] == pytest.approx(499.5) and best[-1] == 999 and (np.diff(best) >= 0).all()
    assert best[1] == pytest.approx(1001 * 2 / 3 - 1)  # of two without replacement


RIGHT = np.ones((2, 4), bool)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (([RIGHT], np.arange(3)), r"shape \(2, 4\), expected bool \(seeds, 3\)"),
        (([RIGHT.astype(float)], np.arange(4)), "float64"),
        (([RIGHT[0]], np.arange(4)), "seeds, 4"),
        (([RIGHT], np.arange(4), np.arange(3)), r"\(4,\) and \(3,\)"),
        (([RIGHT], np.array([0, 0, 1, 1]), np.array([0, 4, 0, 0])), "two series"),
        (([RIGHT], np.arange(4), None, None, 0), "resamples=0"),
    ],
)
def test_arrays_that_do_not_fit_together(arguments, said):
    with pytest.raises(ValueError, match=said):
        resample_errors(*arguments)


@pytest.mark.parametrize("call", [lambda: interval([]), lambda: interval([1, np.nan]), lambda: interval([1], 95)])
def test_samples_without_an_interval(call):
    with pytest.raises(ValueError, match="expected finite numbers"):
        call()


@pytest.mark.parametrize("values", [[], [np.inf], [[1]]])
def test_values_without_a_best(values):
    with pytest.raises(ValueError, match="expected finite numbers"):
        expected_best(values)


def test_among_some_images_the_rates_are_those_of_precision_and_recall():
    """In a plain loop that draws people one by one; and scikit-learn for the scores of all images."""
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 10, 500)
    predictions = np.where(generator.random((2, 500)) < 0.2, generator.integers(0, 10, (2, 500)), labels)
    writer = np.repeat(np.arange(25), 20)
    right = predictions == labels
    found = resample_errors(
        [right, right, right[:1]],
        writer,
        among=[predictions == 4, np.tile(labels == 4, (2, 1)), labels[None] == 4],
        resamples=20_000,
    )
    scores = []
    for _ in range(4000):
        images = np.concatenate([np.flatnonzero(writer == person) for person in generator.integers(25, size=25)])
        truth, seeds = labels[images] == 4, predictions[:, images] == 4
        precision = [(truth & seed).sum() / seed.sum() for seed in seeds]
        recall = [(truth & seed).sum() / truth.sum() for seed in seeds]
        drawn = generator.integers(2, size=2)
        scores.append([np.mean(np.take(precision, drawn)), np.mean(np.take(recall, drawn)), recall[0]])
    expected = 1 - np.array(scores, float)
    by_library = [precision_recall_fscore_support(labels, seed, labels=[4])[:2] for seed in predictions]
    np.testing.assert_allclose(1 - found.mean(axis=0)[:2], np.mean(by_library, axis=0)[:, 0], atol=0.01)
    np.testing.assert_allclose(found.mean(axis=0), expected.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(found.std(axis=0), expected.std(axis=0), rtol=0.08)


def test_a_rate_among_no_images_is_nan():
    right = np.array([[True, False]])
    errors = resample_errors([right], np.array([0, 1]), among=[np.array([[False, True]])], resamples=1000)[:, 0]
    assert set(errors[~np.isnan(errors)]) == {1.0} and 0.2 < np.isnan(errors).mean() < 0.3


def runs_of(*wrong):
    """A Run for each list of the images, of 40, that are wrong."""
    return [SimpleNamespace(correct=~np.isin(np.arange(40), images)) for images in wrong]


WRITERS = Writers(np.arange(40) // 4, np.where(np.arange(40) < 20, 4, 0))


def test_a_contrast_by_hand():
    each = range(0, 40, 4)  # one image of every writer, so that no resample is without an error
    first, second = runs_of([*each, 1, 2, 3, 21, 31], [*each, 1, 2]), runs_of([*each], [*each, 5, 6])
    found = contrast(first, second, WRITERS)
    assert found.first.value == pytest.approx(13.5 / 40) and found.second.value == pytest.approx(11 / 40)
    assert found.gap.value == pytest.approx(100 * 2.5 / 40) and found.ratio.value == pytest.approx(13.5 / 11)
    assert found.pairs_won == (1 + 1 + 1 + 0.5) / 4  # 15 errors against 10 and 12, 12 against 10 and 12
    samples = resample_errors([np.array([run.correct for run in runs]) for runs in (first, second)], *WRITERS)
    assert found.gap[1:] == interval(100 * (samples[:, 0] - samples[:, 1]))
    assert found.ratio[1:] == interval(samples[:, 0] / samples[:, 1])
    assert found.first[1:] == interval(samples[:, 0]) and found.second[1:] == interval(samples[:, 1])


def test_an_estimate_is_written_with_its_interval():
    assert f"{Estimate(1.054, -0.8, 1.306):+.2f}" == "+1.05 [-0.80, +1.31]"
    assert f"{Estimate(0.011, 0.01, 0.0123):.1%}" == "1.1% [1.0%, 1.2%]"


@pytest.mark.parametrize(
    "first, second, said",
    [
        ([], runs_of([0]), r"of images \[\], the writers of \(40,\)"),
        (runs_of([0]), [SimpleNamespace(correct=np.ones(30, bool))], r"of images \[\(30,\)\]"),
        (runs_of([0]), runs_of([]), "too few errors for a ratio"),
        (runs_of([0]), runs_of([0]), "too few errors for a ratio"),  # in some resamples
    ],
)
def test_a_contrast_that_cannot_be_made(first, second, said):
    with pytest.raises(ValueError, match=said):
        contrast(first, second, WRITERS)


def test_among_must_fit_the_groups():
    right = np.ones((2, 4), bool)
    for among in ([right[:1]], [right.astype(int)], []):
        with pytest.raises(ValueError, match="`among` has the shapes"):
            resample_errors([right], np.arange(4), among=among)


def test_pairs_are_drawn_together():
    """Two networks, the second always 5 points better, in three pairs of different quality."""
    writer, rank = np.repeat(np.arange(20), 10), np.random.default_rng(0).permutation(200)
    groups = [rank >= np.array([[20], [60], [100]]), rank >= np.array([[10], [50], [90]])]
    seeds_alone = [resample_errors(groups, np.zeros(200, int), paired=paired) for paired in (True, False)]
    np.testing.assert_allclose(seeds_alone[0][:, 0] - seeds_alone[0][:, 1], 0.05, rtol=1e-9)
    assert (seeds_alone[1][:, 0] - seeds_alone[1][:, 1]).std() == pytest.approx(
        np.sqrt(2) * np.std([0.1, 0.3, 0.5]) / np.sqrt(3), rel=0.05
    )
    assert seeds_alone[0].std(axis=0) == pytest.approx(seeds_alone[1].std(axis=0), rel=0.05)
    with pytest.raises(ValueError, match="paired but have 3, 1 networks"):
        resample_errors([groups[0], groups[1][:1]], writer, paired=True)
    runs = [[SimpleNamespace(correct=row) for row in group] for group in groups]
    people = Writers(writer, np.zeros(200, int))
    found, loose = contrast(*runs, people, paired=True), contrast(*runs, people)
    assert found.gap.value == loose.gap.value == pytest.approx(5)
    assert found.gap.high - found.gap.low < loose.gap.high - loose.gap.low
    assert found.pairs_won == 1 and loose.pairs_won == pytest.approx(6 / 9)

import math
from dataclasses import replace

import numpy as np
import pytest

from mnist_compare import Recipe
from mnist_compare.tuning import BATCH_SIZES, BOUNDS, recipes_to_try, search


def test_recipes_lie_within_their_bounds_and_fill_them():
    recipes = recipes_to_try(24, 3)
    assert len({*recipes}) == 24 and {recipe.epochs for recipe in recipes} == {3}
    assert {recipe.schedule for recipe in recipes} == {"one_cycle"}
    for optimizer, (low, high) in BOUNDS.items():
        of_it = [recipe for recipe in recipes if recipe.optimizer == optimizer]
        assert len(of_it) == 12
        # Even on a logarithmic scale: each sixth of the range has two of twelve, give or take one.
        heights = [math.log(recipe.learning_rate / low) / math.log(high / low) for recipe in of_it]
        counts = np.bincount([int(6 * height) for height in heights], minlength=6)
        assert len(counts) == 6 and (abs(counts - 2) <= 1).all()
    sizes = [recipe.batch_size for recipe in recipes]
    assert all(6 <= sizes.count(size) <= 10 for size in BATCH_SIZES)


def test_recipes_are_the_points_of_sobols_sequence_by_hand():
    """The first four points of the first two dimensions are (0, 0), (1/2, 1/2), (3/4, 1/4), (1/4, 3/4)."""
    recipes = recipes_to_try(4, 1, {"adam": (0.001, 0.1), "nesterov": (0.01, 1.0)}, [50])
    # In the middle of cells of a quarter: an eighth further. 0.001 * 100 ** (1/8) = 0.00178, and so on.
    expected = [("adam", 0.0018), ("nesterov", 0.18), ("nesterov", 0.056), ("adam", 0.056)]
    assert [(recipe.optimizer, recipe.learning_rate) for recipe in recipes] == expected


def test_one_recipe_is_in_the_middle():
    (recipe,) = recipes_to_try(1, 1, {"adam": (0.001, 0.1)}, [50])
    assert recipe == Recipe("adam", 0.01, 50, 1, "one_cycle")


@pytest.mark.parametrize(
    "change, said",
    [
        ({"count": 0}, "count=0, expected a whole number"),
        ({"count": True}, "count=True"),
        ({"count": 2.0}, "count=2.0"),
        ({"bounds": {}}, r"bounds=\{\}, expected"),
        ({"bounds": [1, 2]}, "bounds="),
        ({"bounds": {"lion": (0.1, 1)}}, "'lion', expected one of sgd, nesterov, adam"),
        ({"bounds": {"adam": (0.1, 0.1)}}, "above 0 and rising"),
        ({"bounds": {"adam": (0, 0.1)}}, "above 0 and rising"),
        ({"bounds": {"adam": (0.1, math.inf)}}, "above 0 and rising"),
        ({"bounds": {"adam": "ab"}}, "above 0 and rising"),
        ({"bounds": {"adam": 0.1}}, "above 0 and rising"),
        ({"batch_sizes": []}, r"batch_sizes=\[\], expected a tuple or list"),
        ({"batch_sizes": [0]}, "batch_size=0"),
        ({"epochs": 0}, "epochs=0"),
    ],
)
def test_recipes_that_cannot_be_made(change, said):
    with pytest.raises(ValueError, match=said):
        recipes_to_try(**{"count": 4, "epochs": 1, **change})


def hill(top, width=1.0, of=("adam", "nesterov")):
    """An accuracy with its maximum at the learning rate `top`, for some optimizers."""
    return lambda recipe: (
        0.5 + 0.4 * math.exp(-((math.log(recipe.learning_rate / top) / width) ** 2)) * (recipe.optimizer in of)
    )


class Trials(list):
    """Answers for trainings by functions of the recipe, and remembers what was tried."""

    def __init__(self, accuracy_of, luck=lambda network, recipe, seed: 0.0):
        self.accuracy_of, self.luck = accuracy_of, luck

    def __call__(self, trials):
        self.extend(trials)
        return [self.accuracy_of[n](recipe) + self.luck(n, recipe, seed) for n, recipe, seed in trials]


def test_both_networks_are_tried_alike_and_each_has_its_best():
    recipes = recipes_to_try(24, 1)
    trials = Trials({"a": hill(0.002, of=["adam"]), "b": hill(0.1, of=["nesterov"])})
    found = search(trials, ["a", "b"], recipes, 3, BOUNDS)
    assert found.recipes == recipes and found.bounds == BOUNDS
    for network in ("a", "b"):
        assert [recipe for n, recipe, seed in trials if (n, seed) == (network, 0)] == recipes
        by_hand = max(range(24), key=lambda i: trials.accuracy_of[network](recipes[i]))
        assert found.winners[network] == by_hand and found.regrets[network][by_hand] == 0
        assert found.means[network][by_hand] == trials.accuracy_of[network](recipes[by_hand])
    assert len(trials) == len({*trials})  # nothing twice


def test_the_second_seed_decides_between_the_best_of_the_first():
    recipes = [Recipe("adam", rate, 50, 1, "one_cycle") for rate in (0.001, 0.002, 0.003, 0.004)]
    first = dict(zip(recipes, (0.80, 0.90, 0.89, 0.70), strict=True))
    second = dict(zip(recipes, (0.99, 0.80, 0.88, 0.99), strict=True))
    found = search(lambda trials: [(first, second)[seed][r] for _, r, seed in trials], ["a"], recipes, 2)
    assert found.winners == {"a": 2} and found.shared == 2 and found.finalists == recipes[1:3]
    np.testing.assert_array_equal(found.accuracies["a"], [[0.8, np.nan], [0.9, 0.8], [0.89, 0.88], [0.7, np.nan]])
    np.testing.assert_allclose(found.means["a"], [0.8, 0.85, 0.885, 0.7])


def test_a_recipe_without_a_second_look_cannot_win():
    recipes = [Recipe("adam", rate, 50, 1, "one_cycle") for rate in (0.001, 0.002, 0.003)]
    first, second = (dict(zip(recipes, row, strict=True)) for row in ((0.90, 0.89, 0.88), (0.70, 0.70, 0.99)))
    found = search(lambda trials: [(first, second)[seed][r] for _, r, seed in trials], ["a"], recipes, 2)
    assert found.winners == {"a": 0}


def test_the_shared_recipe_has_the_least_regret_by_hand():
    recipes = [Recipe("adam", rate, 50, 1, "one_cycle") for rate in (0.001, 0.002, 0.003, 0.004)]
    table = {"a": (0.90, 0.85, 0.70, 0.86), "b": (0.80, 0.90, 0.95, 0.91)}  # largest regrets 0.15, 0.05, 0.2, 0.04
    accuracy = {n: dict(zip(recipes, values, strict=True)) for n, values in table.items()}
    found = search(lambda trials: [accuracy[n][r] for n, r, _ in trials], ["a", "b"], recipes, 2)
    assert found.winners == {"a": 0, "b": 2} and found.shared == 3
    np.testing.assert_allclose(found.regrets["a"], [0, 0.05, 0.2, 0.04])
    assert found.finalists == recipes  # 0 and 3 of network a, 2 and 3 of b, 3 and 1 for both
    # The largest counts, not the sum: 0.05 and 0.05 are better than 0.055 and 0.005.
    accuracy["a"][recipes[3]], accuracy["b"][recipes[3]] = 0.845, 0.945
    assert search(lambda trials: [accuracy[n][r] for n, r, _ in trials], ["a", "b"], recipes, 3).shared == 1
    # Equal largest regrets: then the smaller sum.
    accuracy["b"][recipes[1]], accuracy["b"][recipes[3]] = 0.91, 0.90
    accuracy["a"][recipes[1]], accuracy["a"][recipes[3]] = 0.85, 0.88
    found = search(lambda trials: [accuracy[n][r] for n, r, _ in trials], ["a", "b"], recipes, 3)
    assert max(found.regrets["a"][3], found.regrets["b"][3]) == pytest.approx(0.05)
    assert found.shared == 3


@pytest.mark.parametrize("top, upwards", [(0.05, True), (0.00013, False)])
def test_a_winner_close_to_a_bound_moves_it_for_both_networks(top, upwards):
    recipes = recipes_to_try(24, 1)
    trials = Trials({"a": hill(top, of=["adam"]), "b": hill(0.1, of=["nesterov"])})
    found = search(trials, ["a", "b"], recipes, 3, BOUNDS)
    low, high = found.bounds["adam"]
    assert found.bounds["nesterov"] == BOUNDS["nesterov"]
    assert (low, high) == pytest.approx((0.0002, 0.09) if upwards else (0.0002 / 3, 0.03))
    added = found.recipes[24:]
    strip = (0.03, high) if upwards else (low, 0.0002)
    assert added == recipes_to_try(3, 1, {"adam": strip})  # as dense: 12 on a length of 5.0, so 2.6 on ln 3
    assert all((0.03 < r.learning_rate < 0.09) if upwards else (0.00006 < r.learning_rate < 0.0002) for r in added)
    for network in ("a", "b"):
        assert [recipe for n, recipe, seed in trials if (n, seed) == (network, 0)] == found.recipes
    best = found.recipes[found.winners["a"]].learning_rate
    assert low * 1.5 < best < high / 1.5


def test_without_bounds_nothing_is_added():
    recipes = recipes_to_try(12, 1)
    found = search(Trials({"a": hill(5)}), ["a"], recipes, 3)
    assert found.recipes == recipes and found.bounds is None


@pytest.mark.parametrize(
    "change, said",
    [
        ({"networks": []}, r"\[\] was given, expected a list of names"),
        ({"networks": ["a", "a"]}, "expected a list of names, one at least: give each once"),
        ({"networks": [1]}, "expected a list of names"),
        ({"networks": 5}, "5 was given, expected a list of names"),
        ({"recipes": []}, "expected a list of Recipes"),
        ({"recipes": [*recipes_to_try(2, 1)] * 2}, "expected a list of Recipes, one at least: give each once"),
        ({"recipes": ["adam"]}, "expected a list of Recipes"),
        ({"finalists": 0}, "finalists=0, expected a whole number from 1 to the 4 recipes"),
        ({"finalists": 5}, "finalists=5"),
        ({"bounds": {"adam": (1, 0)}}, "above 0 and rising"),
        ({"try_all": lambda trials: [0.5]}, r"gave \[0.5\] for 4 trials"),
        ({"try_all": lambda trials: [math.nan] * len(trials)}, "expected a list of one number from 0 to 1 for each"),
    ],
)
def test_a_search_that_cannot_be_made(change, said):
    options = {"try_all": Trials({"a": hill(0.1)}), "networks": ["a"], "recipes": recipes_to_try(4, 1), "finalists": 2}
    with pytest.raises(ValueError, match=said):
        search(**{**options, **change})


def test_bounds_are_for_recipes_of_one_length_and_one_cycle():
    recipes = recipes_to_try(4, 1)
    for other in (replace(recipes[0], epochs=2), replace(recipes[0], schedule="constant")):
        with pytest.raises(ValueError, match="differ in their epochs or are not one_cycle"):
            search(Trials({"a": hill(0.1)}), ["a"], [*recipes, other], 2, BOUNDS)


def test_bounds_must_name_what_the_recipes_are_of():
    recipes = [replace(recipe, optimizer="sgd") for recipe in recipes_to_try(4, 1)]
    with pytest.raises(ValueError, match="recipes are of sgd, but the bounds are of adam, nesterov"):
        search(Trials({"a": hill(0.1)}), ["a"], recipes, 2, BOUNDS)

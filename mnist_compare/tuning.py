"""Equal tuning: the same search for a good recipe, for several networks alike."""

import math
import reprlib
from collections import Counter
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.stats import qmc

from mnist_compare.training import OPTIMIZERS, Recipe

# The lowest and the highest peak learning rate between which a search looks for good ones.
BOUNDS = {"adam": (0.0002, 0.03), "nesterov": (0.01, 1.0)}
BATCH_SIZES = (50, 125, 250)
NEAR = 1.5  # if a winner is within this factor of a bound, a better rate may lie beyond it
WIDER = 3  # the factor by which a bound is then moved


class Search(NamedTuple):
    """What `search` has found.

    recipes: every Recipe tried, in order. accuracies: {network: float (recipes, 2)}, by recipe and seed, NaN where the
    second seed was not tried. winners: {network: index into recipes}. shared: the index of the recipe with the least
    regret. bounds: the final ones, or None.
    """

    recipes: list
    accuracies: dict
    winners: dict
    shared: int
    bounds: dict | None

    @property
    def means(self):
        """{network: float (recipes,)}: mean accuracy over the seeds tried."""
        return {network: np.nanmean(values, axis=1) for network, values in self.accuracies.items()}

    @property
    def regrets(self):
        """{network: float (recipes,)}: how much accuracy a recipe loses against the network's winner.

        Below 0 where a recipe was better, but was tried with the first seed only.
        """
        return {network: values[self.winners[network]] - values for network, values in self.means.items()}

    @property
    def finalists(self):
        """The recipes that were tried with the second seed as well."""
        (values, *_) = self.accuracies.values()
        return [self.recipes[i] for i in np.flatnonzero(np.isfinite(values[:, 1]))]


def recipes_to_try(count, epochs, bounds=BOUNDS, batch_sizes=BATCH_SIZES):
    """Return `count` Recipes, spread evenly over optimizers, peak learning rates and batch sizes; always one_cycle.

    bounds: {optimizer: (lowest, highest) peak learning rate}; the rates are even on a logarithmic scale, and rounded to
    two digits. batch_sizes: whole numbers.
    The points are the first of Sobol's quasi-random sequence, unscrambled, each in the middle of its cell: they fill
    the space more evenly than random ones, and are the same everywhere (Sobol 1967; scipy.stats.qmc; Bergstra and
    Bengio 2012 on why not a grid: https://jmlr.org/papers/v13/bergstra12a.html).
    Raises ValueError for bounds, batch sizes or a count of any other form.
    """
    if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
        raise ValueError(f"count={count!r}, expected a whole number of recipes from 1.")
    if not isinstance(batch_sizes, (tuple, list)) or not batch_sizes:
        raise ValueError(f"batch_sizes={batch_sizes!r}, expected a tuple or list of one batch size at least.")
    _check_bounds(bounds)
    doublings = math.ceil(math.log2(count))
    points = qmc.Sobol(3, scramble=False).random_base2(doublings)[:count] + 0.5 / 2**doublings
    recipes = []
    for which, height, size in points:
        optimizer = list(bounds)[int(which * len(bounds))]
        low, high = bounds[optimizer]
        rate = float(f"{low * (high / low) ** height:.2g}")
        recipes.append(Recipe(optimizer, rate, batch_sizes[int(size * len(batch_sizes))], epochs, "one_cycle"))
    return recipes


def search(try_all, networks, recipes, finalists, bounds=None):
    """Try the same recipes with each network, the best again with a second seed, and return the Search.

    try_all: a function that takes a list of (network, recipe, seed) and returns the accuracy of each, on images that
    were held out. networks: names. recipes: a list of Recipes.
    finalists: how many of each network's best by seed 0, and of those that are best for all networks together, are
    tried with seed 1 as well, by every network. Of all these, a network's winner is the one with the highest mean of
    the two seeds. The regret of a recipe is the accuracy a network loses by it against its winner; of the finalists,
    `shared` is the one whose largest regret is the smallest; if equal, the one with the smaller sum.
    bounds: as for `recipes_to_try`, those the recipes are from. Where a winner lies within a factor of 1.5 of one, that
    bound is moved by a factor of 3, recipes between the old and the new one are tried as densely by every network, and
    the winners are chosen again, until none lies so near. None: only the recipes given are tried.
    Raises ValueError for names, recipes, finalists or bounds of any other form, and for accuracies not from 0 to 1.
    """
    _check_search(networks, recipes, finalists, bounds)
    networks, recipes, start, known = list(networks), list(recipes), bounds, {}
    spread = Counter(recipe.optimizer for recipe in recipes)

    def known_after(trials):
        new = [trial for trial in dict.fromkeys(trials) if trial not in known]
        known.update(zip(new, _accuracies(try_all, new), strict=True))
        return {
            network: np.array([[known.get((network, recipe, seed), np.nan) for seed in (0, 1)] for recipe in recipes])
            for network in networks
        }

    while True:
        first = {
            network: values[:, 0]
            for network, values in known_after([(n, recipe, 0) for n in networks for recipe in recipes]).items()
        }
        # A stable sort: of equal ones the earlier comes first. Every finalist gets its second seed with every network.
        worst = np.max([values.max() - values for values in first.values()], axis=0)
        orders = [np.argsort(-values, kind="stable") for values in first.values()] + [np.argsort(worst, kind="stable")]
        finals = sorted({int(i) for order in orders for i in order[:finalists]})
        again = [(network, recipes[i], 1) for network in networks for i in finals]
        accuracies = known_after(again)
        means = {network: values.mean(axis=1) for network, values in accuracies.items()}  # NaN without a second seed
        winners = {network: int(np.nanargmax(values)) for network, values in means.items()}
        near = {_bound_near(recipes[i], bounds) for i in winners.values()} - {None} if bounds else set()
        if not near:
            break
        for optimizer, upwards in sorted(near):
            low, high = bounds[optimizer]
            strip = (high, WIDER * high) if upwards else (low / WIDER, low)
            bounds = {**bounds, optimizer: (low, strip[1]) if upwards else (strip[0], high)}
            density = spread[optimizer] / math.log(start[optimizer][1] / start[optimizer][0])
            beyond = recipes_to_try(
                max(1, round(density * math.log(WIDER))),
                recipes[0].epochs,
                {optimizer: strip},
                sorted({recipe.batch_size for recipe in recipes}),
            )
            recipes += [recipe for recipe in beyond if recipe not in recipes]
    regrets = np.array([values[winners[network]] - values for network, values in means.items()])
    regrets = np.round(regrets, 9)  # equal ones are equal, however their subtractions were rounded
    order = np.lexsort((regrets.sum(axis=0), regrets.max(axis=0)))  # NaN, where a second seed is missing, comes last
    return Search(recipes, accuracies, winners, int(order[0]), bounds)


def _check_search(networks, recipes, finalists, bounds):
    for given, kind, expected in ((networks, str, "names"), (recipes, Recipe, "Recipes")):
        those = isinstance(given, (list, tuple, dict)) and given and all(isinstance(one, kind) for one in given)
        if not those or len({*given}) < len(given):
            raise ValueError(
                f"{reprlib.repr(given)} was given, expected a list of {expected}, one at least: give each once."
            )
    if isinstance(finalists, bool) or not isinstance(finalists, Integral) or not 1 <= finalists <= len(recipes):
        raise ValueError(f"finalists={finalists!r}, expected a whole number from 1 to the {len(recipes)} recipes.")
    if bounds is None:
        return
    _check_bounds(bounds)
    optimizers = {recipe.optimizer for recipe in recipes}
    if not optimizers <= set(bounds):
        raise ValueError(
            f"The recipes are of {', '.join(sorted(optimizers))}, but the bounds are of {', '.join(sorted(bounds))}: "
            "expected those that the recipes are from, or None."
        )
    if any((recipe.epochs, recipe.schedule) != (recipes[0].epochs, "one_cycle") for recipe in recipes):
        raise ValueError(
            "The recipes differ in their epochs or are not one_cycle, but bounds are for those of `recipes_to_try`: "
            "pass those, or None."
        )


def _accuracies(try_all, trials):
    """Return what `try_all` answers as a list of floats, or raise ValueError."""
    answers = try_all(trials) if trials else []
    accuracies = [] if answers is None else list(answers)
    if len(accuracies) != len(trials) or not all(isinstance(a, Real) and 0 <= a <= 1 for a in accuracies):
        raise ValueError(
            f"try_all gave {reprlib.repr(answers)} for {len(trials)} trials, expected a list of one number from 0 to 1 "
            "for each: let it return accuracies."
        )
    return [float(accuracy) for accuracy in accuracies]


def _check_bounds(bounds):
    if not isinstance(bounds, dict) or not bounds:
        raise ValueError(f"bounds={bounds!r}, expected {{optimizer: (lowest, highest) peak learning rate}}.")
    for optimizer, pair in bounds.items():
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"bounds names the optimizer {optimizer!r}, expected one of {', '.join(OPTIMIZERS)}.")
        numbers = isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(one, Real) for one in pair)
        if not numbers or not 0 < pair[0] < pair[1] < math.inf:
            raise ValueError(f"bounds of {optimizer!r} are {pair!r}, expected (lowest, highest), above 0 and rising.")


def _bound_near(recipe, bounds):
    """Return (optimizer, whether it is the upper one) of the bound that a recipe is close to, or None."""
    low, high = bounds[recipe.optimizer]
    if recipe.learning_rate * NEAR >= high:
        return recipe.optimizer, True
    return (recipe.optimizer, False) if recipe.learning_rate <= low * NEAR else None

"""Many trainings, each done once: what has been finished is kept on disk and read again."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from IPython.display import ProgressBar

from mnist_compare import models, training
from mnist_compare.data import write_atomically
from mnist_compare.evaluation import Answers, evaluate
from mnist_compare.training import Recipe, train


class Plan(NamedTuple):
    """One training to be done: a name for people, a function that builds the network, the recipe, the seed.

    held_out: how many of the training images, the last ones, are set aside and evaluated after each epoch.
    """

    name: str
    build: callable
    recipe: Recipe
    seed: int = 0
    held_out: int = 0


@dataclass(frozen=True, eq=False)
class Run(Answers):
    """What has come of a Plan: test labels and predictions, uint8 (N,) each, and the history of `train`."""

    labels: np.ndarray
    predictions: np.ndarray
    history: dict


def run_all(plans, train_set, test_set, folder):
    """Return a list with the Run of each Plan, in their order, and show a progress bar over them.

    train_set, test_set: (images, labels), as `train` and `evaluate` take them.
    folder: where each finished run is kept as a small JSON file, under a name made of all that determines it: the
    layers, the recipe, the seed, the data, the code of models.py and training.py, the versions of the libraries.
    A run found there is not repeated; so after an interrupt (which is passed on) the same call goes on where it
    stopped.
    A file that cannot be read is reported and made again. Raises ValueError as `train` and `evaluate` do.
    """
    data = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in (*train_set, *test_set)))
    runs = []
    for _, plan in zip(ProgressBar(len(plans)), plans, strict=True):
        model = plan.build()
        path = Path(folder) / f"{plan.name}-seed{plan.seed}-{_key(plan, model, data.hexdigest())}.json"
        run = _read(path, test_set[1]) if path.exists() else None
        if run is None:
            run = _train(plan, model, train_set, test_set)
            content = {"predictions": "".join(map(str, run.predictions)), "history": run.history}
            write_atomically(path, json.dumps(content).encode())
        runs.append(run)
    return runs


def _key(plan, model, data):
    """Return a short digest of everything that decides how the run will end."""
    layers = [
        (type(layer).__name__, {name: value for name, value in layer.get_config().items() if name != "name"})
        for layer in model.layers
    ]
    everything = {
        "layers": layers,
        "recipe": asdict(plan.recipe),
        "seed": plan.seed,
        "held_out": plan.held_out,
        "data": data,
        "code": [hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest() for module in (models, training)],
        "versions": [tf.__version__, keras.__version__, np.__version__],
    }
    return hashlib.sha256(json.dumps(everything, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _read(path, labels):
    """Return the Run that is kept in a file, or None, said in one line, if the file does not hold one."""
    try:
        content = json.loads(path.read_bytes())
        predictions = np.array([int(digit) for digit in content["predictions"]], dtype=np.uint8)
        if len(predictions) != len(labels) or not content["history"]["loss"]:
            raise ValueError("it is incomplete")
        return Run(np.asarray(labels), predictions, content["history"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"The kept run {path.name} cannot be used ({error}) and is made again.")
        return None


def _train(plan, model, train_set, test_set):
    """Carry out a plan. An interrupted training is not a run: the interrupt is passed on."""
    x, y = train_set
    kept = len(x) - plan.held_out
    held_out = (x[kept:], y[kept:]) if plan.held_out else None
    history = train(model, x[:kept], y[:kept], plan.recipe, seed=plan.seed, validation_data=held_out, verbose=False)
    if len(history.epoch) < plan.recipe.epochs:
        raise KeyboardInterrupt(f"{plan.name}, seed {plan.seed}: the runs before it are kept, call again to go on")
    return Run(np.asarray(test_set[1]), evaluate(model, *test_set).predictions.astype(np.uint8), history.history)

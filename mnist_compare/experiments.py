"""Many trainings, each done once: what has been finished is kept on disk and read again."""

import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from IPython.display import ProgressBar

from mnist_compare import models, training
from mnist_compare.backend import keras, tf
from mnist_compare.evaluation import Answers, evaluate
from mnist_compare.files import write_atomically
from mnist_compare.training import Recipe, train


class Plan(NamedTuple):
    """One training to be done: a name for people, a function that builds the network, the recipe, the seed.

    held_out: how many of the training images, the last ones, are set aside and evaluated after each epoch.
    rows: the indices of the training images to be learnt from, (M,), as often as each is to be shown; None for all.
    """

    name: str
    build: callable
    recipe: Recipe
    seed: int = 0
    held_out: int = 0
    rows: np.ndarray | None = None


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
    runs = []
    for plan, model, path in _prepared(plans, _digest(*train_set, *test_set), folder, "json"):
        run = _read_run(path, test_set[1]) if path.exists() else None
        if run is None:
            history = _train(plan, model, train_set)
            predictions = evaluate(model, *test_set).predictions.astype(np.uint8)
            run = Run(np.asarray(test_set[1]), predictions, history)
            content = {"predictions": "".join(map(str, run.predictions)), "history": run.history}
            write_atomically(path, json.dumps(content).encode())
        runs.append(run)
    return runs


def train_all(plans, train_set, folder):
    """Return a list with the trained network of each Plan, in their order, and show a progress bar over them.

    Like run_all, where the networks themselves are wanted: each is kept as a .keras file without its optimizer
    (ANN 21 MB, CNN 0.5 MB), and beside it the SHA-256 digest of its bytes, by which a damaged file, or one from
    elsewhere, is recognised: that is reported, and the network trained again.
    """
    networks = []
    for plan, model, path in _prepared(plans, _digest(*train_set), folder, "keras"):
        kept = _read_network(path) if path.exists() else None
        if kept is None:
            _train(plan, model, train_set)
            kept = plan.build()  # never compiled, so that the optimizer's state is not kept, which is twice the weights
            kept.set_weights(model.get_weights())
            _keep_network(kept, path)
        networks.append(kept)
    return networks


def _prepared(plans, data, folder, suffix):
    """Yield each plan, its network as built, and the file of its outcome, and show a progress bar over them."""
    for _, plan in zip(ProgressBar(len(plans)), plans, strict=True):
        model = plan.build()
        yield plan, model, _path(folder, plan, model, data, suffix)


def _digest(*arrays):
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _path(folder, plan, model, data, suffix):
    """Return the file of a plan's outcome; its name holds a short digest of everything that decides that outcome."""
    layers = [
        (type(layer).__name__, {name: value for name, value in layer.get_config().items() if name != "name"})
        for layer in model.layers
    ]
    everything = {
        "layers": layers,
        "recipe": asdict(plan.recipe),
        "seed": plan.seed,
        "held_out": plan.held_out,
        "rows": None if plan.rows is None else _digest(np.asarray(plan.rows, np.int64)),
        "data": data,
        "code": [hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest() for module in (models, training)],
        "versions": [tf.__version__, keras.__version__, np.__version__],
    }
    key = hashlib.sha256(json.dumps(everything, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return Path(folder) / f"{plan.name}-seed{plan.seed}-{key}.{suffix}"


def _read_run(path, labels):
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


def _read_network(path):
    """Return the network that is kept in a file, or None, said in one line, if it is not the one that was put there."""
    try:
        if not _digest_file(path).exists():
            raise ValueError("its digest is missing")
        if _digest_file(path).read_text() != hashlib.sha256(path.read_bytes()).hexdigest():
            raise ValueError("its bytes are not those that were kept")
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError) as error:
        print(f"The kept network {path.name} cannot be used ({error}) and is trained again.")
        return None


def _keep_network(model, path):
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / path.name)
        content = (Path(folder) / path.name).read_bytes()
    write_atomically(path, content)
    write_atomically(_digest_file(path), hashlib.sha256(content).hexdigest().encode())


def _digest_file(path):
    return path.with_name(path.name + ".sha256")


def _train(plan, model, train_set):
    """Carry out a plan and return its history. An interrupted training is none: the interrupt is passed on."""
    x, y = train_set if plan.rows is None else (part[plan.rows] for part in train_set)
    kept = len(x) - plan.held_out
    held_out = (x[kept:], y[kept:]) if plan.held_out else None
    history = train(model, x[:kept], y[:kept], plan.recipe, seed=plan.seed, validation_data=held_out, verbose=False)
    if len(history.epoch) < plan.recipe.epochs:
        raise KeyboardInterrupt(f"{plan.name}, seed {plan.seed}: the runs before it are kept, call again to go on")
    return history.history

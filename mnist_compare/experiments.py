"""Many trainings, each done once: what has been published or finished is read again."""

import collections
import contextlib
import functools
import operator
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import filelock
import numpy as np
from IPython.display import publish_display_data
from tqdm.auto import tqdm

from mnist_compare import identity, store
from mnist_compare.evaluation import evaluate, predict
from mnist_compare.files import write_atomically
from mnist_compare.inputs import as_labels, checked_images
from mnist_compare.store import Run
from mnist_compare.training import Recipe, train

# A training of a moment, by which it is seen whether the code still does what it did when a run was published.
PROBE_IMAGES = 500
PROBE_RATES = {"sgd": 0.1, "nesterov": 0.02, "adam": 0.001}

_in_memory = {}  # {(folder, address): run or network} where the folder could not be written


class Plan(NamedTuple):
    """One training to be done: a name for people, a function that builds the network, the recipe, the seed.

    held_out: how many of the training images, the last ones, are set aside and evaluated after each epoch.
    rows: which training images to learn from, as often as each is to be shown: indices (M,), or a Boolean mask over
    them all; None for all.
    """

    name: str
    build: callable
    recipe: Recipe
    seed: int = 0
    held_out: int = 0
    rows: np.ndarray | None = None


class _Task(NamedTuple):
    """A Plan with what decides it and where its outcome is found."""

    plan: Plan
    decides: dict
    key: str
    address: str  # the key, and what would make the run here

    @property
    def title(self):
        return f"{self.plan.name}, seed {self.plan.seed} ({self.plan.recipe})"


def run_all(plans, train_set, test_set, folder, published=None, train_again=False, questions=None):
    """Return a list with the Run of each Plan, in their order, and say in one line where they come from.

    train_set, test_set: (images, labels), as `train` and `evaluate` take them.
    folder: where each run that is trained here is kept as a small JSON file; what is found there, made by the same
    code and library versions, is not repeated. So after an interrupt (which is passed on) the same call goes on where
    it stopped. Where it cannot be written, runs are kept in memory, and a warning says so.
    published: a folder with runs that came with the notebooks, which are read first; nothing is written there.
    train_again: do not read them, but train here and say how far the outcomes are from what was published.
    questions: {name: function}, each takes the test images and returns others, (N, 28, 28), with the same labels; the
    Run says which of those the network classifies correctly.
    A file that cannot be read is reported and made again. A training that diverges does not keep the others from being
    done: at the end ValueError names all that did. Raises ValueError as well for what `train` and `evaluate` refuse.
    """
    test_set = (checked_images(test_set[0]), as_labels(test_set[1], len(test_set[0])).astype(np.uint8))
    tasks = _prepared(plans, train_set, test_set)
    asked = dict(questions or {})

    def read(path, task):
        run = store.read(path, task.decides, test_set[1])
        return run if set(asked) <= set(run.right) else None

    as_published = {}
    for task in tasks if published is not None else []:
        run = _kept(task.key, published, "json", functools.partial(read, task=task))
        if run is not None:
            as_published[task.key] = run
    todo = tasks if train_again else [task for task in tasks if task.key not in as_published]
    probes = {}

    def carry_out(task, model):
        start = time.perf_counter()
        history = _train(task, model, train_set)
        seconds = time.perf_counter() - start
        predictions = evaluate(model, *test_set).predictions.astype(np.uint8)
        right = {
            name: predict(model, change(test_set[0][..., 0])).argmax(axis=1) == test_set[1]
            for name, change in asked.items()
        }
        kind = identity.digest(task.decides["layers"], task.plan.recipe.optimizer, task.plan.recipe.schedule)
        if kind not in probes:
            probes[kind] = probe(task.plan.build, task.plan.recipe, train_set)
        if (path := store.find(folder, task.address)) is not None:  # what it was asked before
            with contextlib.suppress(ValueError, OSError):
                right = store.read(path, task.decides, test_set[1]).right | right
        run = Run(test_set[1], predictions, history, right, store.provenance(seconds), probes[kind])
        return run, functools.partial(store.written, run, task.decides)

    trained, count = _all_done(todo, folder, "json", read, carry_out)
    runs = [trained[task.key] if task.key in trained else as_published[task.key] for task in tasks]
    _say_where_from(tasks, as_published, trained, count, train_again)
    return runs


def train_all(plans, train_set, folder):
    """Return a list with the trained network of each Plan, in their order.

    Like run_all, where the networks themselves are wanted: the weights of each are kept as an .npz file (ANN 21 MB,
    CNN 0.5 MB) with their digest, by which a damaged file, or one from elsewhere, is recognised: that is reported,
    and the network trained again.
    """
    tasks = _prepared(plans, train_set, None)

    def read(path, task):
        model = task.plan.build()
        store.read_weights(path, model)
        return model

    def carry_out(task, model):
        _train(task, model, train_set)
        kept = task.plan.build()  # never compiled, so that the optimizer's state is let go, which is twice the weights
        kept.set_weights(model.get_weights())
        return kept, functools.partial(store.written_weights, kept)

    networks, _ = _all_done(tasks, folder, "npz", read, carry_out)
    return [networks[task.key] for task in tasks]


def _prepared(plans, train_set, test_set):
    """Return the _Task of each plan; ValueError for a plan that cannot be carried out."""
    images = len(train_set[0])
    train_digest = identity.digest(*map(np.asarray, train_set))
    test_digest = None if test_set is None else identity.digest(*test_set)
    made, layers, tasks = identity.made_by(), {}, []
    for plan in plans:
        plan = plan._replace(
            seed=_whole(plan, "seed"), held_out=_whole(plan, "held_out"), rows=_row_numbers(plan, images)
        )
        shown = images if plan.rows is None else len(plan.rows)
        if not plan.held_out < shown:
            raise ValueError(
                f"The plan {plan.name!r} holds out {plan.held_out} of {shown} images: leave at least one to learn from."
            )
        if plan.build not in layers:
            layers[plan.build] = identity.describe(plan.build())
        decides = identity.decisive(
            layers[plan.build], plan.recipe, plan.seed, plan.held_out, plan.rows, train_digest, test_digest
        )
        key = identity.digest(decides)
        tasks.append(_Task(plan, decides, key, f"{key}-{made}"))
    return tasks


def _whole(plan, name):
    value = getattr(plan, name)
    try:
        if isinstance(value, bool) or (whole := operator.index(value)) < 0:
            raise TypeError
    except TypeError:
        raise ValueError(f"The plan {plan.name!r} has {name}={value!r}, expected a whole number from 0.") from None
    return whole


def _row_numbers(plan, images):
    """Return the rows of a plan as int64 indices from 0, whatever form they have."""
    if plan.rows is None:
        return None
    rows = np.asarray(plan.rows)
    if rows.dtype == bool and rows.shape == (images,):
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or not len(rows) or rows.min() < -images or rows.max() >= images:
        raise ValueError(
            f"The rows of the plan {plan.name!r} are of type {rows.dtype} and shape {rows.shape}, expected indices of "
            f"the {images:,} training images, (M,), or a Boolean mask ({images},)."
        )
    return rows.astype(np.int64) % images


def _all_done(tasks, folder, suffix, read, carry_out):
    """Return {key: outcome} of the tasks, each read where it is kept or carried out and kept, and how many were new.

    read(path, task) returns an outcome, or raises ValueError or OSError. carry_out(task, model) returns an outcome and
    a function that returns the bytes to be kept.
    """
    done, failed, count = {}, {}, 0
    if not tasks:
        return done, count
    writable = store.is_writable(folder)
    if not writable and not all((str(folder), task.address) in _in_memory for task in tasks):
        warnings.warn(f"Runs stay in memory only: the folder {str(folder)!r} cannot be written.", stacklevel=3)
    # Trainings that differ in their seed alone follow one another: then the network need not be compiled anew.
    in_order = sorted(tasks, key=lambda task: identity.digest(task.decides["layers"], task.decides["recipe"]))
    layers, model = None, None
    with tqdm(total=len(tasks), leave=False, disable=_nothing_to_do(tasks, folder, suffix)) as bar:
        for task in in_order:
            bar.set_description(f"{task.plan.name}, seed {task.plan.seed}")
            with _lock(folder, task, writable):
                outcome = _kept(task.address, folder, suffix, functools.partial(read, task=task))
                if outcome is None:
                    if layers != task.decides["layers"]:
                        layers, model = task.decides["layers"], task.plan.build()
                    try:
                        outcome, content = carry_out(task, model)
                    except ValueError as error:
                        failed[task.title] = str(error)
                        continue
                    count += 1
                    if not _keep(task, folder, suffix, content, writable):
                        _in_memory[str(folder), task.address] = outcome
                done[task.key] = outcome
            bar.update()
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(tasks)} trainings failed; the others are kept. "
            + " ".join(f"{title}: {reason}" for title, reason in failed.items())
        )
    return done, count


def _nothing_to_do(tasks, folder, suffix):
    return all((str(folder), task.address) in _in_memory or store.find(folder, task.address, suffix) for task in tasks)


def _lock(folder, task, writable):
    """Return a lock that keeps two notebooks from training the same run at once, where the file system has locks."""
    if not writable:
        return contextlib.nullcontext()
    path = Path(folder) / ".locks" / f"{task.key}.lock"
    path.parent.mkdir(exist_ok=True)
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        print(f"{task.title} is being trained by another notebook or program: waiting for it.", flush=True)
    except (OSError, NotImplementedError):
        return contextlib.nullcontext()
    else:
        lock.release()
    return lock


def _kept(address, folder, suffix, read):
    """Return what is kept under an address, or None; what cannot be used is said in one line."""
    if (str(folder), address) in _in_memory:
        return _in_memory[str(folder), address]
    path = store.find(folder, address, suffix)
    if path is None:
        return None
    try:
        return read(path)
    except (OSError, ValueError) as error:
        print(f"{path.name} cannot be used ({error}) and is made again.")
        return None


def _keep(task, folder, suffix, content, writable):
    """Write an outcome down; return whether that was possible."""
    if not writable:
        return False
    path = Path(folder) / store.file_name(task.plan.name, task.plan.seed, task.address, suffix)
    try:
        write_atomically(path, content())
    except OSError as error:
        warnings.warn(f"{task.title} stays in memory only: it cannot be kept ({error.strerror}).", stacklevel=4)
        return False
    return True


def _train(task, model, train_set):
    """Carry out a plan and return its history; ValueError where it diverges. An interrupt is passed on."""
    plan, (x, y) = task.plan, map(np.asarray, train_set)
    if plan.rows is not None:
        x, y = x[plan.rows], y[plan.rows]
    kept = len(x) - plan.held_out
    held_out = (x[kept:], y[kept:]) if plan.held_out else None
    history = train(model, x[:kept], y[:kept], plan.recipe, seed=plan.seed, validation_data=held_out, verbose=False)
    if history.interrupted:
        raise KeyboardInterrupt(
            f"Interrupted in {task.title}. What was finished is kept: run again to go on from there."
        )
    if not np.isfinite(history.history["loss"]).all():
        raise ValueError("the loss has become infinite or NaN; try a smaller learning_rate.")
    return history.history


def probe(build, recipe, train_set):
    """Return the loss after a training of a moment: one epoch on the first 500 images, at a fixed rate, with seed 0.

    It is written down with every run. Where the same code no longer gives the same loss to within rounding, runs by
    the same kind of network, optimizer and schedule are out of date.
    """
    x, y = (part[:PROBE_IMAGES] for part in train_set)
    model = build()
    small = replace(recipe, learning_rate=PROBE_RATES[recipe.optimizer], batch_size=20, epochs=1)
    train(model, x, y, small, verbose=False)
    return evaluate(model, x, y).loss


def _say_where_from(tasks, as_published, trained, count, train_again):
    """Say in one line how many runs were read and trained; their keys go along unseen, for the test of the results."""
    made = collections.Counter(store.origin(as_published[task.key]) for task in tasks if task.key not in trained)
    parts = [f"{number} run{'s' * (number != 1)} as published ({origin})" for origin, number in made.items()]
    here = f"{len(trained)} trained here" + (f", {len(trained) - count} of them kept from before" if trained else "")
    if train_again and (both := [key for key in trained if key in as_published]):
        change = [100 * (trained[key].accuracy - as_published[key].accuracy) for key in both]
        here += (
            f"; against the {len(both)} as published, the test accuracies differ by {np.mean(change):+.2f} percentage "
            f"points on average and by {np.abs(change).max():.2f} at most"
        )
    text = "; ".join([*parts, here]) + "."
    publish_display_data(
        {"text/plain": text, "text/markdown": f"*{text}*"}, metadata={"runs": [task.key for task in tasks]}
    )

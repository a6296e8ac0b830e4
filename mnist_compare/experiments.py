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

from mnist_compare import identity, processes, store
from mnist_compare.evaluation import evaluate, predict
from mnist_compare.files import write_atomically
from mnist_compare.inputs import as_labels, checked_images
from mnist_compare.store import Run
from mnist_compare.training import Recipe, check_temperature, train

# A very short training, which shows whether the code still does what it did when a run was published.
PROBE_IMAGES = 500
PROBED_FROM = 10_000  # training images: a training on fewer is a trial, never published
PROBE_RATES = {"sgd": 0.1, "nesterov": 0.02, "adam": 0.001}

# {(digest of the layers, optimizer, schedule): network} of the networks trained last, which need not be compiled again:
# compiling takes a second or two each time, and memory that is never given back.
_compiled = {}
KEPT_COMPILED = 8
FEW = 4  # up to so many trainings run in this process, as starting another takes some seconds
PER_PROCESS = 20
_in_memory = {}  # {(folder, address): bytes} where the folder could not be written to


class Plan(NamedTuple):
    """One training to be done: a name for people, a function that builds the network, the recipe, the seed.

    held_out: how many of the images that `rows` selects, the last ones, are set aside and evaluated after each epoch.
    rows: which training images to learn from: indices (M,), with an image shown as often as its index occurs; or a
    Boolean mask over all of them; None for all.
    augment: as for `train`, such as functools.partial(random_moves, most=6).
    teacher: the Plan of the network to learn from in place of the labels, with the `temperature`: see `train`. That
    network is trained first, if need be, on the same training images, and kept in the same folder.
    """

    name: str
    build: callable
    recipe: Recipe
    seed: int = 0
    held_out: int = 0
    rows: np.ndarray | None = None
    augment: callable = None
    teacher: "Plan" = None
    temperature: float = 4.0


class DivergedError(ValueError):
    """A training whose loss became infinite or NaN. history: of all its epochs."""

    def __init__(self, history):
        super().__init__("the loss has become infinite or NaN; try a smaller learning_rate.")
        self.history = history


class _Task(NamedTuple):
    """A Plan, all that decides its outcome, and where that is found."""

    plan: Plan
    decides: dict
    key: str
    address: str  # the key and a digest of the code and versions that would make the run here

    @property
    def title(self):
        return f"{self.plan.name}, seed {self.plan.seed} ({self.plan.recipe})"


class _Job(NamedTuple):
    """What the trainings of one call of run_all have in common."""

    train_set: tuple
    test_set: tuple
    folder: str
    questions: dict
    asked: dict  # {name: digest of the question's code}
    diverging: bool


def run_all(plans, train_set, test_set, folder, published=None, train_again=False, questions=None, diverging=False):
    """Return a list with the Run of each Plan, in their order, and say in one line where they come from.

    train_set, test_set: (images, labels), as `train` and `evaluate` take them.
    folder: where each run that is trained here is kept as a small JSON file; a run found there, made by the same code
    and library versions, is not repeated. So after an interrupt (which is passed on) the same call goes on where it
    stopped. If the folder cannot be written to, runs are kept in memory, and a warning says so. Many trainings on many
    images run in processes of their own, one after the other, since each training leaves some memory behind.
    published: a folder with runs that came with the notebooks, which are read first; nothing is written there.
    train_again: True to train here all the same, and say how far the outcomes are from what was published.
    questions: {name: function}; each function takes the test images and returns others, (N, 28, 28), with the same
    labels; the Run says which of those the network classifies correctly.
    diverging: True where a training may diverge, as in a search: then that is its outcome, see Run. If False, the other
    trainings are still done, but at the end a ValueError names all that diverged.
    A file that cannot be read is reported and made again. Raises ValueError as well for what `train` and `evaluate`
    refuse.
    """
    train_set, test_set, questions = _checked(train_set), _checked(test_set), _named(questions)
    tasks = _prepared(plans, train_set, test_set)
    asked = {name: identity.code_digest(change)[:16] for name, change in questions.items()}
    job = _Job(train_set, test_set, str(folder), questions, asked, diverging)
    as_published = {}
    for task in tasks if published is not None else []:
        run = _kept(published, task.key, "json", functools.partial(_read_run, job=job, task=task, as_published=True))
        if run is not None:
            as_published[task.key] = run
    todo = tasks if train_again else [task for task in tasks if task.key not in as_published]
    elsewhere, left = _run_elsewhere(todo, job)
    trained, count = _run_here(todo, job, left)
    runs = [trained[task.key] if task.key in trained else as_published[task.key] for task in tasks]
    _say_where_from(tasks, as_published, trained, elsewhere + count, train_again)
    return runs


def _run_here(tasks, job, left):
    """Return {key: Run} of the tasks, each either found and read or trained and kept, and how many were trained.

    left: how many probably remain to be trained.
    """
    train_set, test_set, right_digits = job.train_set, job.test_set, job.test_set[1]
    probes = {}

    @functools.cache
    def changed():
        return {name: _changed(name, change, test_set[0]) for name, change in job.questions.items()}

    if left:
        changed()  # now, so that a question that cannot be asked is refused before anything is trained

    def do(task, model):
        kind = identity.digest(task.decides["layers"], task.plan.recipe.optimizer, task.plan.recipe.schedule)
        if kind not in probes and len(train_set[0]) >= PROBED_FROM:
            probes[kind] = probe(task.plan.build, task.plan.recipe, train_set)
        teacher = teacher_of(task.plan, train_set, job.folder)
        start = time.perf_counter()
        try:
            history = carry_out(task.plan, model, train_set, teacher)
            made = store.provenance(time.perf_counter() - start)
            predictions = evaluate(model, *test_set).predictions.astype(np.uint8)
            right = {name: predict(model, images).argmax(axis=1) == right_digits for name, images in changed().items()}
        except DivergedError as error:
            if not job.diverging:
                raise
            history, made = error.history, store.provenance(time.perf_counter() - start)
            predictions = np.full_like(right_digits, store.NO_ANSWER)
            right = {name: np.zeros(len(predictions), bool) for name in job.questions}
        run = Run(right_digits, predictions, history, right, dict(job.asked), made, probes.get(kind))
        with contextlib.suppress(ValueError, OSError, TypeError):  # what it was asked before
            old = store.read(_content(job.folder, task.address, "json"), task.decides, right_digits)
            run = replace(run, right=old.right | run.right, asked=old.asked | run.asked)
        return store.written(run, task.decides)

    return _all_done(tasks, job.folder, "json", functools.partial(_read_run, job=job), do)


def _run_elsewhere(tasks, job):
    """Let other processes train and keep what is missing, if that is much; return how many they did, and how many not.

    Every training leaves some megabytes behind that TensorFlow never gives back, until its process ends.
    Nothing depends on these processes: what they leave undone is done here.
    """
    if len(tasks) <= FEW or len(job.train_set[0]) < PROBED_FROM or not store.is_writable(job.folder):
        return 0, len(tasks)  # without reading what is kept, which is read here anyway
    tasks = [
        task
        for task in sorted(tasks, key=_alike)
        if _kept(job.folder, task.address, "json", functools.partial(_read_run, job=job, task=task)) is None
    ]
    if len(tasks) <= FEW:
        return 0, len(tasks)

    def stamp(task):
        path = store.find(job.folder, task.address, "json")
        return path and path.stat().st_mtime_ns

    before, done = [stamp(task) for task in tasks], 0
    with tqdm(total=len(tasks), leave=False, desc="in a process of its own") as bar:
        for first in range(0, len(tasks), PER_PROCESS):
            with processes.start(_run_there, tasks[first : first + PER_PROCESS], job, identity.made_by()) as process:
                while process.poll() is None:
                    try:
                        time.sleep(0.5)
                    except KeyboardInterrupt:
                        raise KeyboardInterrupt(
                            f"Interrupted after {done} of {len(tasks)} trainings. What was finished is kept: run again "
                            "to go on."
                        ) from None
                    done = sum(stamp(task) != old for task, old in zip(tasks, before, strict=True))
                    bar.update(done - bar.n)
            if process.returncode:
                break
    done = sum(stamp(task) != old for task, old in zip(tasks, before, strict=True))
    return done, len(tasks) - done


def _run_there(tasks, job, made_by):
    """Do tasks in a process of its own; what fails is left to the calling process, which says why."""
    if identity.made_by() != made_by:
        raise RuntimeError("the files of the package have been edited since they were imported")
    with contextlib.suppress(ValueError):
        _run_here(tasks, job, len(tasks))


def _read_run(content, task, job, as_published=False):
    """Return the Run that is kept as `content`, or None where it does not answer all that is asked."""
    run = store.read(content, task.decides, job.test_set[1])
    if run.diverged and not job.diverging:
        return None
    # The code of a question has no digest that all versions of Python share: a published answer is found by its name.
    known = all(
        name in run.right and (as_published or run.asked.get(name) == digest) for name, digest in job.asked.items()
    )
    return run if known else None


def train_all(plans, train_set, folder):
    """Return a list with the trained network of each Plan, in their order.

    Like run_all, but for the networks themselves: the weights of each are kept as an .npz file (ANN 21 MB, CNN 0.5 MB)
    with their digest. If that shows that a file is damaged, or comes from elsewhere, this is reported, and the network
    is trained again.
    """
    train_set = _checked(train_set)
    tasks = _prepared(plans, train_set, None)

    def read(content, task):
        model = task.plan.build()  # never compiled, so without an optimizer's state, which is up to twice the weights
        store.read_weights(content, model, task.address)
        return model

    def do(task, model):
        carry_out(task.plan, model, train_set, teacher_of(task.plan, train_set, folder))
        return store.written_weights(model, task.address)

    networks, _ = _all_done(tasks, folder, "npz", read, do)
    return [networks[task.key] for task in tasks]


def teacher_of(plan, train_set, folder):
    """Return the trained network that a plan learns from, which is kept in `folder`; None if it has no teacher."""
    return None if plan.teacher is None else train_all([plan.teacher], train_set, folder)[0]


def carry_out(plan, model, train_set, teacher=None):
    """Train `model` by a plan and return the history; raise DivergedError if it diverges. An interrupt is passed on.

    teacher: from `teacher_of`.
    """
    x, y = train_set
    if plan.rows is not None:
        x, y = x[plan.rows], y[plan.rows]
    kept = len(x) - plan.held_out
    held_out = (x[kept:], y[kept:]) if plan.held_out else None
    history = train(
        model,
        x[:kept],
        y[:kept],
        plan.recipe,
        seed=plan.seed,
        augment=plan.augment,
        teacher=teacher,
        temperature=plan.temperature,
        validation_data=held_out,
        verbose=False,
        compiled=True,
    )
    if history.interrupted:
        raise KeyboardInterrupt
    if not np.isfinite(history.history["loss"]).all():
        raise DivergedError(history.history)
    return history.history


def probe(build, recipe, train_set):
    """Return the loss after a very short training: two epochs on the first 500 images, at a fixed rate, with seed 0.

    It is kept with every run. If repeating it gives another loss, beyond rounding, the runs of the same kind of
    network, optimizer and schedule are out of date. None if it diverges.
    """
    x, y = (part[:PROBE_IMAGES] for part in train_set)
    small = replace(recipe, learning_rate=PROBE_RATES[recipe.optimizer], batch_size=30, epochs=2)
    model = build()
    if train(model, x, y, small, verbose=False).interrupted:
        raise KeyboardInterrupt
    with contextlib.suppress(ValueError):  # a network that gives NaN
        return evaluate(model, x, y).loss


def _checked(data):
    """Return images and labels in the one form by which they are compared."""
    x, y = data
    x = checked_images(x)
    return x, as_labels(y, len(x)).astype(np.uint8)


def _named(questions):
    for name in questions or {}:
        if not isinstance(name, str):
            raise ValueError(f"A question has the name {name!r}, expected a string.")
    return questions or {}


def _changed(name, change, images):
    """Return what a question makes of a copy of the test images."""
    changed = checked_images(change(images[..., 0].copy()))
    if len(changed) != len(images):
        raise ValueError(f"The question {name!r} gives {len(changed)} images for {len(images)}, expected as many.")
    return changed


def _prepared(plans, train_set, test_set):
    """Return the _Task of each plan; ValueError for a plan that cannot be carried out."""
    images = len(train_set[0])
    train_digest, test_digest = identity.digest(*train_set), test_set and identity.digest(*test_set)
    made, layers = identity.made_by(), {}

    def prepared(plan, test_digest):
        if not isinstance(plan.name, str) or not isinstance(plan.recipe, Recipe):
            raise ValueError(f"{plan!r} is no plan: expected a string as name and a Recipe, such as MATCHED_RECIPE.")
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
            layers[plan.build],
            plan.recipe,
            plan.seed,
            plan.held_out,
            plan.rows,
            train_digest,
            test_digest,
            plan.augment,
            teacher_decides(plan),
        )
        key = identity.digest(decides)
        return _Task(plan, decides, key, f"{key}-{made}")

    def teacher_decides(plan):
        """Return what decides the network that a plan learns from, and the temperature; None if it has no teacher."""
        if plan.teacher is None:
            return None
        if not isinstance(plan.teacher, Plan):
            raise ValueError(
                f"The plan {plan.name!r} has teacher={plan.teacher!r}, expected a Plan: that of the teacher."
            )
        check_temperature(plan.temperature)
        return {"temperature": float(plan.temperature), **prepared(plan.teacher, None).decides}

    return [prepared(plan, test_digest) for plan in plans]


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


def _all_done(tasks, folder, suffix, read, do):
    """Return {key: outcome} of the tasks, each either found and read or done and kept, and how many were done.

    do(task, model) trains and returns the bytes to be kept; read(bytes, task) turns them into the outcome, or returns
    None or raises ValueError where they are of no use.
    """
    outcomes, failed, count = {}, {}, 0
    known = [
        task for task in tasks if (str(folder), task.address) in _in_memory or store.find(folder, task.address, suffix)
    ]
    if len(known) < len(tasks) and not store.is_writable(folder):
        warnings.warn(f"Runs stay in memory only: the folder {str(folder)!r} cannot be written.", stacklevel=3)
    # Tasks that can share one compiled network come one after the other, see `train`.
    in_order = sorted(tasks, key=_alike)
    kind, model = None, None
    with tqdm(total=len(tasks), leave=False, disable=len(known) == len(tasks)) as bar:
        for task in in_order:
            bar.set_description(f"{task.plan.name}, seed {task.plan.seed}")
            this = functools.partial(read, task=task)
            with _lock(folder, task):
                outcome = _kept(folder, task.address, suffix, this)
                if outcome is None:
                    if kind != _alike(task)[:3]:
                        _remember(kind, model)
                        kind = _alike(task)[:3]
                        model = _compiled.pop(kind, None) or task.plan.build()
                    try:
                        content = do(task, model)
                    except KeyboardInterrupt:
                        raise KeyboardInterrupt(
                            f"Interrupted in {task.title}. What was finished is kept: run again to go on."
                        ) from None
                    except Exception as error:  # of every kind: the plans after this one are to be done all the same
                        failed[task.title] = f"{error}" if isinstance(error, ValueError) else f"{error!r}"
                        kind = None  # whatever state it has left the network in
                        continue
                    count += 1
                    _keep(folder, task, suffix, content)
                    outcome = this(content)
                outcomes[task.key] = outcome
            bar.update()
    _remember(kind, model)
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(tasks)} trainings failed; the others are kept. "
            + " ".join(f"{title}: {reason}" for title, reason in failed.items())
        )
    return outcomes, count


def _remember(kind, model):
    """Keep a network for the next call, and let go of all but the last few."""
    if kind is not None:
        _compiled[kind] = model
    for forgotten in list(_compiled)[:-KEPT_COMPILED]:
        del _compiled[forgotten]


def _alike(task):
    """Return the key by which trainings are sorted: first the network, then what makes it compile anew."""
    recipe = task.plan.recipe
    kind = recipe.optimizer, recipe.schedule, recipe.batch_size
    return (
        identity.digest(task.decides["layers"], task.plan.teacher is None),
        *kind,
        identity.digest(task.decides["recipe"]),
    )


def _lock(folder, task):
    """Return a lock that keeps two notebooks from training the same run at once, where the file system has locks."""
    path = Path(folder) / ".locks" / f"{task.key}.lock"
    lock = filelock.FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return lock.acquire(timeout=0)
        except filelock.Timeout:
            print(f"{task.title} is being trained by another notebook or program: waiting for it.", flush=True)
            return lock.acquire()
    except (OSError, NotImplementedError):
        return contextlib.nullcontext()


def _content(folder, address, suffix):
    """Return the bytes that are kept under an address, or None."""
    path = store.find(folder, address, suffix)
    return _in_memory.get((str(folder), address)) if path is None else path.read_bytes()


def _kept(folder, address, suffix, read):
    """Return what `read` makes of what is kept under an address, or None; one line says what cannot be used."""
    try:
        content = _content(folder, address, suffix)
        return None if content is None else read(content)
    except (OSError, ValueError) as error:
        print(f"{store.find(folder, address, suffix).name} cannot be used ({error}) and is made again.")
        return None


def _keep(folder, task, suffix, content):
    name = store.file_name(task.plan.name, task.plan.seed, task.address, suffix)
    try:
        write_atomically(store.find(folder, task.address, suffix) or Path(folder) / name, content)
        _in_memory.pop((str(folder), task.address), None)
    except OSError as error:
        _in_memory[str(folder), task.address] = content
        if store.is_writable(folder):  # else a warning has said so
            warnings.warn(f"{task.title} stays in memory only: it cannot be kept ({error}).", stacklevel=4)


def _say_where_from(tasks, as_published, trained, count, train_again):
    """Say in one line how many runs were read and trained; their keys go along unseen, for publishing and tests."""
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

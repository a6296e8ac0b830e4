"""Recipes, and the one function that trains every network by them."""

import contextlib
import ctypes
import functools
import gc
import math
import random
import sys
import threading
import time
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from mnist_compare.backend import keras, tf
from mnist_compare.inputs import as_labels, checked_images
from mnist_compare.models import LocallyConnected2D

# Every training builds a graph of its own, as it must; TensorFlow would warn of that from the fifth one on.
tf.get_logger().addFilter(lambda record: "triggered tf.function retracing" not in record.getMessage())

OPTIMIZERS = {
    "sgd": keras.optimizers.SGD,
    "nesterov": functools.partial(keras.optimizers.SGD, momentum=0.9, nesterov=True),
    "adam": keras.optimizers.Adam,
}
OPTIMIZER_NAMES = {"sgd": "SGD", "nesterov": "SGD with Nesterov momentum 0.9", "adam": "Adam"}


@keras.saving.register_keras_serializable(package="mnist_compare")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from 0 to `peak` over the first quarter of `steps`, then linear decay back to 0.

    A simple form of the 1cycle policy of Smith and Topin, https://arxiv.org/abs/1708.07120.
    """

    def __init__(self, peak, steps):
        self.numbers = tf.Variable(tf.zeros(4), trainable=False)
        self.set(peak, steps)

    def set(self, peak, steps):
        """Set another peak and number of steps, even for a training step already compiled with this schedule."""
        self.peak, self.steps = peak, steps
        warm_up = steps / 4
        # Factors, as compilers turn constant divisors into these: so the bits are the same as with plain numbers.
        factors = (np.float32(1) / np.float32(length) for length in (warm_up, steps - warm_up))
        self.numbers.assign([peak, steps, *factors])

    def __call__(self, step):
        peak, steps, up, down = tf.unstack(self.numbers)
        step = tf.cast(step, tf.float32)
        return peak * tf.maximum(0.0, tf.minimum(step * up, (steps - step) * down))

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps}


@dataclass(frozen=True, repr=False)
class Recipe:
    """How a network is trained.

    optimizer: "sgd", "nesterov" (SGD with Nesterov momentum 0.9) or "adam", with Keras's defaults for the rest.
    learning_rate: above 0; the peak, if the schedule is "one_cycle".
    batch_size, epochs: whole numbers from 1.
    schedule: "constant" or "one_cycle".
    Raises ValueError for anything else.
    """

    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int
    schedule: str = "constant"

    def __post_init__(self):
        for name, known in (("optimizer", tuple(OPTIMIZERS)), ("schedule", ("constant", "one_cycle"))):
            if not isinstance(getattr(self, name), str) or getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r} is unknown, expected one of {', '.join(known)}.")
        rate = self.learning_rate
        if isinstance(rate, bool) or not isinstance(rate, Real) or not (rate > 0 and math.isfinite(rate)):
            raise ValueError(f"learning_rate={rate!r}, expected a number above 0.")
        object.__setattr__(self, "learning_rate", float(rate))  # np.float32(0.1) and the like read as plain numbers
        for name in ("batch_size", "epochs"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
                raise ValueError(f"{name}={value!r}, expected a whole number from 1.")
            object.__setattr__(self, name, int(value))

    def learning_rate_schedule(self, images):
        """Return the learning rate, or its schedule, in the form that Keras takes, for so many images an epoch."""
        if self.schedule == "constant":
            return self.learning_rate
        return OneCycle(self.learning_rate, self.epochs * -(-images // self.batch_size))

    def __repr__(self):
        rate = f"{'peak ' if self.schedule == 'one_cycle' else ''}learning rate {self.learning_rate:g}"
        epochs = f"{self.epochs} epoch{'s' if self.epochs > 1 else ''}"
        return f"{OPTIMIZER_NAMES[self.optimizer]}, {rate} ({self.schedule}), batch size {self.batch_size}, {epochs}"


ANN_RECIPE = Recipe(optimizer="sgd", learning_rate=0.01, batch_size=32, epochs=5)
CNN_RECIPE = Recipe(optimizer="adam", learning_rate=0.001, batch_size=32, epochs=10)
# Of the recipes that notebook 02 tries with both networks, the one with the least regret for both, at one epoch.
MATCHED_RECIPE = Recipe(optimizer="adam", learning_rate=0.0036, batch_size=50, epochs=1, schedule="one_cycle")


_one_at_a_time = threading.Lock()  # seeds are the whole process's: two trainings in threads would mix them up


class _EpochReport(keras.callbacks.Callback):
    """Adds the seconds of each epoch to the history; prints one line an epoch if asked to."""

    def __init__(self, verbose):
        super().__init__()
        self.verbose = verbose

    def on_epoch_begin(self, epoch, logs=None):
        self.start, self.seconds = time.perf_counter(), None

    def on_test_begin(self, logs=None):
        self.seconds = time.perf_counter() - self.start  # the validation is no part of the training

    def on_epoch_end(self, epoch, logs):
        # The History that follows records the same dict.
        logs["seconds"] = time.perf_counter() - self.start if self.seconds is None else self.seconds
        if self.verbose:
            print(
                f"epoch {epoch + 1}/{self.params['epochs']}: loss {logs['loss']:.4f}, "
                f"accuracy {logs['accuracy']:.4f}, {logs['seconds']:.0f} s",
                flush=True,
            )


@contextlib.contextmanager
def _random_numbers_left_alone():
    """Leave `random` and `np.random`, which Keras seeds and draws from, as they were."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)


def _draw_weights(model, seed):
    """Give every variable of `model` the value it would have in a new copy built right after seeding."""
    keras.utils.set_random_seed(seed)
    fresh = keras.models.clone_model(model)
    for layer, fresh_layer in zip(model.layers, fresh.layers, strict=True):
        for variable, fresh_variable in zip(layer.variables, fresh_layer.variables, strict=True):
            variable.assign(fresh_variable)


def soften(probabilities, temperature):
    """Return softened probabilities, a float32 tensor (N, 10), that sum to 1.

    probabilities: float32 (N, 10). Each is raised to the power of 1 / temperature, and their sum is made 1 again, as if
    the inputs of the softmax layer had been divided by the temperature. At 1 they stay as they are. The higher it is,
    the more alike they become, and the better one sees which wrong digits a network thinks possible: Hinton, Vinyals
    and Dean, Distilling the knowledge in a neural network, 2015, https://arxiv.org/abs/1503.02531.
    """
    return keras.ops.softmax(_log(probabilities) / temperature)


def _log(probabilities):
    return keras.ops.log(keras.ops.maximum(probabilities, 1e-30))  # float32 has no logarithm of 0


@keras.saving.register_keras_serializable(package="mnist_compare")
class SoftCrossEntropy(keras.losses.Loss):
    """The cross-entropy of a network's softened answers against a teacher's, times temperature².

    Softening makes gradients smaller by about that factor; multiplied, they have the size that learning rates suit
    (Hinton, Vinyals and Dean 2015, see `soften`, who mix labels in as well; here there are none).
    Input: the teacher's answers, softened already, and the network's as they are, (N, 10) each. Output: (N,).
    """

    def __init__(self, temperature, **options):
        super().__init__(**options)
        self.temperature = temperature

    def call(self, softened, answers):
        logarithms = keras.ops.log_softmax(_log(answers) / self.temperature)
        return -(self.temperature**2) * keras.ops.sum(softened * logarithms, axis=-1)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


def _softened_answers(teacher, x, temperature):
    """Return what a teacher says of images, softened, float32 (N, 10)."""
    batches = _batches(x, np.zeros(len(x)), 500)
    return np.concatenate([soften(teacher(images, training=False), temperature) for images, _ in batches])


def _batches(x, y, batch_size, seed=None, augment=None, ask=None):
    """Return a dataset that yields every image once an epoch, float32 in [0, 1], the last batch maybe smaller.

    With a seed, in a new order each time; without one, always in the order given. augment: see `train`. ask: a function
    of a batch of images, as they are shown, that returns what is to be learnt of them in place of y.
    Keras is not given the arrays themselves: it would make a dataset of them that autotunes, and closing an autotuned
    iterator can sleep for seconds at the end of an epoch. Grey levels become floats batch by batch, as four times the
    memory would be needed for all of them at once.
    """
    with tf.device("CPU:0"):
        x, y = tf.constant(x), tf.constant(y)
    generator = np.random.default_rng(seed)  # drawn from batch by batch, one after the other

    def batch(rows):
        images = tf.gather(x, rows)
        if augment is not None:
            images = tf.numpy_function(
                lambda shown: augment(shown[..., 0], generator=generator), [images], images.dtype
            )
        if images.dtype == tf.uint8:
            images = tf.cast(images, tf.float32) / 255
        images = tf.reshape(images, (-1, 28, 28, 1))
        return images, tf.gather(y, rows) if ask is None else ask(images)

    order = tf.data.Dataset.range(len(x))
    if seed is not None:
        order = order.shuffle(len(x), seed=seed)
    options = tf.data.Options()
    options.autotune.enabled = False
    return order.batch(batch_size).map(batch).prefetch(2).with_options(options)


def _is_faster_with_xla(model, images):
    """On a CPU, XLA speeds up a dense network and slows down one with Conv2D and the like; never measured on Windows.

    images: how many the training shows, over all epochs: the second that XLA takes to compile must be earned back.
    """
    has_windows = any(isinstance(layer, keras.layers.Conv2D | LocallyConnected2D) for layer in model.layers)
    elsewhere = tf.config.list_physical_devices("GPU") or sys.platform == "win32"
    return images >= 30_000 and not (has_windows or elsewhere)


@contextlib.contextmanager
def _no_gradients_kept():
    """Let TensorFlow forget what it registers for each compiled training step: the gradient of adding up gradients.

    Nothing ever asks for it, but through it every training would keep its weights and its optimizer's state for good
    (85 MB for the dense network with Adam). The registry is not public: where it has moved, memory is not saved.
    """
    try:
        from tensorflow.python.framework.ops import gradient_registry

        before = set(gradient_registry._registry)
    except (ImportError, AttributeError):
        yield
        return
    try:
        yield
    finally:
        for name in set(gradient_registry._registry) - before:
            if name.startswith("CustomGradient-"):
                del gradient_registry._registry[name]


def _prepare(model, recipe, images, compiled, temperature):
    """Compile `model` for a training, or make what has been compiled for another one begin anew.

    temperature: of a teacher's answers; None where labels are to be learnt.
    """
    kind = (recipe.optimizer, recipe.schedule, temperature, _is_faster_with_xla(model, images * recipe.epochs))
    if not (compiled and getattr(model, "compiled_for", None) == kind):
        model.compile(
            optimizer=OPTIMIZERS[recipe.optimizer](recipe.learning_rate_schedule(images)),
            loss="sparse_categorical_crossentropy" if temperature is None else SoftCrossEntropy(temperature),
            metrics=["accuracy"],
            jit_compile=kind[-1],
            steps_per_execution=25,  # fewer returns to Python, yet an interrupt is heard within a fraction of a second
        )
        model.compiled_for = kind
        return
    optimizer, rate = model.optimizer, recipe.learning_rate_schedule(images)
    schedule = optimizer._learning_rate
    if isinstance(schedule, OneCycle):
        schedule.set(rate.peak, rate.steps)
    else:
        optimizer.learning_rate = rate
    for variable in optimizer.variables:  # its step and its averages begin at 0
        if variable is not schedule:
            variable.assign(keras.ops.zeros_like(variable))


def _let_go():
    """Free what earlier trainings have left: images in cycles of references, spare pages of the allocator."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # the GNU C library has this, others need it less
        ctypes.CDLL(None).malloc_trim(0)


def _check_augment(augment, x):
    """Raise ValueError unless `augment` turns images (n, 28, 28) into others of the same shape and type."""
    shown = x[:2, ..., 0]
    made = augment(shown.copy(), generator=np.random.default_rng(0)) if callable(augment) else None
    if getattr(made, "shape", None) != shown.shape or made.dtype != shown.dtype:
        what = f"{made.dtype} {made.shape}" if hasattr(made, "dtype") else repr(made)
        raise ValueError(
            f"augment={augment!r} makes {what} of images {shown.dtype} {shown.shape}, expected a function of images "
            "and a generator that returns others of the same shape and type."
        )


def check_temperature(temperature):
    """Raise ValueError unless it is a finite number above 0."""
    if isinstance(temperature, bool) or not isinstance(temperature, Real) or not 0 < temperature < math.inf:
        raise ValueError(f"temperature={temperature!r}, expected a number above 0, such as 4.")


def _check_teacher(teacher, x):
    """Raise ValueError unless `teacher` answers images with the probabilities of ten digits."""
    images = x[:2].astype(np.float32) / (255 if x.dtype == np.uint8 else 1)
    answers = np.asarray(teacher(images)) if callable(teacher) else np.empty(0)
    if answers.shape != (len(images), 10) or np.abs(answers.sum(axis=1) - 1).max() > 1e-3:
        raise ValueError(
            f"teacher={teacher!r} answers {len(images)} images with an array {answers.shape}, expected a trained "
            f"network that ends with a softmax layer: one that answers with probabilities {(len(images), 10)}."
        )


def train(
    model,
    x,
    y,
    recipe,
    *,
    seed=0,
    augment=None,
    teacher=None,
    temperature=4.0,
    validation_data=None,
    verbose=True,
    compiled=False,
):
    """Train `model` from fresh weights by `recipe` and return the keras.callbacks.History.

    x: images, uint8 or float in [0, 1], (N, 28, 28) or (N, 28, 28, 1). y: digits (N,).
    seed: decides the weights at the start and the order of the images. Whatever the model held before,
    the same seed gives bit-identical weights on the same machine.
    augment: a function that is given the images of each batch (n, 28, 28), of the type of x, and a NumPy `generator`,
    and returns what the network is to see in their place, of the same shape and type: so every epoch shows new variants
    of every image. Such are `random_moves` and `random_distortions` of the module perturbations.
    teacher: a trained network. Then labels are not shown: `model` learns to answer each image, as it is shown, like
    the teacher, both softened by the `temperature`, above 0 (distillation; Hinton, Vinyals and Dean 2015, see
    `soften`), and "accuracy" is how often the two agree on the digit.
    validation_data: (x, y) to be evaluated after each epoch, of the same form; nothing is learnt from it.
    verbose: print one line an epoch.
    compiled: True if nothing has touched the model since it was trained by this function: then it is not compiled
    again for another recipe with the same optimizer and schedule, which saves a second or two, and memory.
    `history.history` holds a list each of "loss", "accuracy", "seconds" (of training) and, with validation_data,
    "val_loss" and "val_accuracy", one entry for each finished epoch.
    An interrupt (Ctrl-C, the stop button) ends the training, not the program: the model keeps what it has learnt,
    the history the epochs it finished, and `history.interrupted` is True instead of False.
    Raises ValueError for images, labels, a recipe, augment, a teacher or a temperature of any other form.
    """
    if not isinstance(recipe, Recipe):
        raise ValueError(f"The recipe is {recipe!r}, expected a Recipe such as ANN_RECIPE.")
    x = checked_images(x)
    y = as_labels(y, len(x))
    if augment is not None:
        _check_augment(augment, x)
    targets, ask = y, None
    if teacher is None:
        temperature = None
    else:
        check_temperature(temperature)
        _check_teacher(teacher, x)
        temperature = float(temperature)
        if augment is None:  # then the teacher says the same in every epoch
            targets = _softened_answers(teacher, x, temperature)
        else:

            def ask(images):
                return soften(teacher(images, training=False), temperature)

    quantities = ["loss", "accuracy", "seconds"]
    if validation_data is not None:
        x_validation = checked_images(validation_data[0])
        y_validation = as_labels(validation_data[1], len(x_validation))
        if teacher is not None:  # in the form of answers
            y_validation = np.eye(10, dtype=np.float32)[y_validation]
        validation_data = _batches(x_validation, y_validation, 500)
        quantities += ["val_loss", "val_accuracy"]
    if len(x) >= 10_000:
        _let_go()
    history = keras.callbacks.History()
    history.interrupted = False
    try:
        with _one_at_a_time, _random_numbers_left_alone(), _no_gradients_kept():
            _draw_weights(model, seed)
            _prepare(model, recipe, len(x), compiled, temperature)
            model.fit(
                _batches(x, targets, recipe.batch_size, seed, augment, ask),
                epochs=recipe.epochs,
                validation_data=validation_data,
                shuffle=False,  # _batches has shuffled
                verbose=0,
                callbacks=[_EpochReport(verbose), history],
            )
    except KeyboardInterrupt:
        history.interrupted = True
        model.compiled_for = None  # whatever state the interrupt has left, the next training compiles afresh
        if verbose:
            print(
                f"Interrupted after {len(history.history.get('loss', []))} of {recipe.epochs} epochs: the network "
                "keeps what it has learnt so far; run again to train it afresh."
            )
    if len(x) >= 10_000:
        _let_go()
    for quantity in quantities:
        history.history.setdefault(quantity, [])
    return history

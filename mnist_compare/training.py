"""Recipes, and the one function that trains every network by them."""

import functools
import sys
import time
from dataclasses import dataclass

from mnist_compare.backend import keras, tf
from mnist_compare.inputs import as_images, as_labels
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
        self.peak = peak
        self.steps = steps

    def __call__(self, step):
        warm_up = self.steps / 4
        step = tf.cast(step, tf.float32)
        return self.peak * tf.maximum(0.0, tf.minimum(step / warm_up, (self.steps - step) / (self.steps - warm_up)))

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
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r} is unknown, expected one of {', '.join(known)}.")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate={self.learning_rate!r}, expected a number above 0.")
        for name in ("batch_size", "epochs"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}={value!r}, expected a whole number from 1.")

    def learning_rate_schedule(self, images):
        """Return what Keras's optimizers take as the learning rate of a training on so many images an epoch."""
        if self.schedule == "constant":
            return self.learning_rate
        return OneCycle(self.learning_rate, self.epochs * -(-images // self.batch_size))

    def __repr__(self):
        rate = f"{'peak ' if self.schedule == 'one_cycle' else ''}learning rate {self.learning_rate:g}"
        epochs = f"{self.epochs} epoch{'s' if self.epochs > 1 else ''}"
        return f"{OPTIMIZER_NAMES[self.optimizer]}, {rate} ({self.schedule}), batch size {self.batch_size}, {epochs}"


ANN_RECIPE = Recipe(optimizer="sgd", learning_rate=0.01, batch_size=32, epochs=5)
CNN_RECIPE = Recipe(optimizer="adam", learning_rate=0.001, batch_size=32, epochs=10)
# Chosen for both networks by the grid of notebook 02, on held-out training images.
MATCHED_RECIPE = Recipe(optimizer="adam", learning_rate=0.02, batch_size=125, epochs=1, schedule="one_cycle")


class _EpochReport(keras.callbacks.Callback):
    """Adds the seconds of each epoch to the history; prints one line an epoch if asked to."""

    def __init__(self, verbose):
        super().__init__()
        self.verbose = verbose
        self.seconds = None

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_test_begin(self, logs=None):
        self.seconds = time.perf_counter() - self.start  # the validation is no part of the training

    def on_epoch_end(self, epoch, logs):
        # The History that follows records the same dict.
        logs["seconds"] = self.seconds or time.perf_counter() - self.start
        if self.verbose:
            print(
                f"epoch {epoch + 1}/{self.params['epochs']}: loss {logs['loss']:.4f}, "
                f"accuracy {logs['accuracy']:.4f}, {logs['seconds']:.0f} s",
                flush=True,
            )


def _draw_weights(model, seed):
    """Give every variable of `model` the value it would have in a new copy built right after seeding."""
    keras.utils.set_random_seed(seed)
    fresh = keras.models.clone_model(model)
    for layer, fresh_layer in zip(model.layers, fresh.layers, strict=True):
        for variable, fresh_variable in zip(layer.variables, fresh_layer.variables, strict=True):
            variable.assign(fresh_variable)


def _batches(x, y, batch_size, seed=None):
    """Return a dataset that yields every image once an epoch, the last batch maybe smaller.

    With a seed, in a new order each time; without one, always in the order given.
    Not the arrays themselves: for those Keras makes a dataset that autotunes, and closing an autotuned iterator
    can sleep for seconds at the end of an epoch.
    """
    with tf.device("CPU:0"):
        x, y = tf.constant(x), tf.constant(y)
    order = tf.data.Dataset.range(len(x))
    if seed is not None:
        order = order.shuffle(len(x), seed=seed)
    batches = order.batch(batch_size).map(lambda rows: (tf.gather(x, rows), tf.gather(y, rows))).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


def _is_faster_with_xla(model):
    """On a CPU, XLA speeds a dense network up and slows one with windows down; Windows was never measured."""
    has_windows = any(isinstance(layer, keras.layers.Conv2D | LocallyConnected2D) for layer in model.layers)
    return not (has_windows or tf.config.list_physical_devices("GPU") or sys.platform == "win32")


def train(model, x, y, recipe, *, seed=0, validation_data=None, verbose=True):
    """Train `model` from fresh weights by `recipe` and return the keras.callbacks.History.

    x: images, uint8 or float in [0, 1], (N, 28, 28) or (N, 28, 28, 1). y: digits (N,).
    seed: decides the weights at the start and the order of the images. Whatever the model held before,
    the same seed gives bit-identical weights on the same machine.
    validation_data: (x, y) to be evaluated after each epoch, of the same form; nothing is learnt from it.
    verbose: print one line an epoch.
    `history.history` holds a list each of "loss", "accuracy", "seconds" (of training) and, with validation_data,
    "val_loss" and "val_accuracy", one entry an epoch.
    An interrupt (Ctrl-C, the stop button) ends the training, not the program: the model keeps what it has learnt
    and the history the epochs it finished. Raises ValueError for images or labels of any other form.
    """
    if not isinstance(recipe, Recipe):
        raise ValueError(f"The recipe is {recipe!r}, expected a Recipe such as ANN_RECIPE.")
    x = as_images(x)
    y = as_labels(y, len(x))
    if validation_data is not None:
        x_validation = as_images(validation_data[0])
        validation_data = _batches(x_validation, as_labels(validation_data[1], len(x_validation)), 500)
    _draw_weights(model, seed)
    model.compile(
        optimizer=OPTIMIZERS[recipe.optimizer](recipe.learning_rate_schedule(len(x))),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=_is_faster_with_xla(model),
        steps_per_execution=25,  # fewer returns to Python, yet an interrupt is heard within a fraction of a second
    )
    history = keras.callbacks.History()
    try:
        model.fit(
            _batches(x, y, recipe.batch_size, seed),
            epochs=recipe.epochs,
            validation_data=validation_data,
            shuffle=False,  # _batches has shuffled
            verbose=0,
            callbacks=[_EpochReport(verbose), history],
        )
    except KeyboardInterrupt:
        print(f"Interrupted after {len(history.epoch)} of {recipe.epochs} epochs; run again to start afresh.")
    return history

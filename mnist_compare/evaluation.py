"""How good one network is, and whether two of them differ by more than chance."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import classification_report, confusion_matrix, precision_recall_fscore_support

from mnist_compare.inputs import as_array, as_images, as_labels

DIGITS = range(10)


class Answers:
    """What follows from (N,) labels and (N,) predictions; the base of everything that holds both."""

    @property
    def correct(self):
        """(N,) bool: whether the prediction is the label."""
        return self.predictions == self.labels

    @property
    def accuracy(self):
        """The share of images predicted rightly, 0 to 1."""
        return float(self.correct.mean())

    @property
    def accuracy_interval(self):
        """(low, high): the 95 % Wilson score interval of the accuracy (Wilson 1927, JASA 22:209)."""
        interval = binomtest(int(self.correct.sum()), len(self.labels)).proportion_ci(0.95, method="wilson")
        return float(interval.low), float(interval.high)

    @property
    def confusion(self):
        """(10, 10) counts: row = label, column = prediction, also where a digit never occurs."""
        return confusion_matrix(self.labels, self.predictions, labels=DIGITS)

    @property
    def class_scores(self):
        """{"precision", "recall", "F1"}: (10,) each, 0 where a digit is never predicted or never occurs."""
        scores = precision_recall_fscore_support(self.labels, self.predictions, labels=DIGITS, zero_division=0)
        return dict(zip(("precision", "recall", "F1"), scores, strict=False))

    def report(self):
        """scikit-learn's classification report as text, four decimals."""
        return classification_report(self.labels, self.predictions, labels=DIGITS, digits=4, zero_division=0)


@dataclass(frozen=True, eq=False)
class Evaluation(Answers):
    """What a network said about labelled images.

    labels: (N,) digits. probabilities: (N, 10), rows that sum to 1. loss: mean cross-entropy in nats.
    Lists are taken too; the labels are kept as int64, the probabilities in their own float type.
    Raises ValueError for empty, misshapen or impossible labels and probabilities, and for a loss that is not a number.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    loss: float

    def __post_init__(self):
        probabilities = as_array(self.probabilities, "probabilities")
        shape = probabilities.shape
        if len(shape) != 2 or shape[1] != 10 or shape[0] == 0:
            raise ValueError(f"The probabilities have the shape {shape}, expected (N, 10) with N of at least 1.")
        if probabilities.dtype.kind not in "buif":
            raise ValueError(
                f"The probabilities have the type {probabilities.dtype}, expected floats: pass what `predict` returns."
            )
        if probabilities.dtype.kind != "f":  # one-hot rows
            probabilities = probabilities.astype(np.float64)
        labels = as_labels(self.labels, shape[0])
        if not np.isfinite(probabilities).all():
            raise ValueError(
                "The probabilities hold NaN or infinity: the training has diverged; "
                "train again with a smaller learning_rate."
            )
        if probabilities.min() < 0 or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-3:
            raise ValueError("The rows of probabilities do not sum to 1: end the network with a softmax layer.")
        if isinstance(self.loss, bool) or not isinstance(self.loss, Real) or not self.loss >= 0:  # nor NaN
            raise ValueError(f"loss={self.loss!r}, expected the mean cross-entropy, a number from 0.")
        for name, value in (("labels", labels), ("probabilities", probabilities), ("loss", float(self.loss))):
            object.__setattr__(self, name, value)  # the way into a frozen dataclass

    @property
    def predictions(self):
        """(N,): the most probable digit of each image."""
        return self.probabilities.argmax(axis=1)


def predict(model, x):
    """Return the probabilities, float32 (N, 10), that a trained `model` gives to the ten digits for images `x`.

    x: (N, 28, 28) or (N, 28, 28, 1), uint8 or float in [0, 1]. Raises ValueError for any other form.
    """
    x = as_images(x)
    # Called directly rather than by model.predict, which traces a new graph, and warns of it, for every model.
    answers = None
    for start in range(0, len(x), 500):
        batch = model(x[start : start + 500], training=False).numpy()
        if answers is None:  # filled bit by bit, as a layer's output may be too large to hold twice
            answers = np.empty((len(x), *batch.shape[1:]), batch.dtype)
        answers[start : start + 500] = batch
    return answers


def evaluate(model, x, y):
    """Return the Evaluation of a trained `model` on images `x` and labels `y`.

    x: as `predict` takes them. y: digits (N,). Raises ValueError for any other form.
    """
    probabilities = predict(model, x)
    y = as_labels(y, len(probabilities))
    certainty = np.clip(probabilities[np.arange(len(y)), y], 1e-7, 1)  # the floor that Keras's own loss has
    return Evaluation(y, probabilities, float(-np.log(certainty).mean()))


@dataclass(frozen=True)
class Comparison:
    """How many of the same images both, one or neither of two networks get right, and the p-value of McNemar's test."""

    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    p_value: float

    def report(self, first="first", second="second"):
        """The table of counts and the p-value as text, the networks named as given."""
        left = max(len(first), 5) + 6
        return "\n".join(
            (
                f"{'':{left}}  {second + ' right':>12}  {second + ' wrong':>12}",
                f"{first + ' right':{left}}  {self.both_right:12,}  {self.only_first:12,}",
                f"{first + ' wrong':{left}}  {self.only_second:12,}  {self.both_wrong:12,}",
                f"exact McNemar test: p = {self.p_value:.2g}",
            )
        )


def compare(first, second):
    """Return the Comparison of two Evaluations (or Runs) of the same images.

    The p-value is that of the exact two-sided McNemar test (McNemar 1947, Psychometrika 12:153). Its null hypothesis:
    if only one network gets an image right, it is equally likely to be either. 1.0 where there is no such image.
    Raises ValueError if the labels differ.
    """
    if len(first.labels) != len(second.labels):
        raise ValueError(
            f"One evaluation has {len(first.labels)} images, the other {len(second.labels)}: compare the same."
        )
    if not np.array_equal(first.labels, second.labels):
        raise ValueError("The labels of the two evaluations differ: evaluate both networks on the same images.")
    only_first = int((first.correct & ~second.correct).sum())
    only_second = int((~first.correct & second.correct).sum())
    discordant = only_first + only_second
    return Comparison(
        both_right=int((first.correct & second.correct).sum()),
        only_first=only_first,
        only_second=only_second,
        both_wrong=int((~first.correct & ~second.correct).sum()),
        p_value=float(binomtest(only_first, discordant).pvalue) if discordant else 1.0,
    )

"""Helpers of the mnist_compare notebooks: a dense network and a convolutional one on MNIST."""

import contextlib
import os
import sys

# The package builds on TensorFlow's own tools (tf.data, XLA), whatever backend the user's Keras is set to elsewhere.
os.environ["KERAS_BACKEND"] = "tensorflow"


@contextlib.contextmanager
def _without_log_lines():
    """Hide what TensorFlow's C++ side writes to file descriptor 2 while it looks for a GPU.

    Python's own errors pass; who sets TF_CPP_MIN_LOG_LEVEL sees every line that level lets through.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ or sys.stderr is None:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


with _without_log_lines():
    import tensorflow as tf

    tf.config.list_physical_devices("GPU")  # the first call logs, so it is made here

from mnist_compare import perturbations, plots  # noqa: E402
from mnist_compare.data import DataError, load_mnist  # noqa: E402
from mnist_compare.evaluation import Comparison, Evaluation, bootstrap_difference, compare, evaluate, predict  # noqa: E402
from mnist_compare.experiments import Plan, Run, run_all, train_all  # noqa: E402
from mnist_compare.handwriting import prepare_digit  # noqa: E402
from mnist_compare.models import LocallyConnected2D, build_ann, build_cnn, layer_costs  # noqa: E402
from mnist_compare.training import ANN_RECIPE, CNN_RECIPE, MATCHED_RECIPE, Recipe, train  # noqa: E402

__all__ = [
    "ANN_RECIPE",
    "CNN_RECIPE",
    "MATCHED_RECIPE",
    "Comparison",
    "DataError",
    "Evaluation",
    "LocallyConnected2D",
    "Plan",
    "Recipe",
    "Run",
    "bootstrap_difference",
    "build_ann",
    "build_cnn",
    "compare",
    "evaluate",
    "layer_costs",
    "load_mnist",
    "perturbations",
    "plots",
    "predict",
    "prepare_digit",
    "run_all",
    "train",
    "train_all",
]

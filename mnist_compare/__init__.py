"""Helpers of the mnist_compare notebooks: a dense network and a convolutional one on MNIST.

A name is imported from its module when it is first used: so code that needs no TensorFlow does not wait for it.
"""

import importlib

_MODULE_OF = {
    "Comparison": "evaluation",
    "Evaluation": "evaluation",
    "compare": "evaluation",
    "evaluate": "evaluation",
    "predict": "evaluation",
    "DataError": "data",
    "load_mnist": "data",
    "LocallyConnected2D": "models",
    "build_ann": "models",
    "build_cnn": "models",
    "layer_costs": "models",
    "DrawingPad": "pad",
    "Plan": "experiments",
    "Run": "experiments",
    "run_all": "experiments",
    "train_all": "experiments",
    "ANN_RECIPE": "training",
    "CNN_RECIPE": "training",
    "MATCHED_RECIPE": "training",
    "Recipe": "training",
    "train": "training",
    "prepare_digit": "handwriting",
    "prepare_digits": "handwriting",
    "load_writers": "writers",
}
_MODULES = (
    "data",
    "drawings",
    "evaluation",
    "experiments",
    "figures",
    "handwriting",
    "intervals",
    "models",
    "pad",
    "pages",
    "perturbations",
    "plots",
    "tables",
    "training",
    "tuning",
    "writers",
)

__all__ = [*_MODULE_OF, "drawings", "perturbations", "plots"]


def __getattr__(name):
    if name in _MODULE_OF:
        value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__, *_MODULES})

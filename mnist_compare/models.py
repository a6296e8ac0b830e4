"""The two networks, what they accept, and what they cost."""

import math
from typing import NamedTuple

import numpy as np
from keras import Input, Sequential, layers


def build_ann(units=(3000, 1000)):
    """Return a dense network, untrained: 784 → 3000 → 1000 → 10, with 5,366,010 parameters, unless told otherwise.

    units: the number of relu units of each hidden layer.
    Input: float32 images (N, 28, 28, 1) in [0, 1]. Output: float32 probabilities (N, 10).
    """
    return Sequential(
        [
            Input(shape=(28, 28, 1)),
            layers.Flatten(),
            *(layers.Dense(n, activation="relu") for n in units),
            layers.Dense(10, activation="softmax"),
        ],
        name="ann",
    )


def build_cnn(pooling=2):
    """Return the two-block convolutional network, untrained, with 121,930 parameters.

    pooling: the width and height of the squares that each block reduces to their maximum; 1 leaves them as they are.
    Input: float32 images (N, 28, 28, 1) in [0, 1]. Output: float32 probabilities (N, 10).
    """
    return Sequential(
        [
            Input(shape=(28, 28, 1)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D((pooling, pooling)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D((pooling, pooling)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="cnn",
    )


class LayerCost(NamedTuple):
    """One layer: its name, its output shape without the batch axis, its parameters, its multiply-adds per image."""

    name: str
    output_shape: tuple
    parameters: int
    multiply_adds: int


def layer_costs(model):
    """Return a list with the LayerCost of every layer of a built `model`.

    A Dense or Conv2D kernel is used once at each output position, so its multiply-adds are its size times
    the number of positions (Goodfellow, Bengio, Courville: Deep Learning, 2016, chapter 9.2). Adding a bias,
    comparing in a pooling layer and the activation are not multiply-adds and count as none.
    Raises ValueError for a layer with weights of any other kind.
    """
    costs = []
    for layer in model.layers:
        shape = tuple(layer.output.shape[1:])
        if isinstance(layer, (layers.Dense, layers.Conv2D)):
            multiply_adds = math.prod(layer.kernel.shape) * math.prod(shape[:-1])
        elif layer.count_params():
            raise ValueError(
                f"layer_costs cannot count the layer {layer.name!r} of type {type(layer).__name__}: "
                "of the layers with weights it knows Dense and Conv2D."
            )
        else:
            multiply_adds = 0
        costs.append(LayerCost(layer.name, shape, layer.count_params(), multiply_adds))
    return costs


def as_images(x):
    """Return `x` as the networks take it: float32 (N, 28, 28, 1) in [0, 1].

    `x`: (N, 28, 28) or (N, 28, 28, 1), uint8 from 0 to 255, which is divided by 255, or floats from 0 to 1,
    which are kept. Raises ValueError for anything else.
    """
    x = np.asarray(x)
    if x.shape[1:] not in ((28, 28), (28, 28, 1)):
        raise ValueError(
            f"The images have the shape {x.shape}, expected (N, 28, 28) or (N, 28, 28, 1); "
            "write x[None] to pass a single image."
        )
    if len(x) == 0:
        raise ValueError("There are no images: the array has the length 0, expected at least 1.")
    if x.dtype == np.uint8:
        x = np.divide(x, 255, dtype=np.float32)
    elif x.dtype.kind != "f":
        raise ValueError(
            f"The images have the type {x.dtype}, expected uint8 (0 to 255) or a float type (0 to 1); "
            "convert them with x.astype('uint8')."
        )
    elif not (x.min() >= 0 and x.max() <= 1):  # worded so that NaN fails too
        raise ValueError(
            f"The images are floats from {x.min():g} to {x.max():g}, expected 0 to 1 and no NaN; "
            "divide grey levels by 255, or pass the uint8 array itself."
        )
    return x.astype(np.float32, copy=False).reshape(-1, 28, 28, 1)


def as_labels(y, count):
    """Return the labels `y` as int64 (count,), or raise ValueError unless they are `count` digits from 0 to 9."""
    y = np.asarray(y)
    if y.ndim != 1 or y.dtype.kind not in "ui":
        raise ValueError(
            f"The labels have the shape {y.shape} and the type {y.dtype}, expected whole numbers of shape (N,); "
            "turn one-hot rows into digits with y.argmax(axis=1)."
        )
    if len(y) != count:
        raise ValueError(f"There are {len(y)} labels for {count} images, expected one for each.")
    if count and not (y.min() >= 0 and y.max() <= 9):
        raise ValueError(f"The labels run from {y.min()} to {y.max()}, expected digits from 0 to 9.")
    return y.astype(np.int64)

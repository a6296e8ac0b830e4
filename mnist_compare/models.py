"""The two networks, what they accept, and what they cost."""

import math
from typing import NamedTuple

from mnist_compare.backend import keras


def build_ann(units=(3000, 1000)):
    """Return a dense network, untrained: 784 → 3000 → 1000 → 10, unless told otherwise.

    units: the number of relu units of each hidden layer.
    Input: float32 images (N, 28, 28, 1) in [0, 1]. Output: float32 probabilities (N, 10).
    """
    return keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            keras.layers.Flatten(),
            *(keras.layers.Dense(n, activation="relu") for n in units),
            keras.layers.Dense(10, activation="softmax"),
        ],
        name="ann",
    )


def build_cnn(pooling=2, convolution=keras.layers.Conv2D, filters=(32, 64), units=64):
    """Return the two-block convolutional network, untrained.

    pooling: the width and height of the squares that each block reduces to their maximum; 1 leaves them as they are.
    convolution: the kind of layer each block begins with; LocallyConnected2D is the one that shares no weights.
    filters: the number of each block's filters. units: the number of relu units of the dense layer after them.
    Input: float32 images (N, 28, 28, 1) in [0, 1]. Output: float32 probabilities (N, 10).
    """
    return keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            convolution(filters[0], (3, 3), activation="relu"),
            keras.layers.MaxPooling2D((pooling, pooling)),
            convolution(filters[1], (3, 3), activation="relu"),
            keras.layers.MaxPooling2D((pooling, pooling)),
            keras.layers.Flatten(),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ],
        name="cnn",
    )


def with_dropout(model, pixels=0.2, units=0.5):
    """Return a new, untrained network like `model`, a Sequential, with dropout.

    pixels, units: the share of the pixels, and of the units of each hidden dense layer, that are set to 0 at random in
    each training step; the rest are scaled up so that sums stay the same on average. Nothing is dropped when a trained
    network answers. The shares are those of Srivastava et al., Dropout, 2014,
    https://jmlr.org/papers/v15/srivastava14a.html.
    """
    *hidden, output = (type(layer).from_config(layer.get_config()) for layer in model.layers)
    layers = [keras.Input(model.input_shape[1:]), keras.layers.Dropout(pixels)]
    for layer in hidden:
        layers += [layer, keras.layers.Dropout(units)] if isinstance(layer, keras.layers.Dense) else [layer]
    return keras.Sequential([*layers, output], name=model.name)


@keras.saving.register_keras_serializable(package="mnist_compare")
class LocallyConnected2D(keras.layers.Layer):
    """Conv2D (stride 1, no padding) without the weight sharing: every output position has a kernel of its own.

    The "local connections" of Y. LeCun, Generalization and network design strategies, 1989. Keras 3 has no such layer.
    kernel_size: (height, width) of the window, or one number for both.
    Input: (N, rows, columns, channels). Output: (N, rows - height + 1, columns - width + 1, filters).
    Raises ValueError where the window is larger than the input.
    """

    def __init__(self, filters, kernel_size, activation=None, **options):
        super().__init__(**options)
        self.filters = filters
        self.kernel_size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        _, rows, columns, channels = input_shape
        height, width = self.kernel_size
        if height > rows or width > columns:
            raise ValueError(f"A window of {height} × {width} does not fit into {rows} × {columns} pixels.")
        self.positions = positions = (rows - height + 1, columns - width + 1)
        # Drawn as Conv2D's (Glorot and Bengio 2010); Keras's own way would count the positions as part of the window.
        limit = math.sqrt(6 / (height * width * (channels + self.filters)))
        self.kernel = self.add_weight(
            shape=(*positions, height * width * channels, self.filters),
            initializer=keras.initializers.RandomUniform(-limit, limit),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(*positions, self.filters), initializer="zeros", name="bias")

    def call(self, x):
        (rows, columns), (height, width) = self.positions, self.kernel_size
        shifted = [
            x[:, row : row + rows, column : column + columns] for row in range(height) for column in range(width)
        ]
        windows = keras.ops.concatenate(shifted, axis=-1)  # at every place, the pixels and channels of its window
        return self.activation(keras.ops.einsum("nrcw,rcwf->nrcf", windows, self.kernel) + self.bias)

    def get_config(self):
        own = {"filters": self.filters, "kernel_size": self.kernel_size}
        return {**super().get_config(), **own, "activation": keras.activations.serialize(self.activation)}


class LayerCost(NamedTuple):
    """One layer: its name, its output shape without the batch axis, its parameters, its multiply-adds per image."""

    name: str
    output_shape: tuple
    parameters: int
    multiply_adds: int


def layer_costs(model):
    """Return a list with the LayerCost of every layer of a built `model`.

    A Dense or Conv2D kernel is used once at each output position, so its multiply-adds are its size times
    the number of positions (Goodfellow, Bengio, Courville: Deep Learning, 2016, chapter 9.2); each weight of a
    LocallyConnected2D is used once. Adding a bias, comparing in a pooling layer and the activation are not
    multiply-adds and are not counted.
    Raises ValueError for any other kind of layer with weights.
    """
    costs = []
    for layer in model.layers:
        shape = tuple(layer.output.shape[1:])
        if isinstance(layer, LocallyConnected2D):
            multiply_adds = math.prod(layer.kernel.shape)
        elif isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)):
            multiply_adds = math.prod(layer.kernel.shape) * math.prod(shape[:-1])
        elif layer.count_params():
            raise ValueError(
                f"layer_costs cannot count the layer {layer.name!r} of type {type(layer).__name__}: "
                "of the layers with weights it knows Dense, Conv2D and LocallyConnected2D."
            )
        else:
            multiply_adds = 0
        costs.append(LayerCost(layer.name, shape, layer.count_params(), multiply_adds))
    return costs

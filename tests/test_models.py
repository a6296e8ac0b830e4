from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_compare import build_ann, build_cnn, layer_costs
from mnist_compare.models import as_images, as_labels


@pytest.mark.parametrize(
    "build, parameters, multiply_adds",
    [
        (build_ann, 5_366_010, 5_362_000),
        (partial(build_ann, units=(153,)), 121_645, 121_482),
        (partial(build_ann, units=(1245, 1245)), 2_541_055, 2_538_555),
        (build_cnn, 121_930, 2_528_000),
        (partial(build_cnn, pooling=1), 2_378_826, 13_171_456),
    ],
)
def test_costs_are_the_ones_worked_out_by_hand(build, parameters, multiply_adds):
    model = build()
    costs = layer_costs(model)
    assert model.count_params() == sum(cost.parameters for cost in costs) == parameters
    assert sum(cost.multiply_adds for cost in costs) == multiply_adds


@pytest.mark.parametrize("build", [build_ann, build_cnn])
def test_multiply_adds_are_half_the_operations_tensorflow_counts(build):
    model = build()
    graph = tf.function(model).get_concrete_function(tf.TensorSpec((1, 28, 28, 1))).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder(tf.compat.v1.profiler.ProfileOptionBuilder.float_operation())
    options = options.with_empty_output().with_node_names(show_name_regexes=[".*(MatMul|convolution)"]).build()
    counted = tf.compat.v1.profiler.profile(graph, cmd="scope", options=options).total_float_ops
    assert counted == 2 * sum(cost.multiply_adds for cost in layer_costs(model))


def test_cnn_shapes():
    shapes = [cost.output_shape for cost in layer_costs(build_cnn())]
    assert shapes == [(26, 26, 32), (13, 13, 32), (11, 11, 64), (5, 5, 64), (1600,), (64,), (10,)]


def test_layer_costs_refuses_what_it_cannot_count():
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.BatchNormalization()])
    with pytest.raises(ValueError, match="BatchNormalization"):
        layer_costs(model)


def test_images_of_every_accepted_form_come_to_the_same(digits):
    images, _ = digits
    expected = (images / 255).astype("float32")[..., None]
    for form in (images, images[..., None], images / 255, expected):
        np.testing.assert_allclose(as_images(form), expected, rtol=1e-6)
        assert as_images(form).dtype == np.float32


@pytest.mark.parametrize(
    "images, said",
    [
        (np.zeros((3, 28, 27)), r"\(3, 28, 27\)"),
        (np.zeros((28, 28)), r"x\[None\]"),
        (np.zeros((2, 28, 28, 3)), r"\(2, 28, 28, 3\)"),
        (np.zeros((0, 28, 28)), "no images"),
        (np.full((1, 28, 28), np.nan), "nan"),
        (np.full((1, 28, 28), 255.0), "255"),
        (np.full((1, 28, 28), -0.1), "-0.1"),
        (np.zeros((1, 28, 28), int), "int64"),
        ([["a"]], "shape"),
    ],
)
def test_other_images_are_refused(images, said):
    with pytest.raises(ValueError, match=said):
        as_images(images)


@pytest.mark.parametrize(
    "labels, said",
    [
        (np.eye(10, dtype=int), "one-hot"),
        (np.zeros(10), "float64"),
        (np.zeros(9, int), "9 labels for 10 images"),
        (np.full(10, 10), "10 to 10"),
        (np.full(10, -1), "-1 to -1"),
    ],
)
def test_other_labels_are_refused(labels, said):
    with pytest.raises(ValueError, match=said):
        as_labels(labels, 10)

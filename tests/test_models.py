from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_compare import LocallyConnected2D, build_ann, build_cnn, layer_costs
from mnist_compare.inputs import as_images, as_labels
from mnist_compare.models import with_dropout


@pytest.mark.parametrize(
    "build, parameters, multiply_adds",
    [
        (build_ann, 5_366_010, 5_362_000),
        (partial(build_ann, units=(153,)), 121_645, 121_482),
        (partial(build_ann, units=(1245, 1245)), 2_541_055, 2_538_555),
        (build_cnn, 121_930, 2_528_000),
        (partial(build_cnn, pooling=1), 2_378_826, 13_171_456),
        (partial(build_cnn, convolution=LocallyConnected2D), 2_557_450, 2_528_000),
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


def test_a_wider_or_narrower_cnn_by_hand():
    """8 filters of 3 x 3, 16 of 3 x 3 x 8, 5 x 5 x 16 values to 16 units, to 10; a bias for each."""
    parameters = 8 * (9 + 1) + 16 * (72 + 1) + 16 * (400 + 1) + 10 * (16 + 1)
    assert build_cnn(filters=(8, 16), units=16).count_params() == parameters


@pytest.mark.parametrize("build, dense", [(partial(build_ann, units=(400, 300)), [400, 300]), (build_cnn, [64])])
def test_dropout_sets_pixels_and_hidden_units_to_0_while_training_and_nothing_afterwards(build, dense):
    plain, model = build(), with_dropout(build(), pixels=0.2, units=0.5)
    model.set_weights(plain.get_weights())
    x = np.random.default_rng(0).random((50, 28, 28, 1), np.float32) + 1
    np.testing.assert_allclose(model(x), plain(x), rtol=1e-5, atol=1e-7)
    drops = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert [drop.rate for drop in drops] == [0.2] + [0.5] * len(dense)
    assert [drop.output.shape[1:] for drop in drops] == [(28, 28, 1), *((units,) for units in dense)]
    for drop in drops:
        ones = np.ones((200, *drop.output.shape[1:]), np.float32)
        after = np.asarray(drop(ones, training=True))
        assert abs((after == 0).mean() - drop.rate) < 0.02
        np.testing.assert_allclose(after[after > 0], 1 / (1 - drop.rate), rtol=1e-6)
    again = [layer.name for layer in with_dropout(build()).layers]
    assert len(set(again)) == len(again)


def test_cnn_shapes():
    shapes = [cost.output_shape for cost in layer_costs(build_cnn())]
    assert shapes == [(26, 26, 32), (13, 13, 32), (11, 11, 64), (5, 5, 64), (1600,), (64,), (10,)]


def with_random_weights(layer, channels=2):
    """Return the layer, its kernel and its bias; the weights are random, the input has 7 × 6 pixels."""
    layer.build((None, 7, 6, channels))
    generator = np.random.default_rng(1)
    layer.set_weights([generator.normal(size=weight.shape).astype("float32") for weight in layer.get_weights()])
    return layer, *layer.get_weights()


def by_a_loop(x, kernel_at, bias_at, filters, height, width):
    """Lay the kernel of every place onto its window, as Goodfellow et al. write it (2016, equation 9.6)."""
    count, rows, columns, _ = x.shape
    result = np.zeros((count, rows - height + 1, columns - width + 1, filters))
    for image, row, column, number in np.ndindex(result.shape):
        window = x[image, row : row + height, column : column + width]
        result[image, row, column, number] = (window * kernel_at(row, column)[..., number]).sum() + bias_at(
            row, column
        )[number]
    return np.maximum(result, 0)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).normal(size=(3, 7, 6, 2)).astype("float32")


def test_conv2d_is_one_kernel_in_a_loop(pictures):
    layer, kernel, bias = with_random_weights(keras.layers.Conv2D(4, (3, 2), activation="relu"))
    expected = by_a_loop(pictures, lambda row, column: kernel, lambda row, column: bias, 4, 3, 2)
    np.testing.assert_allclose(layer(pictures), expected, rtol=1e-4, atol=1e-5)


def test_locally_connected_is_a_kernel_for_every_place_in_a_loop(pictures):
    layer, kernel, bias = with_random_weights(LocallyConnected2D(4, (3, 2), activation="relu"))
    assert kernel.shape == (5, 5, 3 * 2 * 2, 4) and bias.shape == (5, 5, 4)
    kernels = kernel.reshape(5, 5, 3, 2, 2, 4)
    expected = by_a_loop(
        pictures, lambda row, column: kernels[row, column], lambda row, column: bias[row, column], 4, 3, 2
    )
    np.testing.assert_allclose(layer(pictures), expected, rtol=1e-4, atol=1e-5)


def test_locally_connected_starts_as_conv2d_does():
    layers = [kind(32, (3, 3)) for kind in (keras.layers.Conv2D, LocallyConnected2D)]
    keras.utils.set_random_seed(0)
    for layer in layers:
        layer.build((None, 28, 28, 64))
    shared, local = (layer.get_weights() for layer in layers)
    assert local[0].std() == pytest.approx(shared[0].std(), rel=0.02)
    assert np.abs(local[0]).max() == pytest.approx(np.abs(shared[0]).max(), rel=0.01)
    assert not local[1].any()


def test_the_window_of_a_local_layer_must_fit():
    layer = LocallyConnected2D(2, 3)
    assert layer.kernel_size == (3, 3) and layer(np.zeros((1, 3, 4, 1))).shape == (1, 1, 2, 2)
    with pytest.raises(ValueError, match="5 × 3 does not fit into 4 × 9"):
        LocallyConnected2D(2, (5, 3))(np.zeros((1, 4, 9, 1)))


def test_a_network_of_local_layers_survives_saving(tmp_path, digits):
    model = build_cnn(convolution=LocallyConnected2D)
    model.save(tmp_path / "model.keras")
    images = as_images(digits[0][:3])
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(images), model(images))


def test_a_convolution_is_equivariant_and_a_local_layer_is_not(digits):
    before = np.zeros((20, 28, 28, 1), "float32")
    before[:, 2:26, 2:26] = as_images(digits[0][:20])[:, 2:26, 2:26]
    after = np.roll(before, (2, -1), axis=(1, 2))  # the margin is empty: nothing goes round

    def difference(layer):
        layer.build((None, 28, 28, 1))
        there, moved = layer(before).numpy()[:, :-2, 1:], layer(after).numpy()[:, 2:, :-1]
        return np.abs(moved - there).max() / np.abs(there).max()

    assert difference(keras.layers.Conv2D(8, 3, activation="relu")) < 1e-6
    assert difference(LocallyConnected2D(8, (3, 3), activation="relu")) > 0.1


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

import math

import keras
import numpy as np
import pytest
from sklearn import metrics

from mnist_compare import Evaluation, Recipe, build_cnn, compare, evaluate, train


@pytest.fixture(scope="module")
def trained(digits):
    images, labels = digits
    model = build_cnn()
    train(model, images[:600], labels[:600], Recipe("adam", 0.002, 32, 1), verbose=False)
    return model, images[600:1301], labels[600:1301]  # 701 images: the last batch of 500 is not full


def says(predictions, labels):
    """An Evaluation that gives 0.91 to each prediction."""
    return Evaluation(np.array(labels), np.eye(10)[predictions] * 0.9 + 0.01, loss=0.0)


def test_evaluate_agrees_with_keras_and_scikit_learn(trained):
    model, images, labels = trained
    result = evaluate(model, images, labels)
    x = (images / 255).astype("float32")[..., None]
    np.testing.assert_allclose(result.probabilities, model.predict(x, verbose=0), atol=1e-6)
    loss, accuracy = model.evaluate(x, labels, verbose=0)
    assert result.loss == pytest.approx(loss, rel=1e-5)
    assert result.accuracy == pytest.approx(accuracy)
    assert 0.2 < result.accuracy < 1  # else the rest would prove nothing
    predictions = result.probabilities.argmax(axis=1)
    assert (result.predictions == predictions).all()
    assert (result.confusion == metrics.confusion_matrix(labels, predictions)).all()
    assert result.report() == metrics.classification_report(labels, predictions, digits=4, zero_division=0)
    for name, score in (
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("F1", metrics.f1_score),
    ):
        np.testing.assert_allclose(result.class_scores[name], score(labels, predictions, average=None, zero_division=0))


def test_evaluate_takes_every_form_of_image(trained):
    model, images, labels = trained
    first = evaluate(model, images, labels)
    second = evaluate(model, images[..., None] / 255, labels)
    np.testing.assert_allclose(first.probabilities, second.probabilities, atol=1e-6)


def test_a_wrong_and_certain_answer_costs_a_finite_loss():
    class Sure(keras.layers.Layer):
        def call(self, images):
            return keras.ops.one_hot(keras.ops.zeros_like(images[:, 0, 0, 0], dtype="int32"), 10)

    model = keras.Sequential([keras.Input((28, 28, 1)), Sure()])
    result = evaluate(model, np.zeros((4, 28, 28)), np.array([0, 0, 0, 1]))
    assert result.loss == pytest.approx(-math.log(1e-7) / 4, rel=1e-4)


def test_a_class_that_never_occurs_still_has_its_row_and_column():
    result = says([0, 1, 1], [0, 1, 0])
    assert result.confusion.shape == (10, 10)
    assert result.confusion[0, 1] == 1 and result.confusion.sum() == 3
    assert result.class_scores["recall"].tolist() == [0.5, 1] + [0] * 8
    assert "         9" in result.report()


@pytest.mark.parametrize("right, count", [(0, 20), (20, 20), (1, 1), (0, 1), (7, 20), (9600, 10000)])
def test_the_accuracy_interval_is_wilsons(right, count):
    result = says([0] * count, [0] * right + [1] * (count - right))
    z, share = 1.959963984540054, right / count
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    low, high = result.accuracy_interval
    assert (low, high) == pytest.approx((centre - half, centre + half), abs=1e-12)
    assert 0 <= low <= result.accuracy <= high <= 1 and high - low > 0


def test_compare_counts_what_a_loop_counts():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, 300)
    answers = [np.where(generator.random(300) < share, labels, (labels + 1) % 10) for share in (0.8, 0.9)]
    result = compare(says(answers[0], labels), says(answers[1], labels))
    counts = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for first, second, label in zip(*answers, labels, strict=True):
        counts[first == label, second == label] += 1
    assert [result.both_right, result.only_first, result.only_second, result.both_wrong] == list(counts.values())


@pytest.mark.parametrize("only_first, only_second", [(0, 0), (0, 1), (1, 1), (0, 8), (3, 9), (9, 3), (7, 8), (40, 20)])
def test_the_p_value_is_that_of_every_possible_outcome_counted(only_first, only_second):
    labels = [0] * (only_first + only_second + 2)
    first = [0] * only_first + [1] * only_second + [0, 1]
    second = [1] * only_first + [0] * only_second + [0, 1]
    discordant = only_first + only_second
    as_one_sided = [k for k in range(discordant + 1) if abs(2 * k - discordant) >= abs(only_first - only_second)]
    expected = sum(math.comb(discordant, k) for k in as_one_sided) / 2**discordant
    result = compare(says(first, labels), says(second, labels))
    assert (result.only_first, result.only_second) == (only_first, only_second)
    assert result.p_value == pytest.approx(expected)
    assert compare(says(second, labels), says(first, labels)).p_value == pytest.approx(expected)


def test_the_comparison_reads_as_a_table():
    text = compare(says([0, 0, 1], [0, 0, 0]), says([0, 1, 0], [0, 0, 0])).report("ANN", "CNN").splitlines()
    assert text[0].split() == ["CNN", "right", "CNN", "wrong"]
    assert text[1].split() == ["ANN", "right", "1", "1"]
    assert text[2].split() == ["ANN", "wrong", "1", "0"]
    assert text[3] == "exact McNemar test: p = 1"


@pytest.mark.parametrize(
    "images, labels, said",
    [
        (np.zeros((0, 28, 28)), np.zeros(0, int), "no images"),
        (np.zeros((2, 28, 28)), np.zeros(3, int), "3 labels for 2 images"),
        (np.zeros((2, 28, 28)), np.eye(10)[[0, 1]], "one-hot"),
        (np.zeros((2, 28, 28)), np.array([0, 10]), "0 to 10"),
        (np.full((2, 28, 28), np.nan), np.zeros(2, int), "nan"),
        (np.zeros((2, 32, 32)), np.zeros(2, int), r"\(2, 32, 32\)"),
        (0.5, np.zeros(2, int), r"the shape \(\)"),
    ],
)
def test_evaluate_refuses_nonsense(trained, images, labels, said):
    with pytest.raises(ValueError, match=said):
        evaluate(trained[0], images, labels)


def test_a_network_without_probabilities_is_refused():
    logits = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    narrow = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(4, "softmax")])
    x, y = np.ones((2, 28, 28)), np.zeros(2, int)
    with pytest.raises(ValueError, match="softmax"):
        evaluate(logits, x, y)
    with pytest.raises(ValueError, match=r"\(2, 4\)"):
        evaluate(narrow, x, y)
    logits.set_weights([np.full((784, 10), np.nan), np.zeros(10)])
    with pytest.raises(ValueError, match="diverged"):
        evaluate(logits, x, y)


def test_compare_refuses_evaluations_of_different_images():
    with pytest.raises(ValueError, match="3 images, the other 2"):
        compare(says([0, 0, 1], [0, 0, 0]), says([0, 0], [0, 0]))
    with pytest.raises(ValueError, match="labels of the two"):
        compare(says([0, 0], [0, 0]), says([0, 0], [0, 1]))


@pytest.mark.parametrize(
    "labels, probabilities, said",
    [
        ([], np.zeros((0, 10)), r"\(0, 10\)"),
        ([0, 1], np.full((2, 10), np.nan), "NaN"),
        ([0], np.full((2, 10), 0.1), "1 labels for 2"),
        ([0, 11], np.full((2, 10), 0.1), "0 to 11"),
        ([0, 1], np.ones((2, 10)), "sum to 1"),
        ([0, 1], np.eye(2, 10) * 3 - 0.2, "sum to 1"),  # they do, but one is below 0
        ([0, 1], np.full((2, 10), "a"), "type <U1.*`predict`"),
        ([0, 1], np.full((2, 10), None), "type object"),
        ([0, 1], [[0.1] * 10, [0.1] * 9], "probabilities do not make one array"),
        ([[0], [1, 2]], np.eye(2, 10), "labels do not make one array"),
        ([0.0, 1.0], np.eye(2, 10), "float64.*whole numbers"),
        (None, np.eye(2, 10), "type object"),
    ],
)
def test_an_evaluation_cannot_be_made_of_nonsense(labels, probabilities, said):
    if labels == []:
        labels = np.zeros(0, int)
    with pytest.raises(ValueError, match=said):
        Evaluation(labels, probabilities, 0.0)


@pytest.mark.parametrize("loss", [math.nan, -0.1, None, "0.1", True, [0.1]])
def test_an_evaluation_needs_a_loss_that_is_a_number(loss):
    with pytest.raises(ValueError, match="loss=.*number from 0"):
        Evaluation([0], np.eye(1, 10), loss)


def test_lists_make_the_same_evaluation_as_arrays():
    labels, answers = np.array([0, 1, 1, 9], np.uint8), np.eye(10)[[0, 1, 2, 9]]
    expected = Evaluation(labels, answers, 0.5)
    for result in (
        Evaluation(labels.tolist(), answers.tolist(), np.float32(0.5)),
        Evaluation(tuple(labels), answers.astype(int), 0.5),
        Evaluation(labels, answers.astype(np.float32), 0.5),
    ):
        assert result.labels.dtype == np.int64 and result.probabilities.dtype.kind == "f" and type(result.loss) is float
        assert result.accuracy == expected.accuracy == 0.75 and result.accuracy_interval == expected.accuracy_interval
        assert result.predictions.tolist() == [0, 1, 2, 9] and result.loss == 0.5
        assert (result.confusion == expected.confusion).all() and result.report() == expected.report()
        assert compare(result, expected).p_value == 1
    assert result.probabilities.dtype == np.float32  # as a network gives them: not copied to twice the memory

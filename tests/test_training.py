import collections
import gc
import random
import signal
import threading
import weakref
from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_compare import ANN_RECIPE, CNN_RECIPE, Recipe, build_ann, build_cnn, evaluate, train, training


def tiny():
    return keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])


@pytest.fixture
def few(digits):
    images, labels = digits
    return images[:330], labels[:330]


@pytest.mark.parametrize("build", [build_ann, build_cnn])
def test_the_same_seed_gives_the_same_bits(build, few):
    recipe = Recipe("adam", 0.001, batch_size=32, epochs=1)
    model = build()
    history = train(model, *few, recipe, seed=3, verbose=False).history
    weights = model.get_weights()

    train(model, *few, recipe, seed=4, verbose=False)
    assert not np.array_equal(model.get_weights()[0], weights[0])

    for other in (model, build()):  # one that held something else before, and a new one
        again = train(other, *few, recipe, seed=3, verbose=False).history
        assert all(np.array_equal(a, b) for a, b in zip(other.get_weights(), weights, strict=True))
        assert again["loss"] == history["loss"]


def test_one_step_is_the_gradient_step_that_numpy_computes(few):
    """Softmax regression by hand: with all images in one batch, their order does not matter."""
    images, labels = few
    x = images.reshape(-1, 784) / 255
    keras.utils.set_random_seed(5)
    weights, bias = tiny().get_weights()
    losses = []
    for _ in range(3):
        scores = np.exp(x @ weights + bias)
        probabilities = scores / scores.sum(axis=1, keepdims=True)
        losses.append(-np.log(probabilities[np.arange(len(x)), labels]).mean())
        error = (probabilities - np.eye(10)[labels]) / len(x)
        weights, bias = weights - 0.5 * x.T @ error, bias - 0.5 * error.sum(axis=0)

    model = tiny()
    history = train(model, images, labels, Recipe("sgd", 0.5, batch_size=1000, epochs=3), seed=5, verbose=False)
    np.testing.assert_allclose(model.get_weights()[0], weights, atol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], bias, atol=1e-5)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-4)


def test_every_image_is_seen_once_an_epoch_in_a_new_order():
    y = np.arange(1000)
    x = np.broadcast_to(y.astype("float32")[:, None, None, None], (1000, 28, 28, 1))
    batches = training._batches(x, y, batch_size=32, seed=0)
    epochs = []
    for _ in range(2):
        seen = [(images.numpy(), labels.numpy()) for images, labels in batches]
        assert [len(labels) for _, labels in seen] == [32] * 31 + [8]
        assert all((images[:, 0, 0, 0] == labels).all() for images, labels in seen)
        epochs.append(np.concatenate([labels for _, labels in seen]))
    assert all((np.sort(order) == y).all() for order in epochs)
    assert not np.array_equal(epochs[0], epochs[1])
    # Shuffled over the whole set before batching: a batch holds images from everywhere.
    assert all(np.ptp(order[:32]) > 500 for order in epochs)


def test_what_augment_makes_of_the_images_is_what_is_learnt_from(few):
    """It is given every image once an epoch, and what it makes of them, nothing else, decides the weights."""
    images, labels = few
    shown = []

    def darker(batch, generator):
        made = (batch * generator.random((len(batch), 1, 1))).astype(np.uint8)
        shown.append((batch.copy(), made))
        return made

    recipe, model = Recipe("sgd", 0.1, batch_size=100, epochs=2), tiny()
    kept = images.copy()
    train(model, images, labels, recipe, seed=5, augment=darker, verbose=False)
    np.testing.assert_array_equal(images, kept)
    shown = shown[-8:]  # the first is the check of its form
    for epoch in (shown[:4], shown[4:]):  # every image once, in a new order
        seen = np.concatenate([before for before, _ in epoch])
        np.testing.assert_array_equal(np.sort(seen.reshape(330, -1), axis=0), np.sort(images.reshape(330, -1), axis=0))
    made = [after.mean() for _, after in shown]
    assert len(set(made)) == 8
    other = tiny()
    train(other, images, labels, recipe, seed=5, augment=lambda batch, generator: batch * np.uint8(0), verbose=False)
    weights = other.get_weights()[0]
    train(other, images * np.uint8(0), labels, recipe, seed=5, verbose=False)
    np.testing.assert_array_equal(weights, other.get_weights()[0])  # of black images: nothing is added to the start
    again = tiny()
    train(again, images, labels, recipe, seed=5, augment=darker, verbose=False)
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    assert not np.array_equal(again.get_weights()[0], weights)


def test_an_epoch_on_augmented_images_is_an_epoch_on_those_images(few):
    images, labels = few
    recipe, model, other = Recipe("adam", 0.01, batch_size=50, epochs=2), tiny(), tiny()
    train(model, images, labels, recipe, augment=lambda batch, generator: batch[:, ::-1], verbose=False)
    train(other, images[:, ::-1], labels, recipe, verbose=False)
    for mine, yours in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, yours)


@pytest.mark.parametrize(
    "augment, said",
    [
        (3, "augment=3 makes None"),
        (lambda images, generator: images[1:], r"makes uint8 \(1, 28, 28\) of images uint8 \(2, 28, 28\)"),
        (lambda images, generator: images / 255, "makes float64"),
        (lambda images, generator: "x", "makes 'x'"),
    ],
)
def test_an_augment_that_makes_something_else_is_refused(few, augment, said):
    with pytest.raises(ValueError, match=said):
        train(tiny(), *few, Recipe("sgd", 0.1, 50, 1), augment=augment)


def test_softened_answers_are_powers_that_sum_to_1():
    answers = np.random.default_rng(0).dirichlet(np.full(10, 0.3), 20).astype(np.float32)
    answers[0] = np.eye(10)[3]  # as sure as can be
    for temperature in (1, 2.5, 4):
        powers = answers.astype(float) ** (1 / temperature)
        softened = np.asarray(training.soften(answers, temperature))
        np.testing.assert_allclose(softened, powers / powers.sum(axis=1, keepdims=True), atol=1e-6)
        np.testing.assert_allclose(softened.sum(axis=1), 1, atol=1e-6)
    assert (np.diff(np.sort(training.soften(answers[1:], 4))[:, -1] - answers[1:].max(axis=1)) < 1).all()
    np.testing.assert_array_less(np.asarray(training.soften(answers, 4)).max(axis=1)[1:], answers.max(axis=1)[1:])


def taught_by(digit):
    """A teacher that is rather sure of one digit, whatever it sees."""
    return lambda images, training=False: np.repeat([np.where(np.arange(10) == digit, 0.91, 0.01)], len(images), 0)


def test_a_pupils_step_is_the_gradient_step_that_numpy_computes(few):
    """Softmax regression by hand, against the softened answers of a teacher that has weights of its own."""
    images, labels = few
    x, temperature = images.reshape(-1, 784) / 255, 3.0
    teacher = tiny()
    keras.utils.set_random_seed(9)
    teacher.set_weights([np.random.default_rng(9).normal(0, 0.1, part.shape) for part in teacher.get_weights()])

    def softmax(scores):
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    targets = softmax((x @ teacher.get_weights()[0] + teacher.get_weights()[1]) / temperature)
    keras.utils.set_random_seed(5)
    weights, bias = tiny().get_weights()
    losses, agreement = [], []
    for _ in range(3):
        answers = softmax((x @ weights + bias) / temperature)
        losses.append(-(temperature**2) * (targets * np.log(answers)).sum(axis=1).mean())
        agreement.append((answers.argmax(axis=1) == targets.argmax(axis=1)).mean())
        error = temperature * (answers - targets) / len(x)
        weights, bias = weights - 0.1 * x.T @ error, bias - 0.1 * error.sum(axis=0)

    recipe, wrong = Recipe("sgd", 0.1, batch_size=1000, epochs=3), (labels + 1) % 10  # which nobody looks at
    for augment in (None, lambda batch, generator: batch.copy()):  # asked beforehand, and batch by batch
        model = tiny()
        history = train(
            model, images, wrong, recipe, seed=5, augment=augment, teacher=teacher, temperature=3, verbose=False
        ).history
        np.testing.assert_allclose(model.get_weights()[0], weights, atol=1e-5)
        np.testing.assert_allclose(model.get_weights()[1], bias, atol=1e-5)
        np.testing.assert_allclose(history["loss"], losses, rtol=1e-4)
        np.testing.assert_allclose(history["accuracy"], agreement, atol=1e-6)


def test_a_teacher_is_asked_about_the_images_as_they_are_shown(few):
    images, labels = few
    teacher, recipe = tiny(), Recipe("adam", 0.01, batch_size=50, epochs=2)
    train(teacher, images, labels, recipe, verbose=False)
    model, other = tiny(), tiny()
    train(model, images, labels, recipe, augment=lambda x, generator: x[:, ::-1], teacher=teacher, verbose=False)
    train(other, images[:, ::-1], labels, recipe, teacher=teacher, verbose=False)
    for mine, yours in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, yours, atol=1e-5)


@pytest.mark.parametrize("with_xla", [False, True])
def test_a_pupil_is_trained_again_without_compiling_and_its_held_out_images_have_labels(few, with_xla, monkeypatch):
    monkeypatch.setattr(training, "_is_faster_with_xla", lambda model, images: with_xla)
    images, labels = few
    recipe, model = Recipe("sgd", 0.05, batch_size=50, epochs=2), tiny()
    options = {"teacher": taught_by(7), "verbose": False, "validation_data": few}
    history = train(model, images, labels, recipe, **options).history
    assert (model(images[:50, ..., None] / 255).numpy().argmax(axis=1) == 7).all()
    assert history["val_accuracy"][-1] == pytest.approx((labels == 7).mean(), abs=1e-6)
    assert history["accuracy"][-1] == 1
    step, weights = model.train_function, model.get_weights()
    train(model, images, labels, recipe, compiled=True, **options)
    assert model.train_function is step
    np.testing.assert_array_equal(model.get_weights()[0], weights[0])
    train(model, images, labels, recipe, compiled=True, verbose=False)  # by labels again: another loss
    assert model.train_function is not step and evaluate(model, *few).accuracy > 0.5


@pytest.mark.parametrize(
    "teacher, temperature, said",
    [
        (taught_by(1), 0, "temperature=0, expected a number above 0"),
        (taught_by(1), np.inf, "temperature=inf"),
        (taught_by(1), "warm", "temperature='warm'"),
        ("a CNN", 4, r"teacher='a CNN' answers 2 images with an array \(0,\), expected a trained network"),
        (lambda images: images, 4, r"an array \(2, 28, 28, 1\), expected.*\(2, 10\)"),
        (lambda images: np.ones((2, 10)), 4, r"an array \(2, 10\), expected.*softmax"),
    ],
)
def test_a_teacher_that_does_not_answer_with_probabilities_is_refused(few, teacher, temperature, said):
    with pytest.raises(ValueError, match=said):
        train(tiny(), *few, Recipe("sgd", 0.1, 50, 1), teacher=teacher, temperature=temperature)


def test_no_step_is_lost_to_several_steps_per_execution(few):
    model = tiny()
    train(model, *few, Recipe("sgd", 0.1, batch_size=12, epochs=3), verbose=False)  # 27.5 batches: 25 + 3
    assert int(model.optimizer.iterations) == 3 * 28


def test_history_and_one_line_an_epoch(few, capsys):
    history = train(tiny(), *few, Recipe("sgd", 0.1, batch_size=32, epochs=2))
    assert {name: len(values) for name, values in history.history.items()} == {"loss": 2, "accuracy": 2, "seconds": 2}
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith(f"epoch 1/2: loss {history.history['loss'][0]:.4f}, accuracy 0.")


@pytest.mark.parametrize("in_epoch", [1, 2])
def test_an_interrupt_amid_an_epoch_leaves_a_usable_model_and_the_next_run_is_fresh(few, capsys, monkeypatch, in_epoch):
    """A real SIGINT, as Ctrl-C and a notebook's stop button send it, while the steps of an epoch are under way."""
    images, labels = (np.tile(part, (10,) + (1,) * (part.ndim - 1)) for part in few)
    recipe = Recipe("sgd", 0.1, batch_size=4, epochs=3)  # 825 steps an epoch
    model = tiny()
    full = train(model, images, labels, recipe, verbose=False)
    weights = model.get_weights()
    assert full.interrupted is False

    def interrupt(report, batch, logs=None):
        if len(history_of[report]) == in_epoch and batch >= 250:
            signal.raise_signal(signal.SIGINT)

    history_of = collections.defaultdict(list)
    begin = training._EpochReport.on_epoch_begin
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore the signal
    with monkeypatch.context() as patch:
        patch.setattr(training._EpochReport, "on_train_batch_end", interrupt)
        patch.setattr(
            training._EpochReport,
            "on_epoch_begin",
            lambda report, epoch, logs=None: (history_of[report].append(epoch), begin(report, epoch, logs)),
        )
        capsys.readouterr()
        history = train(model, images, labels, recipe, verbose=True)
    signal.signal(signal.SIGINT, before)
    assert history.interrupted is True
    assert history.history["loss"] == full.history["loss"][: in_epoch - 1]
    assert {len(values) for values in history.history.values()} == {in_epoch - 1}
    assert capsys.readouterr().out.count(f"Interrupted after {in_epoch - 1} of 3 epochs") == 1
    steps = int(model.optimizer.iterations)
    assert (in_epoch - 1) * 825 < steps < in_epoch * 825 and steps % 25 == 0  # it was amid the epoch
    assert 0 <= evaluate(model, *few).accuracy <= 1

    train(model, images, labels, recipe, verbose=False)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))


def test_random_numbers_of_the_caller_are_left_alone(few):
    model = tiny()  # Keras draws from `random` to build it
    random.seed(1), np.random.seed(1)
    expected = random.random(), np.random.random()
    random.seed(1), np.random.seed(1)
    train(model, *few, Recipe("sgd", 0.1, 330, 1), seed=5, verbose=False)
    assert (random.random(), np.random.random()) == expected


def test_validation_is_not_counted_into_the_seconds_of_an_epoch(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(training.time, "perf_counter", lambda: now[0])
    report = training._EpochReport(verbose=False)
    for epoch, (training_seconds, validation_seconds) in enumerate([(3, 5), (4, 7), (2, None)]):
        report.on_epoch_begin(epoch)
        now[0] += training_seconds
        if validation_seconds:
            report.on_test_begin()
            now[0] += validation_seconds
        logs = {}
        report.on_epoch_end(epoch, logs)
        assert logs["seconds"] == training_seconds


def test_images_become_the_same_floats_batch_by_batch_as_all_at_once():
    levels = np.arange(256, dtype=np.uint8).repeat(784).reshape(256, 28, 28)
    ((images, labels),) = training._batches(levels, np.zeros(256, int), 256)
    assert images.dtype == "float32" and images.shape == (256, 28, 28, 1)
    np.testing.assert_array_equal(images, np.divide(levels, 255, dtype=np.float32)[..., None])


@pytest.mark.parametrize("with_xla", [False, True])
@pytest.mark.parametrize("optimizer, schedule", [("adam", "one_cycle"), ("nesterov", "constant")])
def test_a_model_trained_again_starts_afresh_without_compiling(few, optimizer, schedule, with_xla, monkeypatch):
    monkeypatch.setattr(training, "_is_faster_with_xla", lambda model, images: with_xla)
    recipe = Recipe(optimizer, 0.01, batch_size=32, epochs=2, schedule=schedule)
    model = tiny()
    train(model, *few, recipe, seed=1, verbose=False, compiled=True)
    step = model.train_function
    for other in (recipe, replace(recipe, learning_rate=0.02, epochs=1, batch_size=50)):
        again = train(model, *few, other, seed=2, verbose=False, compiled=True)
        assert model.train_function is step
        fresh = tiny()
        first = train(fresh, *few, other, seed=2, verbose=False)
        assert again.history["loss"] == first.history["loss"]
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), fresh.get_weights(), strict=True))


@pytest.mark.parametrize("change", [{"optimizer": "sgd"}, {"schedule": "constant"}])
def test_another_optimizer_or_schedule_is_compiled(few, change):
    recipe = Recipe("adam", 0.01, batch_size=32, epochs=1, schedule="one_cycle")
    model, fresh = tiny(), tiny()
    train(model, *few, recipe, verbose=False)
    again = train(model, *few, replace(recipe, **change), verbose=False, compiled=True)
    assert again.history["loss"] == train(fresh, *few, replace(recipe, **change), verbose=False).history["loss"]


def test_whatever_somebody_did_to_the_model_training_starts_afresh(few):
    recipe = Recipe("sgd", 0.1, batch_size=33, epochs=1)
    model = tiny()
    expected = train(model, *few, recipe, seed=2, verbose=False).history["loss"]
    model.optimizer.learning_rate = 0.5
    assert train(model, *few, recipe, seed=2, verbose=False).history["loss"] == expected
    model.compile("adam", "sparse_categorical_crossentropy")
    assert train(model, *few, recipe, seed=2, verbose=False).history["loss"] == expected


def test_two_trainings_in_threads_do_not_mix_their_seeds(few):
    recipe = Recipe("sgd", 0.1, batch_size=33, epochs=1)
    alone = [train(tiny(), *few, recipe, seed=seed, verbose=False).history["loss"] for seed in range(4)]
    models, together = [tiny() for _ in range(4)], {}

    def one(seed):
        together[seed] = train(models[seed], *few, recipe, seed=seed, verbose=False).history["loss"]

    threads = [threading.Thread(target=one, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[seed] for seed in range(4)] == alone


def test_a_training_leaves_nothing_of_its_network_behind(few):
    """Plain Keras leaves the weights and the optimizer's state of each training in TensorFlow's gradient registry."""
    model = tiny()
    train(model, *few, Recipe("adam", 0.001, 32, 1), verbose=False)
    handle = weakref.ref(model.optimizer._momentums[0].value.handle)
    del model
    gc.collect()
    assert handle() is None


def test_it_learns(digits):
    images, labels = digits
    model = build_cnn()
    train(model, images[:1500], labels[:1500], Recipe("adam", 0.002, 32, 2), verbose=False)
    assert evaluate(model, images[1500:], labels[1500:]).accuracy > 0.8


def test_one_cycle_follows_its_formula():
    schedule = training.OneCycle(peak=0.8, steps=100)
    expected = {0: 0, 5: 0.16, 25: 0.8, 40: 0.64, 70: 0.32, 100: 0, 130: 0}
    for step, rate in expected.items():
        assert float(schedule(step)) == pytest.approx(rate, abs=1e-7)


def test_one_cycle_is_saved_and_loaded(few, tmp_path):
    model = tiny()
    train(model, *few, Recipe("sgd", 0.3, 32, 2, schedule="one_cycle"), verbose=False)
    assert float(model.optimizer.learning_rate) == pytest.approx(0, abs=1e-7)  # it has come to its end
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.get_config()["learning_rate"]["config"] == {"peak": 0.3, "steps": 22}


def test_recipes_read_like_a_lab_note():
    assert repr(ANN_RECIPE) == "SGD, learning rate 0.01 (constant), batch size 32, 5 epochs"
    assert repr(CNN_RECIPE) == "Adam, learning rate 0.001 (constant), batch size 32, 10 epochs"
    assert (
        repr(Recipe("sgd", 0.5, 64, 1, "one_cycle"))
        == "SGD, peak learning rate 0.5 (one_cycle), batch size 64, 1 epoch"
    )


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("rmsprop", 0.1, 32, 1), "'rmsprop'.*sgd, nesterov, adam"),
        (("sgd", 0, 32, 1), "learning_rate=0"),
        (("sgd", float("nan"), 32, 1), "nan"),
        (("sgd", float("inf"), 32, 1), "inf"),
        (("sgd", True, 32, 1), "learning_rate=True"),
        (("sgd", "0.1", 32, 1), "learning_rate='0.1'"),
        ((["sgd"], 0.1, 32, 1), "optimizer=.'sgd'"),
        (("sgd", 0.1, True, 1), "batch_size=True"),
        (("sgd", 0.1, 32, "2"), "epochs='2'"),
        (("sgd", 0.1, 0, 1), "batch_size=0"),
        (("sgd", 0.1, 32, 1.5), "epochs=1.5"),
        (("sgd", 0.1, 32, 1, "cosine"), "'cosine'.*one_cycle"),
    ],
)
def test_recipes_that_cannot_be_followed(arguments, said):
    with pytest.raises(ValueError, match=said):
        Recipe(*arguments)


def test_train_refuses_what_it_cannot_train_on(few):
    images, labels = few
    with pytest.raises(ValueError, match="expected a Recipe"):
        train(tiny(), images, labels, "sgd")
    with pytest.raises(ValueError, match="one-hot"):
        train(tiny(), images, np.eye(10)[labels], ANN_RECIPE)
    with pytest.raises(ValueError, match="329 labels for 330 images"):
        train(tiny(), images, labels[1:], ANN_RECIPE)

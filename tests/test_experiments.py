import json
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest

from mnist_compare import Plan, Recipe, build_ann, build_cnn, evaluate, experiments, run_all, train, train_all
from mnist_compare.experiments import _path

RECIPE = Recipe("sgd", 0.1, batch_size=32, epochs=2)
build = partial(build_ann, units=(5,))


@pytest.fixture(scope="module")
def sets(digits):
    images, labels = digits
    return (images[:200], labels[:200]), (images[200:260], labels[200:260])


@pytest.fixture
def trainings(monkeypatch):
    """A list that grows by the seed of every training that is really done."""
    done = []

    def counted(*arguments, **options):
        done.append(options["seed"])
        return train(*arguments, **options)

    monkeypatch.setattr(experiments, "train", counted)
    return done


def test_a_run_is_what_train_and_evaluate_give(sets, tmp_path):
    (run,) = run_all([Plan("ANN", build, RECIPE, seed=3)], *sets, tmp_path)
    model = build()
    history = train(model, *sets[0], RECIPE, seed=3, verbose=False).history
    expected = evaluate(model, *sets[1])
    np.testing.assert_array_equal(run.predictions, expected.predictions)
    assert run.accuracy == expected.accuracy and run.accuracy_interval == expected.accuracy_interval
    assert (run.confusion == expected.confusion).all() and run.history["loss"] == history["loss"]


def test_finished_runs_are_read_again(sets, tmp_path, trainings):
    plans = [Plan("ANN", build, RECIPE, seed) for seed in range(3)]
    first = run_all(plans, *sets, tmp_path)
    again = run_all(plans, *sets, tmp_path)
    assert trainings == [0, 1, 2]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.predictions, b.predictions)
        np.testing.assert_array_equal(b.labels, sets[1][1])
        assert a.history == b.history


def test_an_interrupted_call_goes_on_where_it_stopped(sets, tmp_path, trainings, monkeypatch):
    plans = [Plan("ANN", build, RECIPE, seed) for seed in range(3)]

    def interrupt(report, epoch, logs=None):
        report.start = 0
        if trainings[-1] == 1 and epoch == 1:  # in the second run, halfway
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mnist_compare.training._EpochReport.on_epoch_begin", interrupt)
        with pytest.raises(KeyboardInterrupt, match="seed 1"):
            run_all(plans, *sets, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1  # half a training is not a run
    assert len(run_all(plans, *sets, tmp_path)) == 3
    assert trainings == [0, 1, 1, 2]


def test_a_change_of_anything_never_reads_an_old_result(sets, tmp_path, trainings):
    plan = Plan("ANN", build, RECIPE)
    run_all([plan], *sets, tmp_path)
    (x, y), test = sets
    changes = [
        (plan._replace(recipe=replace(RECIPE, learning_rate=0.2)), sets),
        (plan._replace(recipe=replace(RECIPE, schedule="one_cycle")), sets),
        (plan._replace(recipe=replace(RECIPE, epochs=1)), sets),
        (plan._replace(build=partial(build_ann, units=(6,))), sets),
        (plan._replace(seed=1), sets),
        (plan._replace(held_out=50), sets),
        (plan._replace(rows=np.arange(100)), sets),
        (plan._replace(rows=np.arange(100)[::-1]), sets),
        (plan, ((x[:-1], y[:-1]), test)),
        (plan, ((x, y), (test[0][::-1], test[1][::-1]))),
    ]
    for changed, data in changes:
        before = len(trainings)
        run_all([changed], *data, tmp_path)
        assert len(trainings) == before + 1, changed
    before = len(trainings)
    run_all([plan], *sets, tmp_path)
    assert len(trainings) == before


def test_the_key_does_not_depend_on_how_many_layers_keras_has_named():
    plan = Plan("ANN", build, RECIPE)
    first, second = build(), build()
    assert first.layers[1].name != second.layers[1].name
    assert _path("", plan, first, "", "json") == _path("", plan, second, "", "json")
    relu = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Dense(3, activation="relu")])
    tanh = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Dense(3, activation="tanh")])
    assert _path("", plan, relu, "", "json") != _path("", plan, tanh, "", "json")


@pytest.mark.parametrize("module", ["models", "training"])
def test_the_key_changes_with_the_code_that_trains(tmp_path, monkeypatch, module):
    plan = Plan("ANN", build, RECIPE)
    before = _path("", plan, build(), "", "json")
    changed = tmp_path / "changed.py"
    changed.write_text("# another way to train")
    monkeypatch.setattr(getattr(experiments, module), "__file__", str(changed))
    assert _path("", plan, build(), "", "json") != before


@pytest.mark.parametrize("content", ["", "[]", '{"predictions": "12"}', '{"predictions": "x", "history": {}}'])
def test_a_broken_file_is_reported_and_made_again(sets, tmp_path, trainings, capsys, content):
    plan = Plan("ANN", build, RECIPE)
    (run,) = run_all([plan], *sets, tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_text()
    path.write_text(content)
    (again,) = run_all([plan], *sets, tmp_path)
    assert "made again" in capsys.readouterr().out
    np.testing.assert_array_equal(again.predictions, run.predictions)
    assert json.loads(path.read_text())["predictions"] == json.loads(whole)["predictions"]


def test_held_out_images_are_evaluated_and_not_learnt(sets, tmp_path):
    (x, y), test = sets
    (run,) = run_all([Plan("ANN", build, RECIPE, seed=2, held_out=50)], *sets, tmp_path)
    model = build()
    train(model, x[:150], y[:150], RECIPE, seed=2, verbose=False)
    held_out = evaluate(model, x[150:], y[150:])
    assert run.history["val_accuracy"][-1] == pytest.approx(held_out.accuracy)
    assert run.history["val_loss"][-1] == pytest.approx(held_out.loss, rel=1e-5)
    np.testing.assert_array_equal(run.predictions, evaluate(model, *test).predictions)


def test_rows_are_the_images_learnt_from_as_often_as_they_stand_there(sets, tmp_path):
    (x, y), test = sets
    rows = np.resize(np.arange(30, 40), 200)
    (run,) = run_all([Plan("ANN", build, RECIPE, rows=rows)], (x, y), test, tmp_path)
    model = build()
    history = train(model, np.tile(x[30:40], (20, 1, 1)), np.tile(y[30:40], 20), RECIPE, verbose=False).history
    np.testing.assert_array_equal(run.predictions, evaluate(model, *test).predictions)
    assert run.history["loss"] == history["loss"]


def test_kept_networks_are_the_ones_that_were_trained(sets, tmp_path, trainings):
    plans = [Plan("ANN", build, RECIPE, seed=4), Plan("CNN", build_cnn, Recipe("adam", 0.001, 32, 1), seed=5)]
    first = train_all(plans, sets[0], tmp_path)
    again = train_all(plans, sets[0], tmp_path)
    assert trainings == [4, 5]
    for plan, fresh, kept in zip(plans, first, again, strict=True):
        model = plan.build()
        train(model, *sets[0], plan.recipe, seed=plan.seed, verbose=False)
        for network in (fresh, kept):
            for weight, expected in zip(network.get_weights(), model.get_weights(), strict=True):
                np.testing.assert_array_equal(weight, expected)
    sizes = {path.name[:3]: path.stat().st_size for path in tmp_path.glob("*.keras")}
    assert sizes["CNN"] < 1.3 * 4 * 121_930  # the weights alone, without the optimizer's state


def damaged(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def another_network(path):
    build().save(path)


@pytest.mark.parametrize(
    "spoil",
    [
        damaged,
        another_network,
        lambda path: path.write_bytes(b""),
        lambda path: path.with_name(path.name + ".sha256").unlink(),
        lambda path: path.with_name(path.name + ".sha256").write_bytes(b"\xff"),
    ],
    ids=["damaged", "another network", "empty", "without digest", "broken digest"],
)
def test_a_file_that_is_not_the_kept_network_is_reported_and_replaced(sets, tmp_path, trainings, capsys, spoil):
    plan = Plan("ANN", build, RECIPE)
    (first,) = train_all([plan], sets[0], tmp_path)
    (path,) = tmp_path.glob("*.keras")
    spoil(path)
    (again,) = train_all([plan], sets[0], tmp_path)
    said = capsys.readouterr().out
    assert path.name in said and "trained again" in said and str(tmp_path) not in said
    train_all([plan], sets[0], tmp_path)
    assert trainings == [0, 0] and "trained again" not in capsys.readouterr().out
    for weight, expected in zip(again.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_an_interrupted_training_keeps_no_network(sets, tmp_path, monkeypatch):
    def interrupt(report, epoch, logs=None):
        raise KeyboardInterrupt

    monkeypatch.setattr("mnist_compare.training._EpochReport.on_epoch_begin", interrupt)
    with pytest.raises(KeyboardInterrupt, match="seed 0"):
        train_all([Plan("ANN", build, RECIPE)], sets[0], tmp_path)
    assert not list(tmp_path.iterdir())

import json
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest

from mnist_compare import Plan, Recipe, build_ann, evaluate, experiments, run_all, train
from mnist_compare.experiments import _key

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
    assert _key(plan, first, "") == _key(plan, second, "")
    relu = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Dense(3, activation="relu")])
    tanh = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Dense(3, activation="tanh")])
    assert _key(plan, relu, "") != _key(plan, tanh, "")


@pytest.mark.parametrize("module", ["models", "training"])
def test_the_key_changes_with_the_code_that_trains(tmp_path, monkeypatch, module):
    plan = Plan("ANN", build, RECIPE)
    before = _key(plan, build(), "")
    changed = tmp_path / "changed.py"
    changed.write_text("# another way to train")
    monkeypatch.setattr(getattr(experiments, module), "__file__", str(changed))
    assert _key(plan, build(), "") != before


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

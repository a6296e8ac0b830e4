import json
import threading
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest

from mnist_compare import Plan, Recipe, build_ann, build_cnn, evaluate, experiments, run_all, store, train, train_all
from mnist_compare.perturbations import random_moves

RECIPE = Recipe("sgd", 0.1, batch_size=32, epochs=2)
build = partial(build_ann, units=(5,))


@pytest.fixture(scope="module")
def sets(digits):
    images, labels = digits
    return (images[:200], labels[:200]), (images[200:260], labels[200:260])


def drawn(model, seed):
    """Give `model` weights that follow from the seed, as a training would, and return it."""
    generator = np.random.default_rng(seed)
    model.set_weights([generator.normal(0, 0.1, weight.shape).astype(np.float32) for weight in model.get_weights()])
    return model


@pytest.fixture
def trainings(monkeypatch):
    """Put a stand-in in place of `train`, which draws weights; a list that grows by the seed of every training done.

    Rates above 1e20 diverge. A seed in `trainings.interrupted` is interrupted.
    """

    class Trainings(list):
        interrupted = ()

    done = Trainings()

    def draw(model, x, y, recipe, *, seed, augment, teacher, temperature, validation_data, verbose, compiled):
        done.append(seed)
        drawn(model, seed)
        history = keras.callbacks.History()
        loss = float("nan") if recipe.learning_rate > 1e20 else 1 / (1 + seed)
        quantities = ["loss", "accuracy", "seconds"] + ["val_loss", "val_accuracy"] * (validation_data is not None)
        history.history = {quantity: [loss] * recipe.epochs for quantity in quantities}
        history.interrupted = seed in done.interrupted
        return history

    monkeypatch.setattr(experiments, "train", draw)
    monkeypatch.setattr(experiments, "probe", lambda *arguments: 1.5)
    for module in ("identity", "store"):  # the stand-in is code as well, and grows
        monkeypatch.setattr(f"mnist_compare.{module}.made_by", lambda: "01234567")
    return done


def kept(folder, suffix="json"):
    return sorted(folder.glob(f"*.{suffix}"))


def test_a_run_is_what_train_and_evaluate_give(sets, tmp_path):
    (run,) = run_all([Plan("ANN", build, RECIPE, seed=3)], *sets, tmp_path)
    model = build()
    history = train(model, *sets[0], RECIPE, seed=3, verbose=False).history
    expected = evaluate(model, *sets[1])
    np.testing.assert_array_equal(run.predictions, expected.predictions)
    assert run.accuracy == expected.accuracy and run.accuracy_interval == expected.accuracy_interval
    assert (run.confusion == expected.confusion).all() and run.history["loss"] == history["loss"]


def test_a_network_is_kept_compiled_for_the_next_call_and_only_a_few_are(sets, tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "_compiled", {})
    monkeypatch.setattr(experiments, "KEPT_COMPILED", 2)
    built = []

    def building(units):
        def build():
            built.append(units)
            return build_ann(units=(units,))

        return build

    plans = {units: [Plan("ANN", building(units), RECIPE, seed) for seed in (0, 1)] for units in (4, 5, 6)}
    # Once to describe it, in every call, and once to train it, where it is not known any more.
    runs = run_all([plans[4][0], plans[5][0]], *sets, tmp_path)
    assert sorted(built) == [4, 4, 5, 5]
    more = run_all([plans[4][1]], *sets, tmp_path)
    assert sorted(built) == [4, 4, 4, 5, 5]
    run_all([plans[6][0]], *sets, tmp_path)
    assert len(experiments._compiled) == 2
    monkeypatch.setattr(experiments, "_compiled", {})
    for kept, seed in ((runs[0], 0), (more[0], 1)):
        (afresh,) = run_all([plans[4][seed]], *sets, tmp_path / "other")
        np.testing.assert_array_equal(kept.predictions, afresh.predictions)
        assert kept.history["loss"] == afresh.history["loss"]


def test_finished_runs_are_read_again(sets, tmp_path, trainings):
    plans = [Plan("ANN", build, RECIPE, seed) for seed in range(3)]
    first = run_all(plans, *sets, tmp_path)
    again = run_all(plans, *sets, tmp_path)
    assert trainings == [0, 1, 2]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.predictions, b.predictions)
        np.testing.assert_array_equal(b.labels, sets[1][1])
        assert a.history == b.history


def test_an_interrupted_call_goes_on_where_it_stopped(sets, tmp_path, trainings, capsys):
    plans = [Plan("ANN", build, RECIPE, seed) for seed in range(3)]
    trainings.interrupted = [1]
    with pytest.raises(KeyboardInterrupt, match="Interrupted in ANN, seed 1.*What was finished is kept"):
        run_all(plans, *sets, tmp_path)
    trainings.interrupted = []
    assert "Interrupted" not in capsys.readouterr().out  # one message is enough
    assert len(kept(tmp_path)) == 1  # half a training is not a run
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
        (plan._replace(augment=partial(random_moves, most=6)), sets),
        (plan._replace(augment=partial(random_moves, most=5)), sets),
        (plan._replace(augment=lambda images, generator: images[:, ::-1]), sets),
        (plan._replace(augment=lambda images, generator: images[:, ::-2]), sets),
        (plan._replace(teacher=plan), sets),
        (plan._replace(teacher=plan, temperature=2), sets),
        (plan._replace(teacher=plan._replace(seed=2)), sets),
        (plan._replace(teacher=plan._replace(teacher=plan)), sets),
        (plan, ((x[:-1], y[:-1]), test)),
        (plan, ((x, y), (test[0][::-1], test[1][::-1]))),
    ]
    for changed, data in changes:
        if changed.teacher is not None:
            train_all([changed.teacher], data[0], tmp_path)
        before = len(trainings)
        run_all([changed], *data, tmp_path)
        assert len(trainings) == before + 1, changed
    before = len(trainings)
    run_all([plan], *sets, tmp_path)
    assert len(trainings) == before


def test_the_same_run_is_found_whatever_form_its_plan_has(sets, tmp_path, trainings):
    mask = np.zeros(200, bool)
    mask[[0, 1]] = True
    moves = partial(partial(random_moves, most=5), most=6)
    same = [
        [Plan("ANN", build, RECIPE, seed=3), Plan("another name", build, replace(RECIPE), seed=np.int64(3))],
        [Plan("ANN", build, RECIPE, rows=mask), Plan("ANN", build, RECIPE, rows=[0, 1])],
        [Plan("ANN", build, RECIPE, augment=partial(random_moves, most=6)), Plan("ANN", build, RECIPE, augment=moves)],
        [Plan("ANN", build, RECIPE, rows=[198, 199]), Plan("ANN", build, RECIPE, rows=np.array([-2, -1], np.int8))],
        [
            Plan("ANN", build, RECIPE, teacher=Plan("ANN", build, RECIPE, rows=rows), temperature=heat)
            for rows, heat in (([1, 2], 3), (np.array([1, 2]), 3.0))
        ],
    ]
    train_all([same[-1][0].teacher], sets[0], tmp_path)
    trainings.clear()
    for number, (first, second) in enumerate(same, 1):
        run_all([first], *sets, tmp_path)
        run_all([second], *sets, tmp_path)
        assert len(trainings) == number
    trainings.clear()
    # A mask over all images is not the indices 0 and 1, though NumPy would turn the one into the other.
    run_all([Plan("ANN", build, RECIPE, rows=mask.astype(int))], *sets, tmp_path)
    assert len(trainings) == 1


@pytest.mark.parametrize(
    "change, said",
    [
        ({"seed": 1.0}, "seed=1.0"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": True}, "seed=True"),
        ({"held_out": 200}, "holds out 200 of 200"),
        ({"rows": np.zeros(3, bool)}, "of type bool"),
        ({"rows": [0.5]}, "float64"),
        ({"rows": []}, "rows of the plan 'ANN'"),
        ({"rows": [200]}, "indices of the 200 training images"),
        ({"teacher": build_ann}, "plan 'ANN' has teacher=.*expected a Plan"),
        ({"teacher": Plan("CNN", build, RECIPE, seed=-1)}, "'CNN' has seed=-1"),
        ({"teacher": Plan("CNN", build, RECIPE), "temperature": 0}, "temperature=0"),
    ],
)
def test_plans_that_cannot_be_carried_out(sets, tmp_path, trainings, change, said):
    with pytest.raises(ValueError, match=said):
        run_all([Plan("ANN", build, RECIPE)._replace(**change)], *sets, tmp_path)
    assert not trainings


@pytest.mark.parametrize("name", ["../x", "a/b", "C:\\x", "", "naïve ☃", "n" * 300])
def test_no_name_leaves_the_folder_or_breaks_it(sets, tmp_path, trainings, name):
    folder = tmp_path / "runs"
    for _ in range(2):
        run_all([Plan(name, build, RECIPE)], *sets, folder)
    assert len(kept(folder)) == 1 and [path.name for path in tmp_path.iterdir()] == ["runs"] and trainings == [0]


BROKEN = ["", "[]", "{", '{"decides": 1}', "another run", "an image too far", "no digits", "predictions cut off"]
BROKEN += ["an epoch short", "answers cut off"]


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_reported_and_made_again(sets, tmp_path, trainings, capsys, kind):
    plan, questions = Plan("ANN", build, RECIPE), {"as they are": lambda x: x}
    (run,) = run_all([plan], *sets, tmp_path, questions=questions)
    (path,) = kept(tmp_path)
    whole = path.read_text()
    content = json.loads(whole)
    if kind == "another run":
        content["decides"]["seed"] = 1
    elif kind == "an image too far":
        del content["predictions"]
        content["errors"] = "3:1 60:1"
    elif kind == "no digits":
        content["predictions"] = store._packed(np.full(60, 17, np.uint8))
    elif kind == "predictions cut off":
        content["predictions"] = store._packed(np.zeros(59, np.uint8))
    elif kind == "an epoch short":
        content["history"]["loss"].pop()
    elif kind == "answers cut off":
        content["right"]["as they are"] = "eJwDAAAAAAE="  # nothing, compressed
    path.write_text(json.dumps(content) if " " in kind and kind != '{"decides": 1}' else kind)
    (again,) = run_all([plan], *sets, tmp_path, questions=questions)
    assert "made again" in capsys.readouterr().out
    np.testing.assert_array_equal(again.predictions, run.predictions)
    assert json.loads(path.read_text())["predictions"] == json.loads(whole)["predictions"] and trainings == [0, 0]


def test_questions_are_answered_once_and_kept(sets, tmp_path, trainings):
    questions = {"as they are": lambda x: x, "mirrored": lambda x: x[:, :, ::-1]}
    plan = Plan("ANN", build, RECIPE)
    (first,) = run_all([plan], *sets, tmp_path, questions=questions)
    (again,) = run_all([plan], *sets, tmp_path, questions=questions)
    assert trainings == [0]
    mirrored = evaluate(drawn(build(), 0), sets[1][0][:, :, ::-1], sets[1][1]).correct
    for run in (first, again):
        np.testing.assert_array_equal(run.right["as they are"], run.correct)
        np.testing.assert_array_equal(run.right["mirrored"], mirrored)
    # A new question needs the network again; the old answers stay.
    (more,) = run_all([plan], *sets, tmp_path, questions={"dark": lambda x: x // 2})
    (all_of_them,) = run_all([plan], *sets, tmp_path, questions={**questions, "dark": lambda x: x // 2})
    assert trainings == [0, 0] and set(all_of_them.right) == {"as they are", "mirrored", "dark"}
    np.testing.assert_array_equal(all_of_them.right["dark"], more.right["dark"])


def test_a_question_that_has_changed_is_asked_again(sets, tmp_path, trainings):
    plan = Plan("ANN", build, RECIPE)
    (first,) = run_all([plan], *sets, tmp_path, questions={"changed": lambda x: x[:, ::-1]})
    (other,) = run_all([plan], *sets, tmp_path, questions={"changed": lambda x: x[:, :, ::-1]})
    assert trainings == [0, 0] and (first.right["changed"] != other.right["changed"]).any()
    expected = evaluate(drawn(build(), 0), sets[1][0][:, :, ::-1], sets[1][1]).correct
    np.testing.assert_array_equal(other.right["changed"], expected)


def test_a_question_cannot_change_the_test_images(sets, tmp_path, trainings):
    def darken(x):
        x //= 2
        return x

    before = sets[1][0].copy()
    plans = [Plan("ANN", build, RECIPE, seed) for seed in range(2)]
    runs = run_all(plans, *sets, tmp_path, questions={"dark": darken})
    np.testing.assert_array_equal(sets[1][0], before)
    for run, plan in zip(runs, plans, strict=True):
        np.testing.assert_array_equal(run.predictions, evaluate(drawn(build(), plan.seed), *sets[1]).predictions)


@pytest.mark.parametrize(
    "questions, said",
    [({1: lambda x: x}, "has the name 1"), ({"one": lambda x: x[:1]}, "gives 1 images for 60"), ({"?": len}, "shape")],
)
def test_questions_that_cannot_be_asked_are_refused_before_anything_is_trained(
    sets, tmp_path, trainings, questions, said
):
    with pytest.raises(ValueError, match=said):
        run_all([Plan("ANN", build, RECIPE)], *sets, tmp_path, questions=questions)
    assert not trainings


def test_another_name_and_more_questions_do_not_make_a_second_file(sets, tmp_path, trainings):
    ask = {"a": lambda x: x, "b": lambda x: x[:, ::-1]}
    for _ in range(3):
        run_all([Plan("ANN", build, RECIPE)], *sets, tmp_path, questions={"a": ask["a"]})
        run_all([Plan("dense", build, RECIPE)], *sets, tmp_path, questions=ask)
    assert trainings == [0, 0] and len(kept(tmp_path)) == 1


@pytest.mark.parametrize("where", ["evaluate", "probe"])
def test_an_interrupt_after_the_training_is_passed_on_too(sets, tmp_path, trainings, monkeypatch, where):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(experiments, where, interrupt)
        patch.setattr(experiments, "PROBED_FROM", 1)
        with pytest.raises(KeyboardInterrupt, match="Interrupted in ANN, seed 0"):
            run_all([Plan("ANN", build, RECIPE)], *sets, tmp_path)
    assert not kept(tmp_path)


def test_a_plan_that_diverges_does_not_keep_the_others_from_being_done(sets, tmp_path, trainings):
    wild = Plan("wild", build, Recipe("sgd", 1e30, 32, 2))
    odd = Plan("odd", lambda: keras.Sequential([keras.Input((14, 14, 1)), keras.layers.Dense(3)]), RECIPE)
    tame = [Plan("ANN", build, RECIPE, seed) for seed in (0, 1)]
    for _ in range(2):
        with pytest.raises(
            ValueError, match="(?s)2 of 4 trainings failed; the others are kept.*wild.*NaN.*odd|odd.*NaN"
        ):
            run_all([tame[0], wild, odd, tame[1]], *sets, tmp_path)
        assert len(kept(tmp_path)) == 2
    assert trainings.count(1) == 1
    run_all(tame, *sets, tmp_path)
    assert trainings.count(1) == 1


def test_in_a_search_a_training_that_diverges_is_an_outcome(sets, tmp_path, trainings):
    wild = Plan("wild", build, Recipe("sgd", 1e30, 32, 2))
    questions = {"as they are": lambda x: x}
    for _ in range(2):
        (run,) = run_all([wild], *sets, tmp_path, questions=questions, diverging=True)
        assert run.diverged and run.accuracy == 0 and not run.right["as they are"].any()
        assert np.isnan(run.history["loss"]).all() and len(run.history["loss"]) == 2
    assert trainings == [0]
    assert "NaN" not in kept(tmp_path)[0].read_text()  # which is not JSON
    with pytest.raises(ValueError, match="1 of 1 trainings failed"):
        run_all([wild], *sets, tmp_path)
    assert len(kept(tmp_path)) == 1
    (run,) = run_all([Plan("ANN", build, RECIPE)], *sets, tmp_path, diverging=True)
    assert not run.diverged


@pytest.mark.parametrize("wrong, written", [(0, "errors"), (6, "errors"), (7, "predictions"), (60, "predictions")])
def test_what_was_predicted_is_read_as_it_was_written(sets, wrong, written):
    labels = sets[1][1].astype(np.uint8)
    predictions = np.where(np.arange(60) < wrong, (labels + 3) % 10, labels).astype(np.uint8)
    history = {"loss": [0.5, 0.25], "accuracy": [0.75, 0.5], "seconds": [1.0, 2.0]}
    decides = {"recipe": {"epochs": 2}}
    run = store.Run(labels, predictions, history, {}, {}, {}, None)
    content = store.written(run, decides)
    assert written in json.loads(content)
    again = store.read(content, decides, labels)
    np.testing.assert_array_equal(again.predictions, predictions)
    assert again.history == history and again.accuracy == 1 - wrong / 60


def unwritable(folder):
    folder.write_text("a file where the folder would be")


@pytest.mark.parametrize("train_them", [run_all, train_all])
def test_a_folder_that_cannot_be_written_warns_once_and_loses_nothing(sets, tmp_path, trainings, train_them, recwarn):
    folder = tmp_path / "runs"
    unwritable(folder)
    plans = [Plan("ANN", build, RECIPE, seed) for seed in range(2)]
    given = sets if train_them is run_all else sets[:1]
    first = train_them(plans, *given, folder)
    said = [str(warning.message) for warning in recwarn if "memory only" in str(warning.message)]
    assert len(said) == 1 and "runs" in said[0]
    recwarn.clear()
    again = train_them(plans, *given, folder)
    assert trainings == [0, 1]
    if train_them is run_all:
        assert all((a.predictions == b.predictions).all() for a, b in zip(first, again, strict=True))
    assert not [w for w in recwarn if "memory only" in str(w.message)]


def test_a_disk_that_fills_up_during_the_training_loses_nothing(sets, tmp_path, trainings, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(experiments, "write_atomically", full)
    with pytest.warns(UserWarning, match="stays in memory only.*No space left"):
        (first,) = run_all([Plan("ANN", build, RECIPE)], *sets, tmp_path)
    (again,) = run_all([Plan("ANN", build, RECIPE)], *sets, tmp_path)
    assert trainings == [0] and (again.predictions == first.predictions).all() and not kept(tmp_path)


def test_two_at_once_train_a_run_once(sets, tmp_path, trainings, monkeypatch, capsys):
    counted, begun, finish = experiments.train, threading.Event(), threading.Event()

    def slow(*arguments, **options):
        begun.set()
        assert finish.wait(20)
        return counted(*arguments, **options)

    monkeypatch.setattr(experiments, "train", slow)
    runs = []
    threads = [
        threading.Thread(target=lambda: runs.extend(run_all([Plan("ANN", build, RECIPE)], *sets, tmp_path)))
        for _ in range(2)
    ]
    threads[0].start()
    assert begun.wait(20)
    threads[1].start()
    while "waiting for it" not in capsys.readouterr().out:
        pass
    finish.set()
    for thread in threads:
        thread.join()
    assert trainings == [0] and len(runs) == 2
    np.testing.assert_array_equal(runs[0].predictions, runs[1].predictions)


def as_published(folder, target):
    """Publish what lies in `folder`: the same files, without what they were made by in their names."""
    target.mkdir()
    for path in kept(folder):
        (target / store.published_name(path)).write_bytes(path.read_bytes())


def test_published_runs_are_read_and_said_to_be(sets, tmp_path, trainings, capsys, monkeypatch):
    plans = [Plan("ANN", build, RECIPE, seed) for seed in range(3)]
    first = run_all(plans[:2], *sets, tmp_path / "mine")
    as_published(tmp_path / "mine", tmp_path / "published")
    monkeypatch.setattr("mnist_compare.identity.made_by", lambda: "00000000")  # another version, elsewhere
    capsys.readouterr()
    runs = run_all(plans, *sets, tmp_path / "yours", tmp_path / "published")
    assert trainings == [0, 1, 2]  # two and, of what was not published, one
    for run, expected in zip(runs, first, strict=False):
        np.testing.assert_array_equal(run.predictions, expected.predictions)
        assert run.history == expected.history and run.provenance == expected.provenance
    said = capsys.readouterr().out
    assert f"2 runs as published (TensorFlow {first[0].provenance['tensorflow']}" in said and "; 1 trained here" in said
    assert len(kept(tmp_path / "published")) == 2 and len(kept(tmp_path / "yours")) == 1


def test_training_again_does_not_read_what_is_published_but_compares(sets, tmp_path, trainings, capsys):
    plans = [Plan("ANN", build, RECIPE, seed) for seed in range(2)]
    run_all(plans, *sets, tmp_path / "mine")
    as_published(tmp_path / "mine", tmp_path / "published")
    (path, _) = kept(tmp_path / "published")
    decides = json.loads(path.read_text())["decides"]
    run = store.read(path.read_bytes(), decides, sets[1][1])
    run.predictions[np.flatnonzero(~run.correct)[:6]] = run.labels[~run.correct][:6]  # 6 of 60 fewer are wrong
    path.write_bytes(store.written(run, decides))
    capsys.readouterr()
    run_all(plans, *sets, tmp_path / "yours", tmp_path / "published", train_again=True)
    assert trainings == [0, 1, 0, 1]
    assert "differ by -5.00 percentage points on average and by 10.00 at most" in capsys.readouterr().out
    run_all(plans, *sets, tmp_path / "yours", tmp_path / "published", train_again=True)
    assert "2 trained here, 2 of them kept from before" in capsys.readouterr().out and len(trainings) == 4


def test_a_probe_tells_whether_the_code_still_does_the_same(sets, monkeypatch):
    before = experiments.probe(build, RECIPE, sets[0])
    assert experiments.probe(build, replace(RECIPE, learning_rate=0.5, epochs=9), sets[0]) == before
    batches = experiments.train.__globals__["_batches"]
    changes = {
        # another order
        "_batches": lambda x, y, size, seed=None, *others: batches(x, y, size, seed and seed + 1 or 7, *others),
        "OPTIMIZERS": {"sgd": partial(keras.optimizers.SGD, momentum=0.1)},
    }
    for name, changed in changes.items():
        with monkeypatch.context() as patch:
            patch.setitem(experiments.train.__globals__, name, changed)
            assert abs(experiments.probe(build, RECIPE, sets[0]) / before - 1) > 1e-3, name
    assert experiments.probe(build, RECIPE, sets[0]) == pytest.approx(before, rel=1e-6)


def test_what_no_plan_can_reach_is_found(sets, tmp_path, trainings, monkeypatch):
    run_all([Plan("ANN", build, RECIPE)], *sets, tmp_path)
    train_all([Plan("ANN", build, RECIPE)], sets[0], tmp_path)
    (tmp_path / "ANN-seed0-0123456789abcdef.keras").write_text("of an earlier version of the store")
    (tmp_path / "notes-seed0.json").write_text("somebody's own")
    assert [path.suffix for path in store.unreachable(tmp_path)] == [".keras"]
    monkeypatch.setattr("mnist_compare.store.made_by", lambda: "00000000")
    assert {path.suffix for path in store.unreachable(tmp_path)} == {".keras", ".json", ".npz"}


@pytest.fixture
def elsewhere(monkeypatch):
    """Have everything trained in processes of their own, two trainings in each; their number grows in the list."""
    for name, value in (("FEW", 0), ("PER_PROCESS", 2), ("PROBED_FROM", 1)):
        monkeypatch.setattr(experiments, name, value)
    started, start = [], experiments.processes.start

    def counted(*arguments):
        process = start(*arguments)
        started.append(process)
        return process

    monkeypatch.setattr(experiments.processes, "start", counted)
    return started


def test_many_trainings_in_processes_of_their_own_give_the_same(sets, tmp_path, elsewhere, monkeypatch, capsys):
    units, shift = 5, 1

    def own_build():
        return build_ann(units=(units,))

    def own_moves(images, generator):
        return np.roll(images, generator.integers(shift + 1), axis=2)

    plans = [Plan("own", own_build, RECIPE, seed, augment=own_moves) for seed in range(3)]
    questions = {"turned": lambda images: np.roll(images, shift, axis=1)}
    with monkeypatch.context() as patch:
        patch.setattr(experiments, "_keep", None)  # nothing is trained in this process
        patch.setattr(experiments, "_changed", None)  # nor asked
        runs = run_all(plans, *sets, tmp_path / "elsewhere", questions=questions)
    assert len(elsewhere) == 2 and "3 trained here" in capsys.readouterr().out
    monkeypatch.setattr(experiments, "FEW", 3)
    for run, here in zip(runs, run_all(plans, *sets, tmp_path / "here", questions=questions), strict=True):
        np.testing.assert_array_equal(run.predictions, here.predictions)
        np.testing.assert_array_equal(run.right["turned"], here.right["turned"])
        assert run.history["loss"] == here.history["loss"]
    assert len(elsewhere) == 2
    run_all(plans, *sets, tmp_path / "elsewhere", questions=questions)
    assert "3 trained here, 3 of them kept from before" in capsys.readouterr().out


def test_what_fails_in_another_process_is_reported_by_this_one(sets, tmp_path, elsewhere):
    diverging = Plan("wild", build, replace(RECIPE, learning_rate=1e30))
    with pytest.raises(ValueError, match="1 of 2 trainings failed.* wild, seed 0"):
        run_all([diverging, Plan("ANN", build, RECIPE)], *sets, tmp_path)
    assert len(kept(tmp_path)) == 1


def test_a_process_that_has_other_code_trains_nothing(sets, tmp_path, elsewhere, trainings):
    run_all([Plan("ANN", build, RECIPE, seed) for seed in range(3)], *sets, tmp_path)
    assert trainings == [0, 1, 2] and [process.returncode != 0 for process in elsewhere] == [True]


def test_an_interrupt_ends_the_other_process_too(sets, tmp_path, elsewhere, monkeypatch):
    sleep = experiments.time.sleep

    def stop(seconds):
        monkeypatch.setattr(experiments.time, "sleep", sleep)
        raise KeyboardInterrupt

    monkeypatch.setattr(experiments.time, "sleep", stop)
    with pytest.raises(KeyboardInterrupt, match="Interrupted after 0 of 2 trainings. What was finished is kept"):
        run_all([Plan("ANN", build, RECIPE, seed) for seed in (0, 1)], *sets, tmp_path)
    assert elsewhere[0].wait(30) is not None


def test_held_out_images_are_evaluated_and_not_learnt(sets, tmp_path):
    (x, y), test = sets
    (run,) = run_all([Plan("ANN", build, RECIPE, seed=2, held_out=50)], *sets, tmp_path)
    model = build()
    train(model, x[:150], y[:150], RECIPE, seed=2, verbose=False)
    held_out = evaluate(model, x[150:], y[150:])
    assert run.history["val_accuracy"][-1] == pytest.approx(held_out.accuracy)
    assert run.history["val_loss"][-1] == pytest.approx(held_out.loss, rel=1e-5)
    np.testing.assert_array_equal(run.predictions, evaluate(model, *test).predictions)


def test_a_plan_trains_on_what_its_augment_makes(sets, tmp_path):
    (x, y), test = sets
    (run,) = run_all([Plan("ANN", build, RECIPE, augment=upside_down)], *sets, tmp_path)
    (other,) = run_all([Plan("ANN", build, RECIPE)], (x[:, ::-1], y), test, tmp_path)
    np.testing.assert_array_equal(run.predictions, other.predictions)
    (plain,) = run_all([Plan("ANN", build, RECIPE)], *sets, tmp_path)
    assert plain.history["loss"] != run.history["loss"] == other.history["loss"]


def upside_down(images, generator):
    return images[:, ::-1]


def test_a_plan_learns_from_its_teacher_which_is_trained_once(sets, tmp_path):
    first = Plan("CNN", partial(build_ann, units=(20,)), RECIPE, seed=1)
    plans = [Plan("ANN", build, RECIPE, seed, teacher=first, temperature=2) for seed in range(2)]
    runs = run_all(plans, *sets, tmp_path)
    assert len(kept(tmp_path)) == 2 and len(kept(tmp_path, "npz")) == 1
    (teacher,) = train_all([first], sets[0], tmp_path)
    for plan, run in zip(plans, runs, strict=True):
        model = build()
        history = train(model, *sets[0], RECIPE, seed=plan.seed, teacher=teacher, temperature=2, verbose=False).history
        np.testing.assert_array_equal(run.predictions, evaluate(model, *sets[1]).predictions)
        assert run.history["loss"] == history["loss"]
    written = json.loads(kept(tmp_path)[0].read_text())["decides"]["teacher"]
    assert written["temperature"] == 2 and written["seed"] == 1 and written["test"] is None
    # A network that is kept has a teacher as well.
    train_all(plans[:1], sets[0], tmp_path)
    assert len(kept(tmp_path, "npz")) == 2


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
    assert sorted(trainings) == [4, 5]
    for plan, fresh, read in zip(plans, first, again, strict=True):
        for network in (fresh, read):
            for weight, expected in zip(
                network.get_weights(), drawn(plan.build(), plan.seed).get_weights(), strict=True
            ):
                np.testing.assert_array_equal(weight, expected)
    sizes = {path.name[:3]: path.stat().st_size for path in kept(tmp_path, "npz")}
    assert sizes["CNN"] < 1.1 * 4 * 121_930  # the weights alone, without the optimizer's state


class Unregistered(keras.layers.Layer):
    """A layer that Keras can save and not load again."""

    def __init__(self, units):
        super().__init__()
        self.inner = keras.layers.Dense(units)

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x)

    def get_config(self):
        return {**super().get_config(), "units": self.inner.units}

    @classmethod
    def from_config(cls, config):
        return cls(config["units"])


def test_layers_that_keras_cannot_load_are_kept_all_the_same(sets, tmp_path, trainings):
    def with_own_layer():
        flat, softmax = keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")
        return keras.Sequential([keras.Input((28, 28, 1)), flat, Unregistered(4), softmax])

    plan = Plan("own", with_own_layer, RECIPE)
    first, again = (train_all([plan], sets[0], tmp_path)[0] for _ in range(2))
    assert trainings == [0]
    np.testing.assert_array_equal(first(sets[1][0][..., None] / 255.0), again(sets[1][0][..., None] / 255.0))


def damaged(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def another_network(path):
    path.write_bytes(store.written_weights(build_ann((6,)), path.stem[-25:]))


def another_seed(path):
    path.write_bytes(store.written_weights(build(), "0123456789abcdef-01234567"))


def weights_changed(path):
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["w0"][0, 0] += 1
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    "spoil",
    [
        damaged,
        another_network,
        weights_changed,
        another_seed,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-50]),
        lambda path: np.savez(path, w0=np.array([{}], dtype=object), digest="0"),
    ],
    ids=["damaged", "another network", "other weights", "another seed", "empty", "truncated", "pickled"],
)
def test_a_file_that_is_not_the_kept_network_is_reported_and_replaced(sets, tmp_path, trainings, capsys, spoil):
    plan = Plan("ANN", build, RECIPE)
    (first,) = train_all([plan], sets[0], tmp_path)
    (path,) = kept(tmp_path, "npz")
    spoil(path)
    (again,) = train_all([plan], sets[0], tmp_path)
    said = capsys.readouterr().out
    assert path.name in said and "made again" in said and str(tmp_path) not in said
    train_all([plan], sets[0], tmp_path)
    assert trainings == [0, 0] and "made again" not in capsys.readouterr().out
    for weight, expected in zip(again.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_an_interrupted_training_keeps_no_network(sets, tmp_path, trainings):
    trainings.interrupted = [0]
    with pytest.raises(KeyboardInterrupt, match="seed 0"):
        train_all([Plan("ANN", build, RECIPE)], sets[0], tmp_path)
    assert not kept(tmp_path, "npz")

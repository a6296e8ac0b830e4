"""What is the same run and what is another: by the network's description, and by the code in memory."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from shutil import copytree

import keras
import numpy as np
import pytest
from keras import layers

from mnist_compare import ANN_RECIPE, LocallyConnected2D, build_ann, build_cnn, identity, training
from mnist_compare.perturbations import random_moves


def functional(*, crossed):
    first = keras.Input((28, 28, 1))
    x = layers.Flatten()(first)
    a, b = layers.Dense(4, activation="relu")(x), layers.Dense(4, activation="tanh")(x)
    c = layers.Dense(4)(b if crossed else a)
    d = layers.Dense(4)(a if crossed else b)
    return keras.Model(first, layers.Dense(10, activation="softmax")(layers.Subtract()([c, d])))


def sequential(*chain):
    return keras.Sequential([keras.Input((28, 28, 1)), *chain])


def test_a_description_reads_like_the_code_and_does_not_count_layers():
    expected = [
        {"Flatten": {}},
        {"Dense": {"units": 5, "activation": "relu"}},
        {"Dense": {"units": 10, "activation": "softmax"}},
    ]
    first, second = build_ann((5,)), build_ann((5,))
    assert first.layers[1].name != second.layers[1].name
    assert identity.describe(first) == identity.describe(second) == expected


@pytest.mark.parametrize(
    "build", [build_ann, build_cnn, partial(build_cnn, pooling=1), partial(build_cnn, convolution=LocallyConnected2D)]
)
def test_a_network_is_built_again_from_its_description(build):
    description = identity.describe(build())
    model = identity.rebuild(json.loads(json.dumps(description)))
    assert identity.describe(model) == description
    assert [w.shape for w in model.weights] == [w.shape for w in build().weights]


def test_networks_that_differ_have_descriptions_that_differ():
    networks = [
        build_ann((5,)),
        build_ann((6,)),
        build_ann((5, 5)),
        sequential(layers.Flatten(), layers.Dense(5, activation="tanh"), layers.Dense(10, activation="softmax")),
        sequential(
            layers.Flatten(),
            layers.Dense(5, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(10, activation="softmax"),
        ),
        sequential(
            layers.Flatten(), layers.Dense(5, activation="relu", use_bias=False), layers.Dense(10, activation="softmax")
        ),
        sequential(
            layers.Flatten(),
            layers.Dense(5, activation="relu", dtype="mixed_bfloat16"),
            layers.Dense(10, activation="softmax"),
        ),
        sequential(
            layers.Flatten(),
            layers.Dense(5, activation="relu", trainable=False),
            layers.Dense(10, activation="softmax"),
        ),
        keras.Sequential([keras.Input((14, 56, 1)), *build_ann((5,)).layers]),
        functional(crossed=False),
        functional(crossed=True),
    ]
    descriptions = {identity.digest(identity.describe(network)) for network in networks}
    assert len(descriptions) == len(networks)
    assert identity.describe(functional(crossed=True)) == identity.describe(functional(crossed=True))


def test_a_model_whose_layers_are_not_known_is_refused():
    class Own(keras.Model):
        pass

    with pytest.raises(ValueError, match="The network is a Own.*expected a keras.Sequential"):
        identity.describe(Own())


NOTEBOOK = """
import functools
import keras
import numpy as np
factor = {factor}

def twice(f):
    @functools.wraps(f)
    def again(x):
        return f(f(x))
    return again

@twice
def helper(x):
    {comment}
    return x * factor + sum(["{letter}" == "a" for _ in range(2)])

class Own(keras.layers.Layer):
    {docstring}
    def call(self, x):
        return helper(x) + {added}
"""


def own_layer(factor="2", added=1, comment="", docstring="pass", letter="a"):
    """A layer as a notebook defines it, anew with each run of its cell."""
    names = {"__name__": "__main__"}
    code = NOTEBOOK.format(factor=factor, added=added, comment=comment, docstring=docstring, letter=letter)
    exec(compile(code, "<cell>", "exec"), names)
    return names["Own"]


def described(own):
    return identity.describe(sequential(layers.Flatten(), own(), layers.Dense(10)))


def test_a_layer_of_the_notebook_is_another_when_its_code_changes_and_not_by_a_comment():
    first = described(own_layer())
    assert described(own_layer()) == first
    assert (
        described(own_layer(comment="# a remark\n\n    # and another", docstring='"""Says what it does."""')) == first
    )
    for change in ({"added": 3}, {"factor": 3}):  # in `call` itself, and in what it uses
        assert described(own_layer(**change)) != first


def test_a_function_as_activation_is_told_apart_by_its_code():
    def named(code):
        names = {"__name__": "__main__"}
        exec(code, names)
        return names["f"]

    def with_activation(code):
        return identity.describe(sequential(layers.Flatten(), layers.Dense(3, activation=named(code))))

    assert with_activation("def f(x): return x + 1") == with_activation("def f(x): return x + 1  # the same")
    assert with_activation("def f(x): return x + 1") != with_activation("def f(x): return x + 2")


def test_the_code_that_counts_is_the_one_in_memory(monkeypatch):
    before = identity.made_by()

    def batches(*arguments):
        return None

    with monkeypatch.context() as patch:
        patch.setattr(training, "_batches", batches)  # used by train
        assert identity.made_by() != before
    assert identity.made_by() == before


def test_an_edited_file_changes_nothing_while_the_old_code_runs(tmp_path):
    """A process imports a copy of the package, whose files are then edited under it, and asks again.

    Then it forgets what it has imported, which is as good as another process and keeps TensorFlow.
    """
    copytree(Path(training.__file__).parent, tmp_path / "mnist_compare", ignore=lambda *_: ["__pycache__"])
    script = """
import itertools
import sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True  # edits of the same length within a second are told apart
for line in itertools.chain(["anew"], sys.stdin):
    if line.strip() == "anew":
        for name in [name for name in sys.modules if name.split(".")[0] == "mnist_compare"]:
            del sys.modules[name]
        from mnist_compare import identity, training
        assert training.__file__.startswith(sys.argv[1])
    print(identity.made_by(), flush=True)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    file = tmp_path / "mnist_compare" / "training.py"
    text = file.read_text("utf-8")
    with subprocess.Popen(command, **pipes) as running:

        def told(line):
            print(line, file=running.stdin, flush=True)
            return running.stdout.readline()

        before = running.stdout.readline()
        file.write_text(text.replace("steps_per_execution=25", "steps_per_execution=5"), "utf-8")
        assert told("again") == before
        assert told("anew") not in (before, "")
        file.write_text(text.replace("    history = keras", "    # A comment.\n    history = keras"), "utf-8")
        assert told("anew") == before != "\n"
        running.stdin.close()


def test_an_augment_reads_like_the_call_and_a_users_own_adds_its_code():
    def augment_of(function):
        return identity.decisive([], ANN_RECIPE, 0, 0, None, "", "", function)["augment"]

    assert augment_of(partial(random_moves, most=6, unseen=2)) == "random_moves(most=6, unseen=2)"
    assert augment_of(partial(partial(random_moves, most=6), unseen=2)) == "random_moves(most=6, unseen=2)"
    assert "augment" not in identity.decisive([], ANN_RECIPE, 0, 0, None, "", "", None)
    mine, other = augment_of(lambda x, generator: x), augment_of(lambda x, generator: x[::-1])
    assert mine.startswith("<lambda>() of code ") and mine != other


def test_digests_tell_types_and_shapes_apart():
    arrays = [np.zeros(4, np.uint8), np.zeros((2, 2), np.uint8), np.zeros(1, np.float32), np.ones(4, np.uint8)]
    assert len({identity.digest(array) for array in arrays}) == 4
    assert identity.digest(np.arange(6).reshape(2, 3).T) == identity.digest(np.arange(6).reshape(2, 3).T.copy())

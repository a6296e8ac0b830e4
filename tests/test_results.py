"""The published runs: each is wanted, none is missing, and the code of today still does what made them."""

import json
import re
from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import publish
import pytest

from mnist_compare import Plan, Recipe, experiments, identity, load_mnist, load_writers, run_all, store
from mnist_compare.perturbations import shuffle_pixels
from mnist_compare.writers import held_out_by_writer

PUBLISHED = sorted(publish.RESULTS.glob("*.json"))


@pytest.fixture(scope="module")
def mnist():
    return load_mnist()


@pytest.fixture(scope="module")
def published():
    """{path: the content of the file}"""
    return {path: json.loads(path.read_bytes()) for path in PUBLISHED}


def test_every_published_run_is_wanted_by_a_notebook_and_none_is_missing():
    wanted = {key for notebook in publish.notebooks() for key in publish.keys_wanted(notebook)}
    there = {path.stem.rsplit("-", 1)[-1] for path in PUBLISHED}
    assert len(there) == len(PUBLISHED)
    assert not there - wanted, "no notebook reaches these: make notebooks"
    assert not wanted - there, "the notebooks want these: make notebooks"


def test_every_file_is_whole_small_and_under_its_key(published, mnist):
    (x, y), _ = mnist
    held_out = held_out_by_writer(load_writers()[0])
    to_choose_by = (x[~held_out], y[~held_out]), (x[held_out], y[held_out])
    order = np.random.default_rng(0).permutation(784)
    shuffled = [(shuffle_pixels(x, order), y) for x, y in mnist]
    generator = np.random.default_rng(1)
    chaos = [(generator.permuted(x.reshape(-1, 784), axis=1).reshape(x.shape), y) for x, y in mnist]
    known = {"MNIST": mnist, "held-out writers": to_choose_by, "shuffled": shuffled, "chaos": chaos}
    digests = {name: tuple(identity.digest(x[..., None], y) for x, y in sets) for name, sets in known.items()}
    for path, content in published.items():
        decides = content["decides"]
        assert path.stem.endswith(identity.digest(decides)), path.name
        (name,) = (name for name, pair in digests.items() if pair == (decides["train"], decides["test"]))
        run = store.read(path.read_bytes(), decides, known[name][1][1])
        few_images = decides["rows"] is not None
        least = 0.15 if name == "chaos" else 0.7 if few_images else 0.9
        if name == "shuffled" and decides.get("augment"):
            least = 0.85  # distorted as if it were a picture, which it is not: notebook 05 shows what comes of it
        assert run.accuracy > least or "trial" in path.name, path.name
        assert {"tensorflow", "processor", "cores", "seconds", "date"} <= set(content["provenance"])
        assert path.stat().st_size < (20_000 if few_images else 10_000) + 2_000 * len(content.get("right", {})), (
            path.name
        )


def test_no_published_run_is_older_than_what_the_code_does(published, mnist):
    """One short training for each kind of network, optimizer and schedule, held to the one of when it was published."""
    kinds = {}
    for path, content in published.items():
        layers, recipe = content["decides"]["layers"], content["decides"]["recipe"]
        kind = (*(name for layer in layers for name in layer), recipe["optimizer"], recipe["schedule"])
        kinds.setdefault(kind, []).append(path)
    stale = []
    for paths in kinds.values():
        smallest = min(
            paths, key=lambda path: sum(map(int, re.findall(r"\d+", str(published[path]["decides"]["layers"]))))
        )
        content = published[smallest]
        build = partial(identity.rebuild, content["decides"]["layers"])
        today = experiments.probe(build, Recipe(**content["decides"]["recipe"]), mnist[0])
        if not np.isclose(today, content["probe"], rtol=1e-3):
            stale += [f"{path.name} ({content['probe']:.5f}, today {today:.5f})" for path in paths]
    assert not stale, "made by code that did something else, to be published anew (make notebooks): " + ", ".join(stale)


@pytest.mark.parametrize("name", ["ANN-64-64", "CNN-1-4"])  # smaller than the lesson's, to be quick
def test_a_published_run_can_be_had_again(name, published, mnist, tmp_path, capsys):
    """Other processors round otherwise, and then a seed is as good as another one: six standard deviations of those."""
    of_kind = [content["decides"] for path, content in published.items() if path.name.startswith(f"{name}-seed")]
    plans = [
        Plan(name, partial(identity.rebuild, decides["layers"]), Recipe(**decides["recipe"]), decides["seed"])
        for decides in of_kind
    ]
    runs = run_all(plans, *mnist, tmp_path, publish.RESULTS)
    assert len(runs) >= 3 and f"{len(runs)} runs as published" in capsys.readouterr().out
    (again,) = run_all(plans[:1], *mnist, tmp_path)
    for measure in (lambda run: run.accuracy, lambda run: run.history["loss"][-1]):
        assert abs(measure(again) - measure(runs[0])) < 6 * np.std([measure(run) for run in runs], ddof=1)


def executed(tmp_path, said, keys):
    """An executed notebook that says something and has asked for runs."""
    display = nbformat.v4.new_output("display_data", {"text/plain": said}, metadata={"runs": keys})
    cell = nbformat.v4.new_code_cell("'Quick run' if quick else 'Full run'", outputs=[display])
    path = tmp_path / "executed.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


@pytest.mark.parametrize(
    "said, keys, refused",
    [
        ("Quick run: 6,000", ["0" * 16], "not run in full"),
        ("", ["0" * 16], "not run in full"),
        ("Full run: 60,000", ["0" * 16, "1" * 16], "lacks 1 of its 2 runs"),
        ("Full run: 60,000", [], "lacks 0 of its 0 runs"),
    ],
)
def test_a_quick_or_partial_run_is_not_published(tmp_path, said, keys, refused):
    runs, results = tmp_path / "runs", tmp_path / "results"
    runs.mkdir()
    (runs / f"ANN-seed0-{'0' * 16}-{store.made_by()}.json").write_text("{}")
    with pytest.raises(ValueError, match=refused):
        publish.publish(executed(tmp_path, said, keys), results, runs)
    assert not Path(results).exists()


def test_a_full_run_is_published_under_names_without_what_made_it(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / f"ANN-seed0-{'0' * 16}-{store.made_by()}.json").write_text('{"a": 1}')
    keys = publish.publish(executed(tmp_path, "Full run", ["0" * 16]), tmp_path / "results", tmp_path / "runs")
    assert keys == ["0" * 16]
    assert (tmp_path / "results" / f"ANN-seed0-{'0' * 16}.json").read_text() == '{"a": 1}'

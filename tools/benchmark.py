"""Time the original recipes as plain Keras code against `train`, and print the memory that the notebooks' kernels need.

The sides take turns, each run in a process of its own, so that none profits from what another has warmed up or suffers
from what it has left in memory, and a drift of the machine's speed affects all alike. Then each notebook is executed in
full, everything trained anew, in a copy of their folder: this takes longest.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from shutil import copytree, ignore_patterns

NETWORKS = ("ann", "cnn")
SIDES = ("plain", "train", "matched")
NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
# Peak memory in bytes: of the kernel, and of the largest process that it has trained in.
PEAKS = """import resource, sys
[resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]"""


def fit_plainly(model, optimizer, x, y, epochs):
    """The lesson as most tutorials write it: float64 images, and fit on the arrays."""
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit((x / 255.0)[..., None], y, epochs=epochs, batch_size=32, verbose=0)


def run_once(network, side, epochs, seed):
    """Train once and print seconds and test accuracy as JSON; data and imports are not timed, compiling is."""
    from dataclasses import replace

    from mnist_compare import ANN_RECIPE, CNN_RECIPE, MATCHED_RECIPE, build_ann, build_cnn, evaluate, load_mnist, train

    # Keras's default learning rates for the two names are those of the two recipes.
    build, recipe, optimizer = {
        "ann": (build_ann, ANN_RECIPE, "sgd"),
        "cnn": (build_cnn, CNN_RECIPE, "adam"),
    }[network]
    (x_train, y_train), (x_test, y_test) = load_mnist()
    start = time.perf_counter()
    model = build()
    if side == "plain":
        fit_plainly(model, optimizer, x_train, y_train, epochs)
    else:
        recipe = MATCHED_RECIPE if side == "matched" else replace(recipe, epochs=epochs)
        train(model, x_train, y_train, recipe, seed=seed, verbose=False)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "accuracy": evaluate(model, x_test, y_test).accuracy}))


def compare_sides(sides, epochs, rounds):
    totals = dict.fromkeys(sides, 0.0)
    for turn in range(rounds):
        for network, count in zip(NETWORKS, epochs, strict=True):
            seconds = {}
            for side in sides:
                command = [sys.executable, __file__, "--once", network, side, str(count), str(turn)]
                result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
                seconds[side] = result["seconds"]
                totals[side] += result["seconds"]
                against = f"  {seconds[side] / seconds['plain']:.3f} of plain" if "plain" in seconds else ""
                print(
                    f"round {turn + 1}  {network}  {side:7}  {result['seconds']:7.1f} s  "
                    f"test accuracy {result['accuracy']:.4f}{against}",
                    flush=True,
                )
    for side, total in totals.items():
        if side != "plain" and "plain" in totals:
            ratio = total / totals["plain"]
            print(f"both networks: {side} / plain  {ratio:.3f} = 1 / {1 / ratio:.1f}")


def peaks_of(notebook, folder):
    """Execute a notebook in full, everything trained anew, and return its seconds and PEAKS in GB."""
    import nbformat
    from nbclient import NotebookClient

    content = nbformat.read(folder / notebook, 4)
    switch = next(cell for cell in content.cells if "parameters" in cell.metadata.get("tags", []))
    switch.source = switch.source.replace("train_again = False", "train_again = True")
    content.cells.append(nbformat.v4.new_code_cell(PEAKS))
    start = time.perf_counter()
    NotebookClient(content, timeout=None, resources={"metadata": {"path": str(folder)}}).execute()
    peaks = json.loads(content.cells[-1].outputs[-1].data["text/plain"])
    return time.perf_counter() - start, *(peak / 1e9 for peak in peaks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", nargs=2, type=int, default=(5, 10), metavar=("ANN", "CNN"), help="default: 5 10")
    parser.add_argument("--rounds", type=int, default=1, help="how often the sides take turns, default: 1; 0 to skip")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES, help="default: all")
    known = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
    parser.add_argument(
        "--notebooks", nargs="*", choices=[*known, []], default=known, help="default: all; none to skip"
    )
    parser.add_argument("--once", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        network, side, epochs, seed = arguments.once
        return run_once(network, side, int(epochs), int(seed))
    if arguments.rounds:
        compare_sides(arguments.sides, arguments.epochs, arguments.rounds)
    for notebook in arguments.notebooks:
        with tempfile.TemporaryDirectory() as folder:
            copy = copytree(NOTEBOOKS, Path(folder) / "notebooks", ignore=ignore_patterns("runs", ".*"))
            seconds, kernel, other = peaks_of(notebook, copy)
        print(f"{notebook:28} {seconds:7.0f} s  peak {kernel:.2f} GB, beside it {other:.2f} GB at most", flush=True)


if __name__ == "__main__":
    main()

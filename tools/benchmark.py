"""Time the original recipes as plain Keras code against `train`, by the same recipes and by the matched one.

The sides take turns, each run in a process of its own, so that neither profits from what the other has warmed up
or suffers from what it has left in memory, and a drift of the machine's speed meets both.
"""

import argparse
import json
import subprocess
import sys
import time

NETWORKS = ("ann", "cnn")
SIDES = ("plain", "train", "matched")


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", nargs=2, type=int, default=(5, 10), metavar=("ANN", "CNN"), help="default: 5 10")
    parser.add_argument("--rounds", type=int, default=1, help="how often the sides take turns, default: 1")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES, help="default: all")
    parser.add_argument("--once", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        network, side, epochs, seed = arguments.once
        return run_once(network, side, int(epochs), int(seed))

    totals = dict.fromkeys(arguments.sides, 0.0)
    for turn in range(arguments.rounds):
        for network, epochs in zip(NETWORKS, arguments.epochs, strict=True):
            for side in arguments.sides:
                command = [sys.executable, __file__, "--once", network, side, str(epochs), str(turn)]
                result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
                totals[side] += result["seconds"]
                print(
                    f"round {turn + 1}  {network}  {side:7}  {result['seconds']:7.1f} s  "
                    f"test accuracy {result['accuracy']:.4f}",
                    flush=True,
                )
    for side, total in totals.items():
        if side != "plain" and "plain" in totals:
            ratio = total / totals["plain"]
            print(f"both networks: {side} / plain  {ratio:.3f} = 1 / {1 / ratio:.1f}")


if __name__ == "__main__":
    main()

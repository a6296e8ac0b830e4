"""Who wrote MNIST's images: `load_writers`, and held-out sets of images by people from whom nothing is learnt."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

FILE = Path(__file__).with_name("mnist_writers.npz")
DIGEST = "6dc5e42cb1d58e1e93c7ca9d1c5a776d58b7946ff679d41b3a6c31d2fab56833"
SERIES = {0: "Census employees", 1: "Census employees", 4: "high-school students"}  # NIST's numbers


class Writers(NamedTuple):
    """Who wrote each of N images, and in which series of NIST's forms.

    writer: uint16 (N,), a number for each person. series: uint8 (N,), 4 for high-school students, 0 and 1 for
    employees of the Census Bureau. Each person belongs to one series.
    """

    writer: np.ndarray
    series: np.ndarray

    def __getitem__(self, rows):
        """Return the Writers of some of the images: rows is a slice, a mask or an array of indices."""
        if isinstance(rows, int):
            return tuple.__getitem__(self, rows)
        return Writers(self.writer[rows], self.series[rows])


def load_writers():
    """Return the Writers of MNIST's training images and those of its test images, in the order of `load_mnist`.

    539 people wrote the 60,000 training images, 297 others the 10,000 test images: so images are not independent.
    Source: the extended labels of QMNIST, by C. Yadav and L. Bottou, Cold case: the lost MNIST digits, 2019,
    https://arxiv.org/abs/1905.10498, https://github.com/facebookresearch/qmnist, BSD licence. Their classes are MNIST's
    labels for all 70,000 images.
    Raises ValueError where the file that comes with the package is missing or damaged.
    """
    try:
        content = FILE.read_bytes()
    except OSError as error:
        raise ValueError(f"{FILE.name} is missing from the package ({error.strerror}): install it again.") from None
    if hashlib.sha256(content).hexdigest() != DIGEST:
        raise ValueError(f"{FILE.name} in the package is damaged, its SHA-256 is another: install the package again.")
    with np.load(FILE, allow_pickle=False) as arrays:
        return tuple(Writers(arrays[f"writer_{part}"], arrays[f"series_{part}"]) for part in ("train", "test"))


def held_out_by_writer(writers, share=1 / 6, seed=0):
    """Return a mask, bool (N,), of images to be held out: all those of some people, and none of anybody else.

    writers: Writers. share: about how large a part of the images, between 0 and 1, the same within each group of
    people (students, employees). The people are drawn at random by `seed`.
    Raises ValueError for a share of any other form, or one so small or large that a group would be left without people.
    """
    if not 0 < share < 1:
        raise ValueError(f"share={share!r}, expected a number between 0 and 1.")
    generator = np.random.default_rng(seed)
    held_out = np.zeros(len(writers.writer), bool)
    students = writers.series == 4
    for group in (students, ~students):
        people, images = np.unique(writers.writer[group], return_counts=True)
        order = generator.permutation(len(people))
        count = np.searchsorted(np.cumsum(images[order]), share * images.sum())
        if not 0 < count < len(people):
            raise ValueError(f"share={share!r} of {len(people)} people leaves none on one side: take another share.")
        held_out |= group & np.isin(writers.writer, people[order[:count]])
    return held_out


def dealt_out(values, writers, seed=0):
    """Return values (N,) of N images in another order: dealt out at random among the images of each series.

    So if the values tell which images were misread, each series keeps its number of errors, but they fall on its people
    as if all of them wrote alike. writers: Writers of the images. seed: decides the order.
    """
    generator, dealt = np.random.default_rng(seed), values.copy()
    for series in np.unique(writers.series):
        dealt[writers.series == series] = generator.permutation(values[writers.series == series])
    return dealt

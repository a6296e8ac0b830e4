import numpy as np
import pytest

from mnist_compare import load_mnist, load_writers, writers
from mnist_compare.writers import Writers, dealt_out, held_out_by_writer


@pytest.fixture(scope="module")
def both():
    return load_writers()


def test_the_writers_are_those_of_the_paper(both):
    """Counted by plain NumPy: 539 and 297 people, none in both; the first half of the test images is the students'."""
    train, test = both
    assert train.writer.shape == train.series.shape == (60000,) and test.writer.shape == test.series.shape == (10000,)
    assert train.writer.dtype == np.uint16 and train.series.dtype == np.uint8
    assert len(np.unique(train.writer)) == 539 and len(np.unique(test.writer)) == 297
    assert not set(train.writer) & set(test.writer)
    students = test.series == 4
    assert (
        students[:5000].all() and students.sum() == 5001
    )  # the first half is the students', to the last image but one
    assert len(np.unique(test.writer[~students])) == 48
    for part in both:
        assert all(len(np.unique(part.series[part.writer == writer])) == 1 for writer in np.unique(part.writer))


def test_the_order_is_that_of_the_images(both):
    """People write alike from one image to the next: the ink of neighbours by one writer agrees, more than by two."""
    (x_train, y_train), _ = load_mnist()
    train, _ = both
    ink = x_train.mean(axis=(1, 2))
    ink = ink - np.array([ink[y_train == digit].mean() for digit in range(10)])[y_train]

    def between_writers(writer):
        people, number, count = np.unique(writer, return_inverse=True, return_counts=True)
        return np.var(np.bincount(number, ink) / count)

    shuffled = np.random.default_rng(0).permutation(train.writer)
    assert between_writers(train.writer) > 20 * between_writers(shuffled)


def test_a_missing_or_damaged_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(writers, "FILE", tmp_path / "mnist_writers.npz")
    with pytest.raises(ValueError, match="mnist_writers.npz is missing"):
        load_writers()
    (tmp_path / "mnist_writers.npz").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="damaged"):
        load_writers()


def test_held_out_sets_are_held_out_by_writer(both):
    train, _ = both
    held_out = held_out_by_writer(train)
    assert held_out.dtype == bool and not set(train.writer[held_out]) & set(train.writer[~held_out])
    assert held_out.mean() == pytest.approx(1 / 6, abs=0.01)
    students = train.series == 4
    assert held_out[students].mean() == pytest.approx(1 / 6, abs=0.01)
    np.testing.assert_array_equal(held_out, held_out_by_writer(train))
    assert (held_out != held_out_by_writer(train, seed=1)).any()


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan"), 1e-9])
def test_shares_that_cannot_be_held_out(both, share):
    with pytest.raises(ValueError, match="share="):
        held_out_by_writer(both[0], share)


def test_writers_of_some_images():
    few = Writers(np.arange(4), np.array([0, 0, 4, 4]))
    assert (few[1:3].writer == [1, 2]).all() and (few[np.array([True, False, False, True])].series == [0, 4]).all()


def test_what_is_dealt_out_stays_within_its_series(both):
    test = both[1]
    wrong = np.arange(10_000) % 7 == 0
    dealt = dealt_out(wrong, test)
    for series in np.unique(test.series):
        assert dealt[test.series == series].sum() == wrong[test.series == series].sum()
    assert 0.1 < np.mean(dealt[wrong]) < 0.2  # a seventh, as by chance
    np.testing.assert_array_equal(dealt, dealt_out(wrong, test))
    assert (dealt != dealt_out(wrong, test, seed=1)).any() and wrong.sum() == 1429

import numpy as np
import pytest
from scipy import ndimage
from scipy.signal import convolve2d

from mnist_compare.perturbations import (
    add_noise,
    add_stripe,
    blur,
    invert,
    random_distortions,
    random_moves,
    room,
    rotate,
    shuffle_pixels,
    thicken,
    translate,
)

PERMUTATION = np.random.default_rng(0).permutation(784)
PERTURBATIONS = {
    "translate": lambda x: translate(x, 2, -3),
    "shuffle_pixels": lambda x: shuffle_pixels(x, PERMUTATION),
    "rotate": lambda x: rotate(x, 20),
    "add_noise": lambda x: add_noise(x, 0.3),
    "blur": lambda x: blur(x, 1.5),
    "thicken": lambda x: thicken(x, 2),
    "thin": lambda x: thicken(x, -1),
    "invert": invert,
    "add_stripe": lambda x: add_stripe(x, 3, 2),
    "random_moves": lambda x: random_moves(x, 5, generator=np.random.default_rng(0)),
    "random_distortions": lambda x: random_distortions(x, elastic=34, most=0, generator=np.random.default_rng(0)),
}


@pytest.fixture(scope="module")
def images(digits):
    return digits[0][:20]


@pytest.fixture(params=PERTURBATIONS.values(), ids=PERTURBATIONS)
def perturb(request):
    return request.param


def test_type_and_shape_stay_and_the_images_are_left_alone(images, perturb):
    for before in (images, images / 255, (images / 255).astype(np.float32)):
        kept = before.copy()
        after = perturb(before)
        assert after.dtype == before.dtype and after.shape == before.shape
        assert after.min() >= 0 and after.max() <= (255 if before.dtype == np.uint8 else 1)
        np.testing.assert_array_equal(before, kept)
        assert not np.array_equal(after, before) and not np.shares_memory(after, before)


def test_grey_levels_and_floats_come_to_the_same(images, perturb):
    np.testing.assert_allclose(perturb(images) / 255, perturb(images / 255), atol=0.5 / 255 + 1e-6)


def test_each_image_is_changed_by_itself(images):
    for name, perturb in PERTURBATIONS.items():
        if name not in ("add_noise", "random_moves", "random_distortions"):  # which draw for all images in a row
            np.testing.assert_array_equal(perturb(images)[3:5], perturb(images[3:5]))


def test_translate_is_a_loop_over_pixels(images):
    down, right = np.arange(-10, 10), np.arange(20) * 7 % 13 - 6
    expected = np.zeros_like(images)
    for image in range(20):
        for row in range(28):
            for column in range(28):
                old_row, old_column = row - down[image], column - right[image]
                if 0 <= old_row < 28 and 0 <= old_column < 28:
                    expected[image, row, column] = images[image, old_row, old_column]
    np.testing.assert_array_equal(translate(images, down, right), expected)


def test_translating_back_restores_all_that_stayed_in_the_frame(images):
    space = room(images)
    down, right = space["down"], -space["left"]
    np.testing.assert_array_equal(translate(translate(images, down, right), -down, -right), images)
    np.testing.assert_array_equal(translate(images, 0, 0), images)
    assert translate(images, 28, 0).max() == translate(images, 0, -1000).max() == 0


def test_room_is_how_far_the_ink_can_go(images):
    framed = np.zeros((1, 28, 28), np.uint8)
    framed[0, 5:9, 3:27] = 1
    assert {side: int(free[0]) for side, free in room(framed).items()} == {"up": 5, "down": 19, "left": 3, "right": 1}
    ink = images.sum(axis=(1, 2), dtype=int)
    for side, free in room(images).items():
        sign = 1 if side in ("down", "right") else -1
        for further, same in ((0, True), (1, False)):
            shift = sign * (free + further)
            moved = translate(images, shift, 0) if side in ("up", "down") else translate(images, 0, shift)
            assert ((moved.sum(axis=(1, 2), dtype=int) == ink) == same).all()
    assert all(free[0] == 28 for free in room(np.zeros((1, 28, 28))).values())


def test_random_moves_lose_no_ink_and_take_every_place_as_often():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 2:20, 6:24] = np.random.default_rng(0).integers(1, 256, (18, 18))  # room: up 2, down 8, left 6, right 4
    moved = random_moves(np.repeat(image, 30_000, axis=0), most=5, unseen=2, generator=np.random.default_rng(1))
    assert (moved.sum(axis=(1, 2), dtype=int) == image.sum(dtype=int)).all()
    assert not moved[:, 26:].any() and not moved[:, :, 26:].any()
    corners = np.stack([moved.any(axis=2).argmax(axis=1), moved.any(axis=1).argmax(axis=1)], axis=1)
    places, counts = np.unique(corners, axis=0, return_counts=True)
    assert {tuple(place) for place in places} == {(row, column) for row in range(0, 8) for column in range(1, 9)}
    assert abs(counts / 30_000 * 64 - 1).max() < 0.25
    np.testing.assert_array_equal(moved, random_moves(np.repeat(image, 30_000, axis=0), 5, 2, np.random.default_rng(1)))
    assert not np.array_equal(random_moves(moved[:50], 5), random_moves(moved[:50], 5))


class Given:
    """A generator of random numbers that gives what it was given: the one who draws evenly gets `at` of the range."""

    def __init__(self, at):
        self.at = at

    def uniform(self, low, high, size):
        return low + self.at * (np.asarray(high) - low) * np.ones(size)


def test_without_any_distortion_images_stay_as_they_are(images):
    still = random_distortions(images, degrees=0, scaling=0, most=0)
    np.testing.assert_array_equal(still, images)


@pytest.mark.parametrize("at", [0, 1])
def test_a_turn_and_a_scaling_are_those_of_scipy(images, at, monkeypatch):
    monkeypatch.setattr("mnist_compare.perturbations.random_moves", lambda x, most, generator: x)
    floats = images / 255
    turned = random_distortions(floats, degrees=15, scaling=0, generator=Given(at))
    np.testing.assert_allclose(turned, rotate(floats, 30 * at - 15), atol=1e-4)
    scaled = random_distortions(floats, degrees=0, scaling=0.15, generator=Given(at))
    size = 0.85 + 0.3 * at
    matrix = np.eye(2) / size  # from a pixel to where it is taken from, about the middle
    expected = [ndimage.affine_transform(x, matrix, [13.5 - 13.5 / size] * 2, order=1) for x in floats]
    np.testing.assert_allclose(scaled, expected, atol=1e-4)


def test_bending_is_simards_in_a_loop(images, monkeypatch):
    """Random shifts, smoothed by SciPy's Gaussian, multiplied, and each pixel taken from there."""
    monkeypatch.setattr("mnist_compare.perturbations.random_moves", lambda x, most, generator: x)
    floats = (images / 255).astype(np.float32)
    bent = random_distortions(floats, 0, 0, elastic=34, sigma=4, generator=np.random.default_rng(5))
    generator = np.random.default_rng(5)
    generator.uniform(0, 0, (20, 1, 1)), generator.uniform(1, 1, (2, 20, 1, 1))  # the turns and sizes
    shifts = generator.random((2, 20, 28, 28), np.float32) * 2 - 1
    for i, image in enumerate(floats):
        down, right = (34 * ndimage.gaussian_filter(shifts[way, i], 4, mode="constant") for way in (0, 1))
        rows, columns = np.indices((28, 28))
        expected = ndimage.map_coordinates(image, [rows + down, columns + right], order=1, mode="constant")
        np.testing.assert_allclose(bent[i], expected, atol=1e-3)
    assert 0.5 < np.abs(shifts.std()) < 0.65 and not np.allclose(bent, floats, atol=0.2)


def test_distortions_repeat_and_differ_from_image_to_image(images):
    same = np.repeat(images[:1], 200, axis=0)
    first, second = (random_distortions(same, elastic=34, generator=np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first.reshape(200, -1), axis=0)) == 200


def test_the_last_move_of_a_distortion_loses_no_ink(images):
    """What is turned, scaled and bent is moved as a whole: the same pixels, in another place."""
    options = {"elastic": 34, "degrees": 15, "scaling": 0.15}
    still = random_distortions(images, most=0, generator=np.random.default_rng(2), **options)
    moved = random_distortions(images, most=2, generator=np.random.default_rng(2), **options)
    assert not np.array_equal(still, moved)
    np.testing.assert_array_equal(still.sum(axis=(1, 2)), moved.sum(axis=(1, 2)))


def test_rows_that_are_not_seen_are_no_room(images):
    plain, seen = room(images), room(images, unseen=2)
    for side in ("down", "right"):
        np.testing.assert_array_equal(seen[side], np.maximum(plain[side] - 2, 0))
    for side in ("up", "left"):
        np.testing.assert_array_equal(seen[side], plain[side])


def test_shuffling_moves_each_pixel_where_the_permutation_says_and_back(images):
    shuffled = shuffle_pixels(images, PERMUTATION)
    for new in (0, 100, 783):
        old = PERMUTATION[new]
        np.testing.assert_array_equal(shuffled[:, new // 28, new % 28], images[:, old // 28, old % 28])
    np.testing.assert_array_equal(shuffle_pixels(shuffled, np.argsort(PERMUTATION)), images)
    np.testing.assert_array_equal(np.sort(shuffled.reshape(20, -1)), np.sort(images.reshape(20, -1)))


def test_a_quarter_turn_goes_counter_clockwise(images):
    np.testing.assert_allclose(rotate(images, 90), np.rot90(images, axes=(1, 2)), atol=1)
    np.testing.assert_allclose(rotate(images, 0), images, atol=1)
    assert rotate(np.ones((1, 28, 28)), 45)[0, 0, 0] == 0  # the corners come from outside the frame


def test_noise_has_the_stated_spread_and_repeats():
    grey = np.full((50, 28, 28), 0.5)
    noise = add_noise(grey, 0.1, seed=1) - 0.5
    assert noise.std() == pytest.approx(0.1, rel=0.02) and abs(noise.mean()) < 0.002
    np.testing.assert_array_equal(add_noise(grey, 0.1, seed=1), add_noise(grey, 0.1, seed=1))
    assert not np.array_equal(add_noise(grey, 0.1, seed=1), add_noise(grey, 0.1, seed=2))


def test_blur_is_a_convolution_with_a_gaussian(images):
    distances = np.arange(-8, 9)
    line = np.exp(-(distances**2) / (2 * 2.0**2))
    kernel = np.outer(line, line) / line.sum() ** 2
    for image, blurred in zip(images[:3] / 255, blur(images[:3] / 255, 2), strict=True):
        np.testing.assert_allclose(blurred, convolve2d(image, kernel, mode="same"), atol=1e-6)


def test_strokes_widen_and_narrow_by_the_pixels():
    stroke = np.zeros((1, 28, 28), np.uint8)
    stroke[0, 5:20, 10:14] = 200
    for pixels in (-3, -2, -1, 0, 1, 2, 3):
        changed = thicken(stroke, pixels)[0]
        rows, columns = np.nonzero(changed)
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (15 + pixels, 4 + pixels)
        assert (changed > 0).sum() == (15 + pixels) * (4 + pixels) and set(changed.flat) == {0, 200}
        # Half on each side, as far as it goes.
        assert abs(rows.mean() - 12) <= 0.5 and abs(columns.mean() - 11.5) <= 0.5
    assert thicken(stroke, -4).max() == 0


def test_inverting_twice_changes_nothing(images):
    np.testing.assert_array_equal(invert(invert(images)), images)
    np.testing.assert_array_equal(invert(images), 255 - images)


def test_a_stripe_covers_its_columns_and_no_other(images):
    striped = add_stripe(images, 3, 2)
    assert (striped[:, :, 3:5] == 255).all() and (add_stripe(images / 255, 3, 2)[:, :, 3:5] == 1).all()
    np.testing.assert_array_equal(np.delete(striped, [3, 4], axis=2), np.delete(images, [3, 4], axis=2))


@pytest.mark.parametrize(
    "bad, said",
    [
        (np.zeros((28, 28)), r"\(28, 28\).*image\[None\]"),
        (np.zeros((0, 28, 28)), r"\(0, 28, 28\)"),
        (np.zeros((2, 28, 28, 1)), r"\(2, 28, 28, 1\)"),
        (np.full((1, 28, 28), np.nan), "nan"),
        (np.full((1, 28, 28), 2.0), "from 2 to 2"),
        (np.zeros((1, 28, 28), int), "int64"),
        (np.zeros((1, 28, 28), bool), "bool"),
    ],
)
def test_what_are_no_images_is_refused(bad, said, perturb):
    with pytest.raises(ValueError, match=said):
        perturb(bad)
    with pytest.raises(ValueError, match=said):
        room(bad)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda x: translate(x, 1.5, 0), "down.*float64"),
        (lambda x: translate(x, 0, np.zeros(3, int)), r"right.*\(3,\).*20 images"),
        (lambda x: shuffle_pixels(x, np.arange(783)), r"\(783,\).*784"),
        (lambda x: shuffle_pixels(x, np.zeros(784, int)), "every index"),
        (lambda x: shuffle_pixels(x, [["a"]]), "every index"),
        (lambda x: rotate(x, np.nan), "degrees=nan"),
        (lambda x: add_noise(x, -1), "standard_deviation=-1"),
        (lambda x: blur(x, np.inf), "sigma=inf"),
        (lambda x: blur(x, "wide"), "sigma='wide'"),
        (lambda x: thicken(x, 0.5), "pixels=0.5"),
        (lambda x: thicken(x, True), "pixels=True"),
        (lambda x: add_stripe(x, 27, 2), "width 2 at column 27"),
        (lambda x: add_stripe(x, -1, 2), "column -1"),
        (lambda x: add_stripe(x, 3, 0), "width 0"),
        (lambda x: random_distortions(x, degrees=-1), "degrees=-1"),
        (lambda x: random_distortions(x, scaling=1), "scaling=1.*below 1"),
        (lambda x: random_distortions(x, elastic="much"), "elastic='much'"),
        (lambda x: random_distortions(x, elastic=1, sigma=0), "sigma=0"),
        (lambda x: random_distortions(x, most=0.5), "most=0.5"),
    ],
)
def test_what_cannot_be_done_is_refused(images, call, said):
    with pytest.raises(ValueError, match=said):
        call(images)

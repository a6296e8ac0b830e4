import os
import re
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.filters import threshold_otsu
from sklearn.svm import SVC

from mnist_compare import prepare_digit
from mnist_compare.boxes import within_box
from mnist_compare.digits import one_digit
from mnist_compare.handwriting import as_grey, find_ink, place_ink
from mnist_compare.paper import judged_border

RNG = np.random.default_rng(0)


def drawing(*lines, size=(280, 280), width=20, paper=255, ink=0):
    """Return a grey picture with lines of a pen."""
    picture = Image.new("L", size, paper)
    for points in lines:
        ImageDraw.Draw(picture).line(points, fill=ink, width=width, joint="curve")
    return picture


def boxes(*boxes):
    """Return a white picture with black boxes, (top, bottom, left, right) each."""
    levels = np.ones((280, 280))
    for top, bottom, left, right in boxes:
        levels[top:bottom, left:right] = 0
    return levels


SEVEN = [(80, 60), (190, 60), (120, 230)]
STANDING_SEVEN = [(110, 130), (210, 130), (140, 290)]
STROKES = 1 - np.asarray(drawing(SEVEN)) / 255  # how much ink is where


def as_jpeg(picture, **options):
    file = BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=60, **options)
    return file.getvalue()


def difference(a, b):
    """Return the difference of two prepared digits, as a share of the ink; one may stand a pixel beside the other.

    A centre of mass that lies between two pixels is rounded to the one or the other by the smallest change.
    """
    moves = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return min(np.abs(np.roll(a, move, axis=(0, 1)) - b).sum() for move in moves) / b.sum()


@pytest.fixture(scope="module")
def seven():
    return prepare_digit(drawing(SEVEN))


# What comes out


def test_the_form_is_that_of_mnist(seven):
    assert seven.shape == (28, 28) and seven.dtype == np.float32
    assert seven.min() == 0 and seven.max() == 1
    rows, columns = np.nonzero(seven > 0)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    for mass in ndimage.center_of_mass(seven):
        assert abs(mass - 14) <= 0.51  # the nearest whole pixel
    assert len(np.unique(seven)) > 20  # grey edges


def test_the_aspect_ratio_is_kept():
    for width, height in ((100, 200), (200, 100), (60, 60)):
        rows, columns = np.nonzero(prepare_digit(drawing([(30, 30), (30 + width, 30 + height)])) > 0.3)
        # the pen widens both sides by about its width of 20
        assert (np.ptp(columns) + 1) / (np.ptp(rows) + 1) == pytest.approx((width + 14) / (height + 14), rel=0.15)


def test_nothing_is_clipped_where_the_centre_of_mass_lies_far_off():
    ink = np.zeros((200, 200))
    ink[180:] = 1  # nearly all of the mass at the foot
    ink[:, 98:102] = 0.3
    placed = place_ink(ink)
    rows = np.flatnonzero(placed.any(axis=1))
    assert len(rows) == 20 and rows[-1] <= 27
    assert ndimage.center_of_mass(placed)[0] > 14.5  # as near to the centre as the frame allows
    assert rows[0] == 28 - 20 or rows[0] == 0 or abs(ndimage.center_of_mass(placed)[0] - 14) <= 0.51
    np.testing.assert_array_equal(np.flatnonzero(place_ink(ink[::-1]).any(axis=1)), np.arange(8, 28))


def test_scaling_averages_the_pixels_it_unites():
    ink = RNG.random((200, 120))
    expected = ink.reshape(20, 10, 12, 10).mean(axis=(1, 3))
    placed = place_ink(ink)
    rows, columns = (np.flatnonzero(placed.any(axis=axis)) for axis in (1, 0))
    np.testing.assert_allclose(
        placed[rows[0] : rows[0] + 20, columns[0] : columns[0] + 12], expected / expected.max(), atol=1e-5
    )


def test_the_thinnest_line_keeps_a_pixel():
    for ink in (np.ones((300, 3)), np.ones((3, 300))):
        placed = place_ink(ink)
        assert sorted(np.ptp(np.nonzero(placed), axis=1) + 1) == [1, 20] and set(placed.flat) == {0, 1}


def test_larger_pictures_are_reduced_to_280_pixels_and_smaller_ones_are_not():
    for side in (840, 280, 200):
        ink = find_ink(np.asarray(drawing([(side / 2, side / 4), (side / 2, 3 * side / 4)], size=(side, side))) / 255)
        assert ink.shape == pytest.approx((side / 2 * min(1, 280 / side), 21 * min(1, 280 / side)), abs=3)


def test_ink_is_measured_from_none_to_full():
    """A stroke at half strength beside one at full strength, both wide and connected, on noisy grey paper."""
    levels = np.full((280, 280), 0.8)
    levels[60:220, 80:100] = 0.2
    levels[200:220, 80:200] = 0.2
    levels[60:220, 180:200] = 0.5
    ink = find_ink(levels + np.random.default_rng(0).normal(0, 0.003, levels.shape))
    assert ink.min() == 0 and ink.max() == 1
    assert np.median(ink[10:130, 5:18]) > 0.97
    assert np.median(ink[10:130, -18:-5]) == pytest.approx(0.5, abs=0.03)


def test_an_edge_is_softened_by_a_third_of_a_pixel():
    ink = find_ink(boxes((60, 220, 100, 120), (200, 220, 120, 180)))
    weights = np.exp(-(np.array([-1, 0, 1]) ** 2) / (2 * 0.35**2))
    assert ink[20, 18:22] == pytest.approx([1, 1 - weights[0] / weights.sum(), weights[0] / weights.sum(), 0], abs=1e-3)


def test_faint_edges_belong_to_the_digit_from_a_tenth_of_its_ink():
    for strength, width in ((0.11, 22), (0.08, 20)):
        levels = boxes((60, 220, 100, 120))
        levels[60:220, 120:122] = 1 - strength
        assert find_ink(levels).shape == (160, width)


def test_ink_ends_a_hundredth_of_the_picture_beyond_its_mask():
    across = np.clip((30 - np.abs(np.arange(240) - 120)) / 20, 0, 1)  # a stroke that fades out
    ink = np.zeros((240, 240))
    ink[60:180] = across
    assert find_ink(1 - ink).shape == (120, (across > threshold_otsu(ink)).sum() + 2 * 2)


# What may go in


def test_every_kind_of_image_comes_to_the_same(seven, tmp_path):
    grey = drawing(SEVEN)
    array = np.asarray(grey)
    opaque = np.full_like(array, 255)
    transparent = Image.merge("RGBA", [Image.new("L", grey.size)] * 3 + [Image.eval(grey, lambda level: 255 - level)])
    path = tmp_path / "seven.png"
    grey.save(path)
    deep = tmp_path / "deep.png"
    Image.fromarray(array.astype(np.uint16) * 257).save(deep)
    palette = tmp_path / "palette.gif"
    grey.convert("P").save(palette, transparency=255)
    kinds = [
        path,
        str(path),
        path.read_bytes(),
        memoryview(path.read_bytes()),
        BytesIO(path.read_bytes()),
        deep,
        palette,
        Image.open(deep),
        grey.convert("RGB"),
        grey.convert("CMYK"),
        grey.convert("P"),
        grey.convert("1"),
        grey.convert("F").point(lambda level: level / 255),
        transparent,
        array,
        array[:, :, None],
        array / 255,
        (array / 255).astype(np.float16),
        array > 127,
        array.astype(np.uint16) * 257,
        array.astype(np.int64),
        array.tolist(),
        np.dstack([array] * 3),
        np.dstack([array, opaque]),
        np.dstack([array] * 3 + [opaque]),
        np.dstack([np.zeros((280, 280, 3), np.uint8), 255 - array]),
    ]
    for kind in kinds:
        assert difference(prepare_digit(kind), seven) < 0.03, type(kind)


def test_grey_is_the_luminance_of_pillow():
    colours = RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    np.testing.assert_allclose(as_grey(colours), np.asarray(Image.fromarray(colours).convert("L")) / 255, atol=1 / 255)


def test_light_ink_on_nothing_is_ink():
    ink = np.zeros((280, 280, 4), np.uint8)
    ink[..., 3] = 255 - np.asarray(drawing(SEVEN))
    dark = prepare_digit(ink)
    ink[..., :3] = 255
    np.testing.assert_allclose(prepare_digit(ink), dark, atol=1e-6)
    page = np.full((280, 280, 4), 255, np.uint8)
    page[..., :3] = np.asarray(drawing(SEVEN))[..., None]
    page[:20, :, 3] = page[:, :20, 3] = 0  # a light page that is transparent beside is no light ink
    np.testing.assert_allclose(prepare_digit(page), dark, atol=0.01)


@pytest.mark.parametrize(
    "covered, level, behind", [(0.45, 0.9, 0), (0.55, 0.9, 1), (0.45, 0.1, 1), (0.45, 0.45, 1), (0.45, 0.55, 0)]
)
def test_black_is_laid_behind_what_is_light_and_covers_less_than_half(covered, level, behind):
    picture = np.zeros((100, 100, 2))
    picture[: int(100 * covered)] = level, 1
    grey = as_grey(picture)
    assert set(grey[: int(100 * covered)].flat) == {level} and set(grey[int(100 * covered) :].flat) == {behind}


def test_a_large_array_is_reduced_by_means_over_squares():
    large = RNG.integers(0, 256, (2100, 1505, 3), dtype=np.uint8)
    luminance = large[:, :1504] @ np.array([0.299, 0.587, 0.114]) / 255
    expected = [[luminance[row : row + 2, column : column + 2].mean() for column in (0, 700)] for row in (0, 2098)]
    grey = as_grey(large)
    assert grey.shape == (1050, 752)
    np.testing.assert_allclose(grey[[0, 1049]][:, [0, 350]], expected)
    for shape, reduced in (((5000, 1), (1000, 1)), ((1, 5000), (1, 1000)), ((5000, 3), (1000, 1))):
        levels = RNG.random(shape)
        expected = levels.reshape(1000, -1).mean(axis=1).reshape(reduced)
        np.testing.assert_allclose(as_grey(levels), expected)
    for side, reduced in ((1999, 1999), (2000, 1000), (2999, 1499), (3000, 1000)):
        assert as_grey(np.zeros((side, 2))).shape[0] == as_grey(np.zeros((2, side))).shape[1] == reduced
        for size in ((side, 2), (2, side)):
            assert max(as_grey(Image.new("L", size)).shape) == reduced  # in the same place


def test_sixteen_bits_are_grey_levels_up_to_65535(tmp_path):
    levels = RNG.integers(0, 65_536, (6, 5), dtype=np.uint16)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    Image.fromarray(levels).save(tmp_path / "deep.tiff")
    for image in (tmp_path / "deep.png", tmp_path / "deep.tiff", levels, levels.astype(">u2")):
        np.testing.assert_allclose(as_grey(image), levels / 65_535)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_tag_is_obeyed(seven, orientation):
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition of Pillow that the tag asks to be undone
    stored = drawing(SEVEN)
    if orientation > 1:
        stored = stored.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert difference(prepare_digit(as_jpeg(stored, exif=exif)), seven) < 0.05


def test_a_picture_of_any_size_comes_to_the_same(seven):
    for side in (56, 140, 560, 2240):
        picture = drawing([(x * side // 280, y * side // 280) for x, y in SEVEN], size=(side, side), width=side // 14)
        assert difference(prepare_digit(picture), seven) < 0.35  # a pen 4 pixels wide has stairs
    big = drawing(SEVEN).resize((1400, 1400))
    assert difference(prepare_digit(big), seven) < 0.1


@pytest.fixture(scope="module")
def written(digits):
    """(images, labels): real handwriting with a margin, uint8 (600, 40, 40); scikit-learn's digits fill their frame."""
    some = np.random.default_rng(0).permutation(len(digits[0]))[:600]
    return np.pad(digits[0][some], ((0, 0), (6, 6), (6, 6))), digits[1][some]


def read(picture):
    """Return the prepared digit, or a blank picture if it is refused."""
    try:
        return prepare_digit(picture)
    except ValueError:
        return np.zeros((28, 28), np.float32)


def test_a_prepared_digit_stays_nearly_as_it_is(written):
    prepared = [prepare_digit(image) for image in written[0][:50]]
    assert np.median([difference(prepare_digit(digit), digit) for digit in prepared]) < 0.15


# What a picture may suffer


def spoil_corner(picture):
    corner = Image.new("L", (600, 500), 255)
    corner.paste(picture, (310, 10))
    return corner


def spoil_shadow(picture):
    """Paper in a slanting light, and the sharp shadow of a hand across it, and grain."""
    light = np.linspace(0.95, 0.5, 280)[:, None] * np.linspace(1, 0.8, 280)
    light[:, 150:] *= 0.5
    levels = light * (1 - 0.6 * (1 - np.asarray(picture) / 255)) + RNG.normal(0, 0.015, (280, 280))
    return Image.fromarray(np.uint8(255 * levels.clip(0, 1)))


def spoil_specks(picture):
    specks = picture.copy()
    for x, y, side in ((10, 10, 6), (265, 20, 6), (250, 260, 6), (20, 150, 6), (230, 150, 30)):
        ImageDraw.Draw(specks).ellipse((x, y, x + side, y + side), fill=0)
    return specks


@pytest.mark.parametrize(
    "spoil, most",
    [
        (spoil_corner, 0.1),
        (lambda picture: Image.eval(picture, lambda level: 255 - level), 0.05),
        (lambda picture: Image.eval(picture, lambda level: 150 + level * 100 // 255), 0.05),  # faint, as of pencil
        (lambda picture: Image.eval(picture, lambda level: 200 - level * 150 // 255), 0.05),  # chalk on a board
        (lambda picture: Image.eval(picture, lambda level: 20 + level * 80 // 255), 0.05),  # paper in dim light
        (lambda picture: Image.eval(picture, lambda level: 240 - level * 90 // 255), 0.05),  # white ink on light grey
        (spoil_shadow, 0.2),
        (spoil_specks, 0.05),
        (as_jpeg, 0.05),
    ],
    ids=["corner", "inverted", "faint", "chalk", "dim", "white on grey", "shadow", "specks", "jpeg"],
)
def test_it_comes_back(seven, spoil, most):
    assert difference(prepare_digit(spoil(drawing(SEVEN))), seven) < most


def test_a_classifier_reads_spoilt_digits_as_well_as_clean_ones(written):
    """An independent judge: a support vector machine that has learnt from ink alone, asked about pictures of it."""
    images, labels = written
    ink = [image[np.ix_(image.any(axis=1), image.any(axis=0))] / 255 for image in images[:500]]
    judge = SVC().fit([place_ink(digit).ravel() for digit in ink], labels[:500])
    pictures = [np.asarray(Image.fromarray(image).resize((56, 56))) for image in images[500:]]

    def accuracy(spoil):
        return judge.score([read(spoil(picture)).ravel() for picture in pictures], labels[500:])

    light = np.add.outer(np.linspace(0, 90, 56), np.linspace(0, 60, 56))
    noise = np.random.default_rng(1).normal(0, 5, light.shape)
    clean = accuracy(lambda picture: picture)
    assert clean >= 0.85  # of ten digits
    for spoil in (
        lambda picture: 255 - picture,
        lambda picture: np.pad(picture, ((0, 36), (30, 0))),
        lambda picture: as_jpeg(Image.fromarray(picture)),
        lambda picture: np.uint8((light + picture / 255 * (255 - light) + noise).clip(0, 255)),
    ):
        assert accuracy(spoil) >= clean - 0.04


def test_pieces_of_one_digit_stay_together():
    five = drawing([(100, 80), (95, 130), (150, 140), (160, 190), (100, 220)], [(125, 60), (190, 55)])
    ink = find_ink(as_grey(five))
    assert ndimage.label(ink > 0.5)[1] == 2  # the bar does not touch, and is there


def beside(height):
    """Return a stroke 200 pixels high and beside it a piece of some height."""
    return boxes((40, 240, 60, 80), (100, 100 + height, 130, 150))


def above(height, overlap=40):
    """Return a stroke 160 pixels high and 40 wide and above it a piece as wide; their columns overlap."""
    return boxes((90, 250, 100, 140), (76 - height, 76, 140 - overlap, 180 - overlap))


def under(overlap):
    """Return a stroke with an arm, 120 pixels high, and under the arm another as high; their rows overlap."""
    return boxes((40, 160, 60, 80), (40, 60, 60, 180), (160 - overlap, 280 - overlap, 140, 160))


@pytest.mark.parametrize(
    "one, two",
    [
        (beside(54), beside(70)),  # 0.27 and 0.35 of the height
        (above(56), above(72)),  # 0.35 and 0.45
        (above(56, overlap=12), above(56, overlap=8)),  # 0.3 and 0.2 of the width
        (under(36), under(24)),  # 0.3 and 0.2 of the height
        (boxes((40, 240, 60, 80), (40, 240, 88, 108)), boxes((40, 240, 60, 80), (40, 240, 92, 112))),  # a gap in a line
    ],
    ids="beside above shifted under gap".split(),
)
def test_what_is_one_digit_and_what_are_two(one, two):
    """Pieces are told from digits by their sizes, and by how far one stands beside or above the other."""
    assert ndimage.label(find_ink(one) > 0.5)[1] == 2  # neither of the pieces is taken for a speck
    with pytest.raises(ValueError, match="^2 inked parts"):
        prepare_digit(two)


def test_a_speck_is_smaller_than_a_quarter_of_the_digit():
    for side, parts in ((56, 2), (44, 1)):
        assert ndimage.label(find_ink(beside(side)) > 0.5)[1] == parts


def test_a_solid_patch_is_no_digit_unless_it_is_narrow():
    for height, width in ((80, 80), (160, 90), (90, 160)):
        with pytest.raises(ValueError, match="solid patch"):
            prepare_digit(boxes((60, 60 + height, 60, 60 + width)))
    assert prepare_digit(boxes((60, 220, 60, 120))).max() == 1


def test_a_patch_that_runs_out_of_the_picture_is_no_digit():
    """As a third of a page in shadow is; of the same width, a 1 in the middle or cropped to its ink is one."""
    for tall in (boxes((0, 280, 190, 280)), boxes((10, 270, 190, 280))):
        with pytest.raises(ValueError, match="solid patch"):
            one_digit(tall < 0.5)
    for thick in (boxes((30, 250, 100, 180)), boxes((0, 280, 0, 280))[:, :90]):
        assert one_digit(thick < 0.5)[0].any()


def ring(outer, size=200, line=4):
    """Return a mask with the outline of a square, `outer` pixels from the frame."""
    mask = np.zeros((size, size), bool)
    mask[outer : size - outer, outer : size - outer] = True
    mask[outer + line : size - outer - line, outer + line : size - outer - line] = False
    return mask


def test_of_boxes_in_one_another_the_smallest_with_ink_counts():
    sheet, box, bar = ring(12), ring(50), np.zeros((200, 200), bool)
    bar[80:120, 95:105] = True
    for mask in (box | bar, sheet | box | bar):
        inside = within_box(mask)
        assert (inside & mask == bar).all() and inside[60:140, 60:140].all() and not inside[:50].any()
    for mask in (box, sheet | box):  # an empty box; the sheet holds the box, and nothing else
        assert within_box(mask) is not None
    assert not (within_box(box) & box).any()


def test_a_digit_of_14_pixels_is_large_enough_and_one_of_10_is_not():
    assert find_ink(boxes((100, 114, 100, 104))).shape[0] == pytest.approx(15, abs=2)
    with pytest.raises(ValueError, match="too small"):
        prepare_digit(boxes((100, 110, 100, 104)))


Y, X = np.mgrid[-1:1:280j, -1:1:280j]
GRAIN = np.random.default_rng(0).uniform(-0.5, 0.5, STROKES.shape)  # all within a range of 1


def chalk(side=280, share=0.4, step=0.4, ramp=0):
    """Return chalk on a board of which a share at the right lies in a stronger light, behind a ramp of some pixels."""
    edge = 280 * (1 - share)
    board = np.interp(np.arange(280), (edge - ramp / 2 - 0.5, edge + ramp / 2 + 0.5), (0.15, 0.15 + step))
    picture = Image.fromarray((board + 0.45 * STROKES).astype(np.float32))
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX)).clip(0, 1)


def blurred(sigma, side=280):
    """Return a seven of a thick pen, out of focus."""
    levels = ndimage.gaussian_filter(np.asarray(drawing(SEVEN, width=50)) / 255, sigma)
    return np.asarray(Image.fromarray(levels.astype(np.float32)).resize((side, side), Image.Resampling.BOX)).clip(0, 1)


@pytest.mark.parametrize(
    "read, refused, width",
    [
        (0.9 * (1 - 0.11 * STROKES), 0.9 * (1 - 0.08 * STROKES), 20),
        (0.1 - 0.035 * STROKES, 0.1 - 0.025 * STROKES, 20),
        (0.3 + 0.115 * STROKES, 0.3 + 0.08 * STROKES, 20),
        (0.7 + 0.2 * GRAIN - 0.26 * STROKES, 0.7 + 0.2 * GRAIN - 0.18 * STROKES, 20),
        (chalk(share=0.22), chalk(share=0.29), 20),
        (chalk(step=0.26), chalk(step=0.35), 20),
        (chalk(step=0.45, ramp=25), chalk(step=0.45, ramp=18), 20),
        (chalk(side=80), chalk(side=115), 20),
        (blurred(10), blurred(11), 50),
        (blurred(13, side=90), blurred(13, side=120), 50),
    ],
    ids="faint dark chalk grain share step ramp small-board blur small-blur".split(),
)
def test_how_far_reading_goes(read, refused, width):
    """Pairs of pictures: of the fainter, the noisier, the softer one nothing is read, nor from two unlike boards."""
    assert difference(prepare_digit(read), prepare_digit(drawing(SEVEN, width=width))) < 0.25
    with pytest.raises(ValueError, match="No ink"):
        prepare_digit(refused)


def hot_pixel():
    """Return a faint seven and one white pixel on grey."""
    levels = 0.5 - 0.06 * STROKES
    levels[40, 40] = 1
    return levels


def glare(strength):
    """Return a seven of the thinnest pen, a lamp reflected beside it."""
    line = (255 - np.asarray(drawing(SEVEN, width=2))) / 255
    return 0.6 - 0.4 * line + strength * np.exp(-((X - 0.6) ** 2 + (Y - 0.6) ** 2) / 0.1)


def hollow_line():
    """Return a seven of which only the outline is drawn."""
    line = [(8 * x, 8 * y) for x, y in SEVEN]  # of 6 pixels, and of 1 in its middle, drawn eight times as large
    wide, narrow = (np.asarray(drawing(line, size=(2240, 2240), width=width), float) for width in (48, 8))
    return 1 - 0.8 * (narrow - wide).reshape(280, 8, 280, 8).mean(axis=(1, 3)) / 255


@pytest.mark.parametrize(
    "picture, width",
    [
        (0.9 * (1 - 0.4 * Y**2) * (1 - 0.2 * STROKES), 20),
        (0.9 * (1 - 0.4 * X**2) * (1 - 0.2 * STROKES), 20),
        (hot_pixel(), 20),
        (glare(0.25), 2),
        (glare(0.28), 2),
        (hollow_line(), 6),
    ],
    ids="darker-above-and-below darker-beside hot-pixel glare more-glare hollow-line".split(),
)
def test_what_is_beside_the_ink_does_not_hide_it(picture, width):
    assert difference(prepare_digit(picture), prepare_digit(drawing(SEVEN, width=width))) < 0.25


def cut_off(seed):
    """Return unevenly lit paper with thick strokes that run out of the picture, and their share of its border."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[-1:1:120j, -1:1:90j]
    ink = np.zeros(x.shape, bool)
    ink[45:75, 35:55] = True
    for _ in range(3):
        side, first, length, depth = (int(draw.integers(*limits)) for limits in ((4,), (100,), (10, 40), (5, 20)))
        np.rot90(ink, side)[:depth, first : first + length] = True
    light = 1 + draw.uniform(-0.25, 0.25) * x + draw.uniform(-0.25, 0.25) * y - draw.uniform(0, 0.25) * (x**2 + y**2)
    border = np.concatenate([ink[0], ink[-1], ink[1:-1, 0], ink[1:-1, -1]])
    return 0.8 * light / light.max() * (1 - draw.uniform(0.3, 0.7) * ink), border.mean()


@pytest.mark.parametrize("seed", [*range(10), 61, 831, 4812, 7518])
def test_paper_is_known_for_light_where_ink_takes_up_to_a_third_of_its_border(seed):
    levels, share = cut_off(seed)
    assert share < 1 / 3
    assert judged_border(levels)[0] and not judged_border(1 - levels)[0]


# What is refused

# 1 in the middle, falling off softly: a lamp's spot, or the shadow of a hand
BELL = np.exp(-np.add.outer(np.linspace(-1, 1, 240) ** 2, np.linspace(-1.3, 0.7, 320) ** 2) / 0.3)

# A blank white sheet under two lamps, so bright that what is left to white is nearly nothing and changes by much
DOWN, RIGHT = np.mgrid[-1:1:400j, -1:1:300j]
LIGHT = 1 + 0.14 * RIGHT - 0.05 * DOWN - 0.1 * (RIGHT**2 + DOWN**2)
BRIGHT_SHEET = np.clip(0.98 * LIGHT / LIGHT.max() + np.random.default_rng(46).normal(0, 0.015, LIGHT.shape), 0, 1)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((28, 28)),
        np.ones((100, 60)),
        np.full((50, 50), 0.5),
        np.zeros((1, 1)),
        Image.new("RGBA", (280, 280), (0, 0, 0, 0)),
        np.tile(np.linspace(0.3, 0.9, 200), (200, 1)),
        RNG.normal(0.6, 0.02, (200, 200)),
        np.uint8(RNG.normal(180, 10, (300, 300)) * np.linspace(0.6, 1, 300)),
        np.asarray(drawing(SEVEN)) // 100,
        np.linspace(0.3, 0.9, 900)[:, None],
        0.9 * (0.8 + 0.2 * BELL),
        0.9 * (1 - 0.4 * BELL) + RNG.normal(0, 0.01, BELL.shape),
        BRIGHT_SHEET,
    ],
    ids="black white grey pixel transparent gradient grain photograph almost-black strip lamp shadow bright".split(),
)
def test_a_picture_without_ink_is_refused(picture):
    with pytest.raises(ValueError, match="No ink"):
        prepare_digit(picture)


def light_from_a_side(draw):
    return 1 + draw.uniform(-0.25, 0.25) * RIGHT + draw.uniform(-0.25, 0.25) * DOWN


def soft_shadow(seed):
    """Return a blank sheet with a round shadow, the light falling off to a side."""
    draw = np.random.default_rng(seed)
    light = light_from_a_side(draw)
    x, y = draw.uniform(-1, 1, 2)
    radius = draw.uniform(0.1, 0.8)
    light *= 1 - draw.uniform(0.1, 0.6) * np.exp(-((RIGHT - x) ** 2 + (DOWN - y) ** 2) / radius**2)
    levels = draw.uniform(0.6, 0.98) * light / light.max()
    return np.clip(levels + draw.normal(0, draw.uniform(0.002, 0.02), light.shape), 0, 1)


@pytest.mark.parametrize("seed", [17, 27, 66, 124, 142, 150, 152, 153, 2673])
def test_a_soft_shadow_is_no_ink(seed):
    with pytest.raises(ValueError, match="No ink"):
        prepare_digit(soft_shadow(seed))


@pytest.mark.parametrize("ink", [0, 255])
def test_a_tight_crop_is_read(ink):
    stroke = {"width": 30, "paper": 255 - ink, "ink": ink}
    tight = prepare_digit(drawing([(15, 15), (120, 15), (60, 195)], size=(135, 200), **stroke))
    loose = prepare_digit(drawing([(75, 75), (180, 75), (120, 255)], size=(300, 350), **stroke))
    assert difference(tight, loose) < 0.2


@pytest.mark.parametrize(
    "lines, count",
    [
        ([[(60, 60), (60, 220)], [(200, 60), (200, 220)]], 2),
        ([[(40, 60), (40, 220)], [(130, 60), (130, 220)], [(180, 70), (250, 70), (200, 220)]], 3),
        ([[(100, 20), (100, 110)], [(100, 170), (100, 260)]], 2),
        ([[(100, 20), (100, 120)], [(100, 155), (100, 255)]], 2),
        ([[(60, 60), (60, 220)], [(110, 60), (110, 220)]], 2),
        ([[(60, 60), (60, 220)], [(150, 160), (150, 220)]], 2),
        ([[(x, y), (x, y + 40)] for x in (40, 120, 200) for y in (20, 110, 200)], 9),
    ],
    ids="1-1 1-1-7 stacked stacked-close close large-and-small nine".split(),
)
def test_several_digits_are_refused_and_counted(lines, count):
    with pytest.raises(ValueError, match=f"^{count} inked parts"):
        prepare_digit(drawing(*lines))


@pytest.mark.parametrize(
    "image, said",
    [
        (np.zeros((0, 28)), r"empty.*\(0, 28\)"),
        (np.zeros((28, 28, 0)), r"empty.*\(28, 28, 0\)"),
        (np.array([]), r"\(0,\)"),
        (np.zeros(784), r"\(784,\)"),
        (np.zeros((28, 28, 5)), r"\(28, 28, 5\)"),
        (np.zeros((2, 28, 28, 1)), r"one picture at a time"),
        (np.full((28, 28), np.nan), "nan"),
        (np.full((28, 28), 255.0), "float64.* to 255.*expected 0 to 1"),
        (np.full((28, 28), -1), "int64.*-1.*expected 0 to 255"),
        (np.full((28, 28), 300), "300"),
        (np.full((28, 28), 1j), "complex"),
        (np.full((28, 28), "a"), "type <U1"),
        (np.eye(28, dtype=np.uint8), "only 0 and 1.*bool"),
        (None, "type object"),
        (b"", "uploaded file is not an image"),
        (b"no image at all", "uploaded file is not an image"),
    ],
)
def test_what_is_no_picture_is_refused(image, said):
    with pytest.raises(ValueError, match=said):
        prepare_digit(image)


def test_a_thousand_specks_are_refused_at_once():
    specks = np.where(RNG.random((280, 280)) < 0.05, 0, 255).astype(np.uint8)
    with pytest.raises(ValueError, match="^[0-9]+ inked parts"):
        prepare_digit(specks)


@pytest.mark.parametrize("tilt", [-20, -7, 0, 7, 20])
def test_a_digit_on_a_sheet_of_paper_on_a_dark_table_is_turned_upright_and_read(seven, tilt):
    table = Image.new("L", (400, 400), 40)
    table.paste(drawing(SEVEN), (60, 60))
    turned = table.rotate(tilt, Image.Resampling.BICUBIC, fillcolor=40)
    assert difference(prepare_digit(turned), seven) < 0.3


def on_a_table(seed):
    """Return a picture of a digit on unevenly lit paper, a dark table along two sides of it, and the pen's width."""
    draw = np.random.default_rng(seed)
    light = light_from_a_side(draw)
    width = int(draw.integers(6, 30))
    lines = drawing(STANDING_SEVEN, size=(300, 400), width=width)
    levels = 0.2 + 0.7 * np.asarray(lines) / 255
    tilt = draw.uniform(-0.1, 0.1)
    left, top = draw.uniform(-0.95, -0.4, 2)  # beside the digit
    levels[(RIGHT + tilt * DOWN < left) | (DOWN - tilt * RIGHT < top)] = draw.uniform(0.08, 0.3)
    blurred = ndimage.gaussian_filter(levels * light / light.max(), draw.uniform(0, 2))
    return np.clip(blurred + draw.normal(0, draw.uniform(0, 0.02), levels.shape), 0, 1), width


@pytest.mark.parametrize("seed", range(0, 40, 2))
def test_a_table_along_two_sides_is_no_ink(seed):
    """The digit on the paper is read, or nothing is; never the paper or what the table leaves of it.

    It stands upright in the picture, yet the sheet is tilted, by up to 6°: the sheet says what is upright.
    """
    picture, width = on_a_table(seed)
    try:
        prepared = prepare_digit(picture)
    except ValueError as error:
        assert "crop" in str(error)
    else:
        assert difference(prepared, prepare_digit(drawing(STANDING_SEVEN, size=(300, 400), width=width))) < 0.65


@pytest.mark.parametrize("width", [14, 20, 40])
def test_the_line_of_a_thin_pen_on_a_large_photograph_is_ink(width):
    shape = [(1000, 1200), (2000, 1200), (1300, 2800)]
    prepared = prepare_digit(drawing(shape, size=(3000, 4000), width=width, paper=235, ink=60))
    small = prepare_digit(drawing([(x / 10, y / 10) for x, y in shape], size=(300, 400), width=8))
    assert difference(prepared, small) < 0.9
    rows, columns = np.nonzero(prepared)
    assert np.ptp(rows) + 1 == 20 and 12 <= np.ptp(columns) + 1 <= 14


@pytest.mark.parametrize("picture", [np.eye(8), RNG.random((5, 5)), np.eye(300)[:, :4].repeat(3, axis=1)])
def test_what_is_too_small_is_refused(picture):
    with pytest.raises(ValueError):
        prepare_digit(picture)


def test_a_rounding_error_is_forgiven(seven):
    levels = np.asarray(drawing(SEVEN)) / 255
    assert difference(prepare_digit(levels * 1.0000001), seven) == 0
    assert difference(prepare_digit(levels - 1e-9), seven) < 1e-5
    for excess in (-9e-7, 9e-7):  # a millionth is
        grey = as_grey(levels + excess)
        assert grey.min() >= 0 and grey.max() <= 1
        with pytest.raises(ValueError, match="expected 0 to 1"):
            as_grey(levels + 1.2 * excess)


class Hostile:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "image", ["a\0b", [[1, 2], [3]], Hostile(), Image.Image(), b"P6 12\x00 20 255\n", memoryview(b"seven")[::2]]
)
@pytest.mark.filterwarnings("error")
def test_no_other_exception_and_no_warning_escapes(image):
    with pytest.raises((ValueError, FileNotFoundError), match="The |There is"):
        prepare_digit(image)


@pytest.mark.filterwarnings("error")
def test_garbage_in_the_exif_tag_is_passed_over_or_refused(seven):
    file = as_jpeg(drawing(SEVEN), exif=Image.Exif())
    for garbage in (b"MM\0*", b"II*\0\xff", b"\0" * 9, b"II*\0\x08\0\0\0\x05\0\x12\x01"):
        length = (len(garbage) + 8).to_bytes(2, "big")
        spoilt = file[:2] + b"\xff\xe1" + length + b"Exif\0\0" + garbage + file[2:]
        assert difference(read(spoilt), seven) < 0.05 or read(spoilt).max() == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_damaged_file_gives_a_digit_or_a_clear_error(format):
    file = BytesIO()
    drawing(SEVEN, size=(250, 260)).resize((75, 78)).save(file, format)  # small, to be quick
    content = np.frombuffer(file.getvalue(), np.uint8)
    generator = np.random.default_rng(1)
    for _ in range(40):
        damaged = content[: generator.integers(1, len(content) + 1)].copy()
        places = generator.integers(len(damaged), size=3)
        damaged[places] = generator.integers(256, size=3)
        try:
            assert prepare_digit(damaged.tobytes()).shape == (28, 28)
        except ValueError as error:
            assert re.match("The uploaded file|No ink|The ink|A solid|[0-9]+ inked", str(error))


def test_32_bits_are_not_wrapped_round():
    levels = np.asarray(drawing(SEVEN)).astype(np.int32)
    assert prepare_digit(Image.fromarray(levels * 257)).max() == 1
    for low, high in ((0, 65_536), (0, 255 * 65_536), (-1, 65_535)):
        with pytest.raises(ValueError, match=f"int32 and runs from {low} to"):
            prepare_digit(Image.fromarray(np.where(levels > 127, high, low).astype(np.int32)))
    ends = np.array([[0, 65_535]], np.int32)
    np.testing.assert_array_equal(as_grey(Image.fromarray(ends)), [[0, 1]])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_a_pipe_is_refused_rather_than_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="'pipe' is no file"):
        prepare_digit(tmp_path / "pipe")


def test_bad_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.png"):
        prepare_digit(tmp_path / "missing.png")
    text = tmp_path / "notes.txt"
    text.write_text("seven")
    with pytest.raises(ValueError, match="notes.txt.*not an image"):
        prepare_digit(text)
    half = tmp_path / "half.jpg"
    half.write_bytes(as_jpeg(drawing(SEVEN))[:1500])
    with pytest.raises(ValueError, match="half.jpg.*(damaged|cannot be read)"):
        prepare_digit(str(half))
    with pytest.raises(FileNotFoundError, match="aaa"):
        prepare_digit("a" * 300)
    with pytest.raises(ValueError, match=f"{tmp_path.name}.*is no file"):
        prepare_digit(tmp_path)


def png_that_claims(width, height):
    """Return the beginning of a PNG file of this size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + header + struct.pack(">II", zlib.crc32(header), 1000) + b"IDAT"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("width, height", [(51_000, 1000), (1000, 51_000), (12_000, 10_000), (30_000, 10_000)])
def test_a_decompression_bomb_is_refused_unopened(tmp_path, width, height):
    """Of one of these sizes Pillow warns, of the next it raises."""
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(png_that_claims(width, height))
    with pytest.raises(ValueError, match="bomb.png' has more than 50 million pixels"):
        prepare_digit(bomb)


def test_a_picture_of_49_million_pixels_is_not_too_large():
    with pytest.raises(ValueError, match="is damaged"):  # it is opened, then: there is nothing behind its size
        prepare_digit(png_that_claims(7000, 7000))


@pytest.mark.parametrize("shape", [(51_000_000, 1), (1, 51_000_000), (20_000, 10_000, 3)])
def test_a_larger_array_is_refused(shape):
    with pytest.raises(ValueError, match="The image has more than 50 million pixels"):
        prepare_digit(np.broadcast_to(np.zeros((1,) * len(shape)), shape))

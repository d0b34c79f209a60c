"""Densities from pictures: which way up, what is heavy, what is refused."""

import numpy as np
import pytest
from density_grids import SQUARE
from PIL import Image as Pillow

from mfgprox.density import DensityError, Image, sample
from mfgprox.grid import Grid


def saved(path, array, mode=None):
    Pillow.fromarray(np.asarray(array, np.uint8), mode).save(path)
    return path


def test_image_is_upright_and_dark_is_heavy(tmp_path):
    pixels = np.full((4, 4), 255)
    pixels[0, 3] = 0  # upper right corner
    pixels[3, 0] = 51
    found = sample(Image.read(saved(tmp_path / "a.png", pixels)), SQUARE)
    assert found.values[3, 3] == pytest.approx(16 * 1.0 / 1.8)
    assert found.values[0, 0] == pytest.approx(16 * 0.8 / 1.8)
    assert np.count_nonzero(found.values) == 2  # white weighs exactly nothing
    assert not found.smooth
    assert found.cut_off == 0.0
    light = sample(Image.read(tmp_path / "a.png", "light"), SQUARE)
    assert light.values[3, 3] == 0.0
    assert light.values[0, 0] == pytest.approx(0.2 * light.values[1, 1])


def test_colours_become_luminance_and_opacity_weighs(tmp_path):
    pixels = np.zeros((2, 2, 4))
    pixels[0, 0] = (255, 0, 0, 255)
    pixels[0, 1] = (0, 255, 0, 255)
    pixels[1, 0] = (0, 0, 255, 255)
    pixels[1, 1] = (0, 0, 0, 51)
    grid = SQUARE.with_cells((2, 2))
    image = Image.read(saved(tmp_path / "c.png", pixels))
    weights = np.array([[1 - 0.114, 0.2], [1 - 0.299, 1 - 0.587]])
    assert sample(image, grid).values == pytest.approx(4 * weights / weights.sum())
    light = Image.read(tmp_path / "c.png", "light")
    weights = np.array([[0.114, 0.0], [0.299, 0.587]])
    assert sample(light, grid).values == pytest.approx(4 * weights / weights.sum())


@pytest.mark.parametrize(
    ("mode", "value", "dark"), [("I;16", 32768, 1 - 32768 / 65535), ("1", 0, 1.0), ("P", 0, 1.0)]
)
def test_other_kinds_of_picture(tmp_path, mode, value, dark):
    picture = Pillow.new(mode, (2, 2), value)
    if mode == "P":
        picture.putpalette([0, 0, 0] + [255, 255, 255] * 255)
    picture.save(tmp_path / "m.png")
    image = Image.read(tmp_path / "m.png")
    assert image.values == pytest.approx(np.full((2, 2), dark), abs=1e-12)


def test_a_camera_picture_is_turned_upright(tmp_path):
    pixels = np.full((16, 16), 255, np.uint8)
    pixels[:8, :8] = 0  # as stored: upper left; orientation 6 turns it to the upper right
    picture = Pillow.fromarray(pixels)
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    found = sample(Image.read(tmp_path / "turned.png"), SQUARE.with_cells((2, 2)))
    assert found.values == pytest.approx(np.array([[0.0, 0.0], [0.0, 4.0]]))


def test_image_is_resampled_by_area():
    weights = np.array([[1.0, 2.0, 3.0], [4.0, 0.0, 6.0]])  # first row on top
    found = sample(Image(weights), SQUARE.with_cells((2, 3))).values
    columns = np.array([[1 * 2 / 3 + 2 / 3, 2 / 3 + 3 * 2 / 3], [4 * 2 / 3, 6 * 2 / 3]])
    rows = np.array([columns[1], (columns[0] + columns[1]) / 2, columns[0]])
    assert found == pytest.approx(6 * rows / rows.sum())


def test_what_is_no_image(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    saved(tmp_path / "good.png", np.random.default_rng(0).integers(0, 255, (64, 64)))
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").touch()
    saved(tmp_path / "white.png", np.full((3, 3), 255))
    for name, reason in (
        ("text.png", "image"),
        ("cut.png", "image"),
        ("empty.png", "image"),
        ("white.png", "no mass"),
        ("none.png", "does not exist"),
        ("", "not a file"),
        ("a\0b", "file"),
        ("x" * 5000, "file"),
    ):
        with pytest.raises(DensityError, match=reason):
            Image.read(tmp_path / name)
    Pillow.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    with pytest.raises(DensityError, match="pixels"):
        Image.read(tmp_path / "bomb.png")


def test_image_needs_a_plane():
    with pytest.raises(DensityError, match="axes"):
        sample(Image(np.ones((2, 2))), Grid((0.0,), (1.0,), (4,)))


@pytest.mark.parametrize("bits", [8, 16])
def test_a_grey_that_stands_for_transparent_has_no_mass(tmp_path, bits):
    grey = np.array([[0, 0], [100, 200]], np.uint8 if bits == 8 else np.uint16)
    Pillow.fromarray(grey).save(tmp_path / "grey.png", transparency=0)
    weights = Image.read(tmp_path / "grey.png", "dark").values
    assert not weights[1].any()
    np.testing.assert_allclose(weights[0], 1.0 - grey[1] / (2.0**bits - 1.0))

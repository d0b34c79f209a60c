"""Pictures of every make, and pictures that unpack to far more than they weigh."""

import io
import resource
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow

from mfgprox.density import DensityError, Image, image
from mfgprox.density.files import MAX_NUMBERS
from mfgprox.grid import Grid

PLANE = Grid((0.0, 0.0), (1.0, 1.0), (6, 4))
GREY = np.arange(24, dtype="u1").reshape(4, 6) * 10
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(
    width: int, height: int, depth: int, kind: int, rows: bytes, interlaced: bool = False
) -> bytes:
    """A PNG of that colour type from its filtered rows."""
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    palette = chunk(b"PLTE", bytes(range(256)) * 3) if kind == 3 else b""
    parts = [chunk(b"IHDR", head), palette, chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def blank(width: int, height: int, depth: int, kind: int) -> bytes:
    """A picture of one colour, a thousandth of its pixels in bytes."""
    row = b"\0" + b"\x40" * ((width * depth * CHANNELS[kind] + 7) // 8)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return png(width, height, depth, kind, rows)


def test_interlaced(tmp_path):
    rows = b""
    for x, y, dx, dy in ADAM7:
        part = GREY[y::dy, x::dx]
        rows += b"".join(b"\0" + row.tobytes() for row in part if row.size)
    (tmp_path / "a.png").write_bytes(png(6, 4, 8, 0, zlib.compress(rows), True))
    assert np.array_equal(Image.read(tmp_path / "a.png", "light").values, GREY[::-1] / 255)


def test_first_picture_of_an_animation(tmp_path):
    first, second = Pillow.fromarray(GREY), Pillow.fromarray(255 - GREY)
    for name in ("a.png", "a.gif", "a.tiff", "a.webp"):
        options = {"lossless": True} if name == "a.webp" else {}
        first.save(tmp_path / name, save_all=True, append_images=[second], **options)
        found = Image.read(tmp_path / name, "light").values
        assert found == pytest.approx(GREY[::-1] / 255, abs=1e-12), name


def test_depths_and_colours(tmp_path):
    def light(picture, name="a.png", **options):
        picture.save(tmp_path / name, **options)
        return Image.read(tmp_path / name, "light").values[::-1]

    deep = GREY.astype("u2") * 257
    grey = Pillow.fromarray(GREY)
    assert light(Pillow.fromarray(deep)) == pytest.approx(GREY / 255, abs=1e-12)
    assert light(grey.convert("RGB")) == pytest.approx(GREY / 255, abs=1e-12)
    assert light(grey.convert("P")) == pytest.approx(GREY / 255, abs=1e-12)
    assert light(grey.convert("P"), transparency=3)[GREY != 30] == pytest.approx(
        GREY[GREY != 30] / 255, abs=1e-12
    )
    clear = np.stack([GREY, GREY, GREY, 255 - GREY], axis=-1)
    assert light(Pillow.fromarray(clear)) == pytest.approx(GREY / 255 * (1 - GREY / 255), abs=1e-12)
    for name in ("a.jpg", "a.tif"):
        options = {"quality": 100} if name == "a.jpg" else {}
        ink = light(grey.convert("CMYK"), name, **options)
        assert ink == pytest.approx(GREY / 255, abs=0.02), name


@pytest.mark.parametrize(
    "mode",
    ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "I;16", "F"],
)
def test_strips_change_nothing(mode, monkeypatch):
    grey = Pillow.fromarray(GREY)
    picture = (
        grey.convert("I").convert(mode)
        if mode == "I;16"
        else grey.convert("RGB").convert("LAB")
        if mode == "LAB"
        else grey.convert(mode)
    )
    if mode in ("L", "P", "RGB", "I;16"):
        picture.info["transparency"] = (30, 30, 30) if mode == "RGB" else 30
    whole = image._weights(picture, "dark")
    monkeypatch.setattr(image, "STRIP", 7)
    assert np.array_equal(image._weights(picture, "dark"), whole)


def test_a_picture_cut_off_anywhere_is_refused_or_whole(tmp_path):
    file = io.BytesIO()
    Pillow.fromarray(GREY).convert("RGBA").save(file, "PNG")
    content, refused = file.getvalue(), 0
    Pillow.fromarray(GREY).convert("RGBA").save(tmp_path / "whole.png")
    whole = Image.read(tmp_path / "whole.png").values
    for size in range(len(content)):
        (tmp_path / "a.png").write_bytes(content[:size])
        try:
            assert np.array_equal(Image.read(tmp_path / "a.png").values, whole)
        except DensityError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > len(content) - 30  # what comes after the pixels may be missing


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(made) (w) file\n"


@pytest.mark.parametrize("content", [POSTSCRIPT, b"8BPS\0\1" + bytes(30), b"%PDF-1.4\n", b"<svg/>"])
def test_formats_that_start_programs_are_not_tried(content, tmp_path):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DensityError, match="none of PNG, JPEG"):
        Image.read(tmp_path / "a.png")


PEAK = """
import resource, sys
from mfgprox.density import Image
from mfgprox.grid import Grid
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
Image.read(sys.argv[1]).log_density(Grid((0.0, 0.0), (1.0, 1.0), (64, 64)))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def bytes_per_pixel(path, pixels: int) -> float:
    """Of the largest memory while a picture becomes a density, beside the interpreter."""
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return int(done.stdout) * 1024 / pixels


@pytest.mark.parametrize("size", [MAX_NUMBERS + 1, 10**8, 178_000_000, 10**9])
def test_too_many_pixels_are_refused_before_they_are_unpacked(size, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (tmp_path / "a.png").write_bytes(png(size // 10_000 + 1, 10_000, 8, 6, zlib.compress(b"")))
    with pytest.raises(DensityError, match="pixels"):
        Image.read(tmp_path / "a.png")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


@pytest.mark.compiled
def test_memory_of_a_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(blank(2000, 1500, 8, 6))
    fixed = 60e6  # a strip of pixels as numbers, libraries
    assert bytes_per_pixel(tmp_path / "a.png", 3_000_000) < 14.5 + fixed / 3_000_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("depth", "kind"), [(1, 0), (8, 0), (16, 0), (8, 2), (16, 2), (8, 3), (8, 4), (8, 6), (16, 6)]
)
def test_memory_of_the_largest_picture(depth, kind, tmp_path):
    (tmp_path / "a.png").write_bytes(blank(5000, 10_000, depth, kind))
    found = bytes_per_pixel(tmp_path / "a.png", 50_000_000)
    print(f"{depth} bits, colour type {kind}: {found:.1f} bytes per pixel")
    assert found < 14.5  # 8 of numbers, 1 to 4 of Pillow, a byte or two to look for bad numbers

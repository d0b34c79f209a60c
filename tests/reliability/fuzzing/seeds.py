"""Small sound files of every kind, from which fuzzing begins."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from gaussian_solutions import gaussian_solution
from PIL import Image as Pillow

from mfgprox import hdf5
from mfgprox.case import read_case, shipped
from mfgprox.storage import save

NUMBERS = np.array([0.5, 0.25, 0.0, 3.0])
FORMULAS = (
    "exp(-(x - 0.3)**2 / 0.1) + 2*exp(-x*x) + 1e-3",
    "where(-1 <= x < 0.2, 1, 2.5) * maximum(z, 1.0) + minimum(y, 0)",
    "sqrt(abs(x)) + tanh(log(z + 3)) + e**-x + pi + sin(x)*cos(y)*tan(z)",
)
TABLES = (
    "x,y\n0.5,0.25\n1e-3,-2\n",
    "\ufeff# two\n0.5\t1\n\n0.25\t0 # one\r\n",
    '"0.5";"1"\n"2";"3"\n',
    "0.5\n.25\n+1E0\n",
)
MODES = ("1", "L", "P", "RGB", "RGBA", "LA", "I;16", "CMYK")
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")


def pictures() -> Iterator[bytes]:
    """Every format in every mode that it knows, and an animation with a transparent colour."""
    grey = Pillow.fromarray(np.arange(12, dtype="u1").reshape(4, 3) * 20)
    for mode in MODES:
        picture = grey.convert("I").convert(mode) if mode == "I;16" else grey.convert(mode)
        for name in FORMATS:
            file = io.BytesIO()
            try:
                picture.save(file, name)
            except (OSError, ValueError):
                continue  # this format does not know that mode
            yield file.getvalue()
    file = io.BytesIO()
    grey.convert("P").save(file, "PNG", save_all=True, append_images=[grey], transparency=3)
    yield file.getvalue()


def arrays() -> Iterator[np.ndarray]:
    yield NUMBERS
    yield NUMBERS.astype(">f4")[:, None]
    yield np.array([1, 2, 3, 4], "u1")
    yield np.asfortranarray(NUMBERS.reshape(2, 2))


def seeds(target: str, folder: Path) -> Iterator[bytes]:
    """Contents for a target of `targets`; `folder` may be written in."""
    match target:
        case "case":
            yield from (read_case(name).text.encode() for name in shipped.names())
        case "formula":
            yield from (text.encode() for text in FORMULAS)
        case "image":
            yield from pictures()
        case "points":
            yield from (text.encode() for text in TABLES)
        case "npy" | "npz":
            yield from map(_saved if target == "npy" else _archived, arrays())
        case "hdf5":
            yield hdf5.image(_plain)
            yield hdf5.image(_chunked)
        case "result":
            path = save(gaussian_solution((3,), 1), folder / "seed.h5")
            yield path.read_bytes()


def _saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _archived(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, array)
    return file.getvalue()


def _plain(file: h5py.File) -> None:
    file["a"] = NUMBERS


def _chunked(file: h5py.File) -> None:
    file.create_dataset("a", data=NUMBERS, chunks=(2,), compression="gzip", fletcher32=True)
    file.create_group("b")["c"] = NUMBERS

"""What is fuzzed: each target reads any bytes as a file of one kind, or refuses them in a line.

A target is called with the content and an empty folder. It returns whether the content was
accepted, and raises for whatever must not happen: another exception than the documented one, a
message of several lines, a value that is not finite, too much time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from case_mutations import answered

from mfgprox.case import read_case
from mfgprox.density import ArrayDensity, Density, DensityError, Expression, Image, Samples
from mfgprox.grid import Grid
from mfgprox.info import describe
from mfgprox.storage import StorageError, load

LINE = Grid((0.0,), (1.0,), (4,))
PLANE = Grid((0.0, -1.0), (1.0, 1.0), (4, 3))
SPACE = Grid((-1.0, 0.5, 1.0), (1.0, 2.0, 3.0), (3, 2, 2))
SECONDS = 2.0
"""Of processor time for one input, traced; without a tracer they take milliseconds."""


def _density(read: Callable[[], Density], grid: Grid) -> bool:
    """Whether a density could be read; it has values on the grid or says why not."""
    began = time.process_time()
    try:
        log_values = read().log_density(grid)
    except DensityError as error:
        message = str(error)
        assert message and len(message) < 700 and "\n" not in message, ascii(message)
        return False
    finally:
        assert time.process_time() - began < SECONDS
    assert log_values.shape == grid.shape
    assert not np.isnan(log_values).any() and not np.isposinf(log_values).any()
    return True


def _written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def case(content: bytes, folder: Path) -> bool:
    path = _written(folder, "a.toml", content)
    return not isinstance(answered(lambda: read_case(path), str(path), SECONDS)[0], str)


def formula(content: bytes, folder: Path) -> bool:
    text = content.decode("utf-8", "surrogateescape")
    found = [_density(lambda: Expression(text), grid) for grid in (LINE, SPACE)]
    return any(found)


def image(content: bytes, folder: Path) -> bool:
    path = _written(folder, "a.png", content)
    return _density(lambda: Image.read(path), PLANE)


def points(content: bytes, folder: Path) -> bool:
    """Text."""
    path = _written(folder, "a.csv", content)
    found = [_density(lambda n=n: Samples.read(path, n), g) for n, g in ((1, LINE), (2, PLANE))]
    return any(found)


def npy(content: bytes, folder: Path) -> bool:
    """As an array, and as points."""
    path = _written(folder, "a.npy", content)
    first = _density(lambda: ArrayDensity.read(path, LINE), LINE)
    return _density(lambda: Samples.read(path, 1), LINE) or first


def npz(content: bytes, folder: Path) -> bool:
    path = _written(folder, "a.npz", content)
    return _density(lambda: ArrayDensity.read(path, LINE), LINE)


def hdf5(content: bytes, folder: Path) -> bool:
    path = _written(folder, "a.h5", content)
    return _density(lambda: ArrayDensity.read(path, LINE, "a"), LINE)


def result(content: bytes, folder: Path) -> bool:
    path = _written(folder, "a.h5", content)
    began = time.process_time()
    try:
        describe(path)
        solution = load(path)
    except StorageError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error), ascii(error)
        return False
    finally:
        assert time.process_time() - began < SECONDS
    assert np.isfinite(solution.rho).all()
    return True


TARGETS: dict[str, Callable[[bytes, Path], bool]] = {
    f.__name__: f for f in (case, formula, image, points, npy, npz, hdf5, result)
}

"""Settings of a density → the density, with the faults of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfgprox.case import schema
from mfgprox.case.errors import Path as Place

if TYPE_CHECKING:
    from mfgprox.density import Density
    from mfgprox.grid import Grid


def density(settings: Any, base: Path, grid: Grid) -> Density:
    """The density that a table of a case describes; files are relative to `base`.

    Raises DensityError for what cannot be read or is no density.
    """
    from mfgprox import density as kinds

    match settings:
        case schema.GaussianSettings():
            return kinds.Gaussian(settings.mean, settings.std, settings.cov)
        case schema.MixtureSettings():
            weights = settings.weights or [1.0] * len(settings.components)
            return kinds.Mixture(weights, [density(c, base, grid) for c in settings.components])
        case schema.UniformSettings():
            return kinds.Uniform(settings.lower, settings.upper)
        case schema.RingSettings():
            return kinds.Ring(settings.center, settings.inner, settings.outer)
        case schema.ExpressionSettings():
            return kinds.Expression(settings.formula)
        case schema.ImageSettings():
            return kinds.Image.read(base / settings.file, settings.mass)
        case schema.ArraySettings():
            return kinds.ArrayDensity.read(base / settings.file, grid, settings.dataset)
        case schema.SamplesSettings():
            return kinds.Samples.read(base / settings.file, grid.dimension, settings.bandwidth)
    raise TypeError(f"no density is made from {type(settings).__name__}")


def files(settings: schema.CaseSettings) -> Iterator[tuple[Place, str]]:
    """The files that the densities name, with the place of each in the case."""
    for name in ("P", "Q"):
        yield from _files(getattr(settings, name), (name,))


def _files(settings: Any, path: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(settings, schema.MixtureSettings):
        for i, component in enumerate(settings.components):
            yield from _files(component, (*path, "components", i))
    elif hasattr(settings, "file"):
        yield (*path, "file"), settings.file


def sha256(path: Path) -> str:
    """Of a file's bytes. Raises OSError, and DensityError for what is no file and may not end."""
    from mfgprox.density.files import regular_file

    with regular_file(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Pictures as densities: upright, by luminance and opacity, averaged over the cells."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from mfgprox.density.base import DensityError, logarithm, require_dimension
from mfgprox.density.data import averaged
from mfgprox.density.files import MAX_NUMBERS, regular_file
from mfgprox.grid import Grid

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
"""What is tried on a file. Pillow knows forty more, and some of them start other programs."""
STRIP = 2**20
"""Pixels that become numbers at a time."""
LUMINANCE = (299, 587, 114)  # thousandths, ITU-R BT.601; whole, so that white is exactly 1


class Image:
    """A picture that fills the box; its first row lies at the largest y.

    weights: the mass of each pixel, 0 to 1, (rows, columns), first row on top.
    Raises DensityError for weights without mass.
    """

    smooth = False

    def __init__(self, weights: np.ndarray) -> None:
        weights = np.asarray(weights, float)
        if weights.ndim != 2 or not np.all(np.isfinite(weights)) or np.any(weights < 0.0):
            raise DensityError("an image needs a table of finite weights, at least 0")
        if not weights.any():
            raise DensityError("the image has no mass: no pixel has any weight (see the key mass)")
        self.values = weights[::-1]

    @classmethod
    def read(cls, path: str | Path, mass: str = "dark") -> Image:
        """mass = "dark": black weighs 1 and white 0; "light": the reverse; opacity multiplies.

        Of an animation the first picture. Memory: 10 to 14 bytes per pixel.
        Raises DensityError for what is no readable image in one of FORMATS, or too large.
        """
        from PIL import Image as Pillow
        from PIL import ImageOps

        path = regular_file(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Pillow.open(path, formats=FORMATS) as picture:
                    if picture.width * picture.height > MAX_NUMBERS:
                        raise DensityError(
                            f"the image has {picture.width} × {picture.height} pixels, more than "
                            f"{MAX_NUMBERS:,}; make it smaller"
                        )
                    # Cameras store a picture as it was held and say how to turn it upright.
                    ImageOps.exif_transpose(picture, in_place=True)
                    weights = _weights(picture, mass)
        except DensityError:
            raise
        except Exception as error:  # image decoders raise nearly anything on broken files
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            if reason.startswith("cannot identify"):
                reason = f"it is none of {', '.join(FORMATS)}"
            raise DensityError(f"the file cannot be read as an image: {reason[:200]}") from None
        return cls(weights)

    def log_density(self, grid: Grid) -> np.ndarray:
        require_dimension(2, grid)
        nx, ny = grid.cells
        return logarithm(averaged(averaged(self.values, 1, nx), 0, ny))

    def cut_off(self, grid: Grid) -> float:
        return 0.0


def _weights(picture: Any, mass: str) -> np.ndarray:
    """The mass of each pixel, in strips of rows: on its way to one number it takes 80 bytes."""
    weights = np.empty((picture.height, picture.width))
    rows = max(1, STRIP // picture.width)
    for top in range(0, picture.height, rows):
        bottom = min(top + rows, picture.height)
        luminance, opacity = _channels(picture.crop((0, top, picture.width, bottom)))
        weights[top:bottom] = (luminance if mass == "light" else 1.0 - luminance) * opacity
    return weights


def _channels(picture: Any) -> tuple[np.ndarray, np.ndarray]:
    """Luminance and opacity, both 0 to 1, of a Pillow image of any mode."""
    mode = picture.mode
    if mode.startswith("I") or mode == "F":
        grey = np.asarray(picture, float)
        top = 1.0 if mode == "F" else 65535.0
        # A grey picture of 16 bits may name one grey as transparent.
        clear = picture.info.get("transparency")
        opaque = np.ones(grey.shape) if clear is None else np.where(grey == clear, 0.0, 1.0)
        return np.clip(grey / top, 0.0, 1.0), opaque
    rgba = np.asarray(picture.convert("RGBA")).astype(float)
    luminance = sum(w * rgba[..., i] for i, w in enumerate(LUMINANCE)) / (255.0 * sum(LUMINANCE))
    return np.asarray(luminance), rgba[..., 3] / 255.0

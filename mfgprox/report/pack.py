"""Arrays as text in a page: eight bits a value where they are only looked at, deflated, base64.

Bytes are stored as differences along x, which smooth fields deflate best.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

HIDDEN = 255
"""The byte of a value that is not shown."""
STEPS = 254


def as_bytes(
    values: np.ndarray, low: float, high: float, shown: np.ndarray | None = None
) -> dict[str, Any]:
    """Values between low and high in 255 steps; hidden where they are not finite or not shown."""
    kept = np.isfinite(values) if shown is None else np.isfinite(values) & shown
    scale = STEPS / (high - low) if high > low else 0.0
    steps = np.rint((np.where(kept, values, low) - low) * scale).clip(0, STEPS).astype(np.uint8)
    steps[~kept] = HIDDEN
    differences = steps.copy()
    differences[..., 1:] -= steps[..., :-1]
    packed = _packed(differences.tobytes())
    return {"type": "u1", "shape": values.shape, "low": low, "high": high, "data": packed}


def as_floats(values: np.ndarray) -> dict[str, Any]:
    """Values in single precision, little endian; what is not finite becomes nan."""
    singles = np.where(np.isfinite(values), values, np.nan).astype("<f4")
    return {"type": "f4", "shape": values.shape, "data": _packed(singles.tobytes())}


def as_colors(table: np.ndarray) -> str:
    """A colour map, (n, 3 or more) from 0 to 1, as hexadecimal digits, six for each colour."""
    return np.rint(table[:, :3] * 255.0).astype(np.uint8).tobytes().hex()


def _packed(raw: bytes) -> str:
    return base64.b64encode(zlib.compress(raw, 6)).decode()

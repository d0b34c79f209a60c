"""Where the shipped cases lie: beside the package in a checkout, inside it once installed."""

from __future__ import annotations

from pathlib import Path

import mfgprox


def directory() -> Path | None:
    """The directory of the shipped cases, or None if this installation has none."""
    package = Path(mfgprox.__file__).resolve().parent
    for candidate in (package.parent / "cases", package / "cases"):
        if (candidate / "gaussian_1d.toml").is_file():
            return candidate
    return None


def names() -> list[str]:
    """Names of the shipped cases, without .toml."""
    root = directory()
    return sorted(path.stem for path in root.glob("*.toml")) if root else []


def find(name: str) -> Path | None:
    """The file of a shipped case, named with or without .toml."""
    root = directory()
    stem = name.removesuffix(".toml")
    return root / f"{stem}.toml" if root and stem in names() else None

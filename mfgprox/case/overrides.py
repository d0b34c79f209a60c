"""`epsilon=0.5`, `grid.cells=[64, 64]`, `P.mean=[0.1]`: changes to a case from outside its file."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterable
from typing import Any

from mfgprox.case.errors import CaseError, Path, shortened
from mfgprox.case.toml import MAX_BYTES, MAX_DOTS

_KEY = re.compile(r"\s*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\s*=(.*)", re.DOTALL)


def apply(data: dict[str, Any], overrides: Iterable[str]) -> tuple[dict[str, Any], dict[Path, str]]:
    """The data with the overrides in it, and which override set which path.

    Raises CaseError naming the override that is not KEY=VALUE or does not fit.
    """
    overrides = list(overrides)
    data = copy.deepcopy(data) if overrides else data
    sources: dict[Path, str] = {}
    for text in overrides:
        match = _KEY.fullmatch(text)
        if match is None or match[1].count(".") > MAX_DOTS or len(text) > MAX_BYTES:
            raise CaseError(f"--set {shortened(text)}: must be KEY=VALUE, as in epsilon=0.5")
        path = _insert(data, match[1].split("."), value_of(match[2].strip()), text)
        sources[path] = text
    return data, sources


def value_of(text: str) -> Any:
    """A TOML value; what is not one is taken as a string, so that quotes may be left out."""
    try:
        table = tomllib.loads(f"v = {text}")
    except (ValueError, RecursionError):
        return text
    return table["v"] if list(table) == ["v"] else text


def _insert(data: dict[str, Any], keys: list[str], value: Any, override: str) -> Path:
    node: Any = data
    path: list[str | int] = []
    for depth, key in enumerate(keys):
        place: str | int = key
        if isinstance(node, list):
            if not key.isdigit() or int(key) >= len(node):
                raise _does_not_fit(override, keys[:depth], f"a list of {len(node)} entries")
            place = int(key)
        elif not isinstance(node, dict):
            raise _does_not_fit(override, keys[:depth], "a single value, not a table")
        path.append(place)
        if depth == len(keys) - 1:
            node[place] = value
        elif isinstance(node, dict):
            if key == "f_divergence" and isinstance(node.get(key), str):
                node[key] = {"kind": node[key]}
            node = node.setdefault(key, {})
        else:
            node = node[place]
    return tuple(path)


def _does_not_fit(override: str, keys: list[str], what: str) -> CaseError:
    return CaseError(f"--set {shortened(override)}: {'.'.join(keys)} is {what}")

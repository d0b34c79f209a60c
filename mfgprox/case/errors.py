"""What is wrong with a case: one line for each fault, ready to print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MAX_SHOWN = 80
MAX_NAME = 400
Path = tuple[str | int, ...]
"""Where a value sits in a case: keys, and places in lists."""


class CaseError(ValueError):
    """A case that cannot be run. str() is the message to print: one line for each fault."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where, and what is accepted there."""

    path: Path
    message: str


def dotted(path: Path) -> str:
    """A path as the user writes it: Q.components[1].std."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return shortened(text)


def shortened(text: str) -> str:
    """Printable, on one line, and not longer than a line."""
    text = _printable(text)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def file_name(path: object) -> str:
    """A path, printable and on one line; of one that is very long the end."""
    text = _printable(str(path))
    return text if len(text) <= MAX_NAME else "…" + text[1 - MAX_NAME :]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text)


def shown(value: Any) -> str:
    """A value as TOML would have it, shortened."""
    return shortened(_shown(value, 0))


def _shown(value: Any, depth: int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, str):
        return f'"{value[: 2 * MAX_SHOWN]}"'
    if depth > 4 and isinstance(value, list | dict):
        return "…"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(v, depth + 1) for v in value[:20]) + "]"
    if isinstance(value, dict):
        pairs = list(value.items())[:20]
        return "{" + ", ".join(f"{k} = {_shown(v, depth + 1)}" for k, v in pairs) + "}"
    return str(value)

"""TOML text to data and back, safe against hostile text."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from mfgprox.case.errors import CaseError, shortened

MAX_BYTES = 64 * 1024
MAX_DOTS = 32
MOST_DOTS = 1000
"""Dots of all keys that have more than one; the keys of a case have not a dozen."""

# A quote that is never closed ends with its line, or the text: tried again from each of what it
# holds, hostile texts would take seconds.
_PART = re.compile(r'[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\[^\n])*+"?|\'[^\'\n]*+\'?')
_WORDS = re.compile(
    r'#[^\n]*+|"""(?:[^"\\]|\\.|"(?!""))*+(?:"{3,5}|\Z)|\'\'\'(?:[^\']|\'(?!\'\'))*+(?:\'{3,5}|\Z)'
    rf"|(?:{_PART.pattern})(?P<more>(?:[ \t]*+\.[ \t]*+(?:{_PART.pattern}))*+)",
    re.DOTALL,
)
_BARE = re.compile(r"[A-Za-z0-9_-]++")


def parse(text: str, name: str) -> dict[str, Any]:
    """The data of a TOML text. Raises CaseError, naming `name` and the line, if it is not TOML."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise CaseError(f"{name}: a case file holds at most {MAX_BYTES // 1024} KiB")
    _refuse_many_dots(text, name)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise CaseError(f"{name}: arrays or tables are nested too deep") from None
    except ValueError as error:  # TOMLDecodeError is one; int() and float() raise others
        message = str(error)
        at = re.search(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$", message)
        line = int(at[1]) if at and at[1] else text.count("\n") + 1 if at else 0
        reason = shortened(message[: at.start()] if at else message)
        where = f"{name}:{line}" if line else name
        quoted = text.splitlines()[line - 1 : line] if line else []
        source = f", near: {shortened(quoted[0].strip())}" if quoted and quoted[0].strip() else ""
        hint = _hint(quoted[0]) if quoted else ""
        raise CaseError(f"{where}: not valid TOML: {reason}{source}{hint}") from None


def _refuse_many_dots(text: str, name: str) -> None:
    """Before the parser sees them, which takes the square of the dots of each key."""
    dots = 0
    for match in _WORDS.finditer(text):
        more = match["more"]
        if not more or more.count(".") < 2:  # a number, or a key of two names
            continue
        here = sum(1 for _ in _PART.finditer(more))
        dots += here if here > 1 else 0
        if here <= MAX_DOTS and dots <= MOST_DOTS:
            continue
        line = text.count("\n", 0, match.start()) + 1
        if here > MAX_DOTS:
            raise CaseError(f"{name}:{line}: a key has at most {MAX_DOTS} dots")
        raise CaseError(f"{name}:{line}: keys of several dots have at most {MOST_DOTS} in all")


def _hint(line: str) -> str:
    """What was probably meant by a line that is not TOML."""
    if re.match(r"\s*[\w.-]+\s*=\s*[+-]?\d+,\d+\s*(#|$)", line):
        return "; a decimal has a point: 0.5"
    if re.match(r"\s*[\w.-]+\s*=\s*[A-Za-z./~]", line):
        return '; text stands in quotes: title = "…"'
    if re.match(r"\s*[\w.-]+\s*:", line):
        return "; a key and its value are joined by =: epsilon = 2.0"
    return ""


def dump(data: dict[str, Any]) -> str:
    """TOML text of tables of scalars, arrays and tables; `parse` gives the same data back."""
    top = [f"{_key(k)} = {in_toml(v)}" for k, v in data.items() if not isinstance(v, dict)]
    tables = [(k, v) for k, v in data.items() if isinstance(v, dict)]
    blocks = ["\n".join(top)] if top else []
    for key, table in tables:
        body = [f"{_key(k)} = {in_toml(v)}" for k, v in table.items()]
        blocks.append("\n".join([f"[{_key(key)}]", *body]))
    return "\n\n".join(blocks) + "\n"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    # JSON strings are TOML basic strings but for surrogate pairs and the delete character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def in_toml(value: Any) -> str:
    """One value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(in_toml(v) for v in value) + "]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{_key(k)} = {in_toml(v)}" for k, v in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, int) and value.bit_length() > 200:
        return hex(value)  # Python limits the digits of decimal numbers
    return str(value)

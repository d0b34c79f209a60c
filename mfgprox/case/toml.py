"""TOML text to data and back, with the line of every value, and safe against hostile text."""

from __future__ import annotations

import contextlib
import json
import re
import tomllib
from typing import Any

from mfgprox.case.errors import CaseError, Path, shortened

MAX_BYTES = 64 * 1024
MAX_DOTS = 32
MAX_BRACKETS = 64

_PART = r'(?:[A-Za-z0-9_-]++|"[^"\n]*+"|\'[^\'\n]*+\')'
_MANY_DOTS = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{MAX_DOTS + 1}}}")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+"{3,5}|\'\'\'(?:[^\']|\'(?!\'\'))*+\'{3,5}'
    r'|"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'',
    re.DOTALL,
)
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*+")
_SCALAR = re.compile(r"[^,\]}\n#]*+")
_BARE = re.compile(r"[A-Za-z0-9_-]++")


def parse(text: str, name: str) -> dict[str, Any]:
    """The data of a TOML text. Raises CaseError, naming `name` and the line, if it is not TOML."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise CaseError(f"{name}: a case file holds at most {MAX_BYTES // 1024} KiB")
    many = _MANY_DOTS.search(text)
    if many:
        line = text.count("\n", 0, many.start()) + 1
        raise CaseError(f"{name}:{line}: a key has at most {MAX_DOTS} dots")
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


def _hint(line: str) -> str:
    """What was probably meant by a line that is not TOML."""
    if re.match(r"\s*[\w.-]+\s*=\s*[+-]?\d+,\d+\s*(#|$)", line):
        return "; a decimal has a point: 0.5"
    if re.match(r"\s*[\w.-]+\s*=\s*[A-Za-z./~]", line):
        return '; text stands in quotes: title = "…"'
    if re.match(r"\s*[\w.-]+\s*:", line):
        return "; a key and its value are joined by =: epsilon = 2.0"
    return ""


def lines(text: str) -> dict[Path, int]:
    """The line on which each value of a valid TOML text begins, counted from 1."""
    scanner = _Scanner(text)
    # A missing line number must never hide the fault that it belongs to.
    with contextlib.suppress(IndexError, ValueError, RecursionError):
        scanner.document()
    return scanner.lines


class _Scanner:
    """Finds where values begin; relies on the text being valid."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._line, self._counted = 1, 0
        self._tables: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        self.space()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.space()

    def header(self) -> Path:
        start = self.at
        double = self.text.startswith("[[", self.at)
        self.at += 2 if double else 1
        path = self.resolve(self.key())
        if double:
            self._tables[path] = count = self._tables.get(path, -1) + 1
            self.mark(path, start)
            path = (*path, count)
        self.mark(path, start)
        self.at += 2 if double else 1
        return path

    def resolve(self, key: Path) -> Path:
        """[[a]] then [a.b] is a table of the last element of a."""
        path: Path = ()
        for i, part in enumerate(key):
            path = (*path, part)
            if path in self._tables and i < len(key) - 1:
                path = (*path, self._tables[path])
        return path

    def pair(self, table: Path) -> None:
        start = self.at
        path = (*table, *self.key())
        for n in range(len(table) + 1, len(path) + 1):
            self.mark(path[:n], start)
        self.at = self.text.index("=", self.at) + 1
        self.value(path)

    def key(self) -> Path:
        parts: list[str | int] = []
        while True:
            self.blank()
            string = _STRING.match(self.text, self.at)
            if string:
                parts.append(next(iter(tomllib.loads(string[0] + "=0"))))
            else:
                string = _BARE.match(self.text, self.at)
                if string is None:
                    raise IndexError
                parts.append(string[0])
            self.at = string.end()
            self.blank()
            if self.text[self.at] != ".":
                return tuple(parts)
            self.at += 1

    def value(self, path: Path) -> None:
        self.blank()
        self.mark(path, self.at)
        first = self.text[self.at]
        if first == "[":
            self.sequence("]", lambda i: self.value((*path, i)))
        elif first == "{":
            self.sequence("}", lambda i: self.pair(path))
        else:
            match = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            assert match is not None
            self.at = match.end()

    def sequence(self, close: str, element: Any) -> None:
        self.at += 1
        index = 0
        while True:
            self.space()
            if self.text[self.at] == close:
                break
            element(index)
            index += 1
            self.space()
            if self.text[self.at] == ",":
                self.at += 1
        self.at += 1

    def mark(self, path: Path, at: int) -> None:
        if at >= self._counted:
            self._line += self.text.count("\n", self._counted, at)
            self._counted = at
        self.lines.setdefault(path, self._line)

    def space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def blank(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1


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

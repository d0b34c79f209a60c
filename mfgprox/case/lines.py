"""The line of every value of a TOML text, which the standard parser does not tell."""

from __future__ import annotations

import contextlib
import re
import tomllib
from typing import Any

from mfgprox.case.errors import Path

DEEPEST = 8
"""Keys below that many others are found at the line of those; no key of a case is so deep."""
LONG = 256
"""Characters of an array on one line above which its elements are found at that line."""

_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+"{3,5}|\'\'\'(?:[^\']|\'(?!\'\'))*+\'{3,5}'
    r'|"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'',
    re.DOTALL,
)
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*+")
_BLANK = re.compile(r"[ \t]*+")
_SCALAR = re.compile(r"[^,\]}\n#]*+")
_PLAIN = re.compile(r"[^\"'#{}\n]*+")
_BRACKET = re.compile(r"[\[\]]")
_BARE = re.compile(r"[A-Za-z0-9_-]++")


def lines_of(text: str) -> dict[Path, int]:
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
        for n in range(len(table) + 1, min(len(path), DEEPEST) + 1):
            self.mark(path[:n], start)
        self.at = self.text.index("=", self.at) + 1
        self.value(path)

    def key(self) -> Path:
        parts: list[str | int] = []
        while True:
            self.blank()
            string = _STRING.match(self.text, self.at)
            if string:
                parts.append(_name(string[0]))
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
            end = self.end_of_plain()
            if end > self.at + LONG:
                self.at = end
            else:
                self.sequence("]", lambda i: self.value((*path, i)))
        elif first == "{":
            self.sequence("}", lambda i: self.pair(path))
        else:
            match = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            assert match is not None
            self.at = match.end()

    def end_of_plain(self) -> int:
        """Where an array ends that is all on one line, without texts and tables; 0 for others. What
        it holds has the line of the array, and need not be looked at."""
        match = _PLAIN.match(self.text, self.at)
        assert match is not None
        depth = 0
        for bracket in _BRACKET.finditer(self.text, self.at, match.end()):
            depth += 1 if bracket[0] == "[" else -1
            if depth == 0:
                return bracket.end()
        return 0

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
        if len(path) > DEEPEST:
            return
        if at >= self._counted:
            self._line += self.text.count("\n", self._counted, at)
            self._counted = at
        self.lines.setdefault(path, self._line)

    def space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        assert match is not None
        self.at = match.end()


def _name(quoted: str) -> str:
    """The key that is meant by one in quotes."""
    if quoted[0] == "'" or "\\" not in quoted:
        return quoted[1:-1]
    return next(iter(tomllib.loads(quoted + "=0")))

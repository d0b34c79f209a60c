"""From a fault to the line that a user reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mfgprox.case.errors import CaseError, Fault, Path, dotted, shortened, shown
from mfgprox.case.lines import lines_of
from mfgprox.case.validate import value_at


@dataclass(frozen=True)
class Locator:
    """Names the file, the line, the key and the value of what is wrong."""

    name: str
    data: dict[str, Any]
    text: str
    overrides: dict[Path, str] = field(default_factory=dict)

    @cached_property
    def lines(self) -> dict[Path, int]:
        """Found when there is something to say about one."""
        return lines_of(self.text)

    def message(self, fault: Fault) -> str:
        """cases/a.toml:3: epsilon = -1.0: must be a finite number above 0"""
        try:
            value = f"{dotted(fault.path)} = {shown(value_at(self.data, fault.path))}"
        except (KeyError, IndexError, TypeError):
            value = dotted(fault.path)
        return f"{self._where(fault.path)}: {value}: {fault.message}"

    def _where(self, path: Path) -> str:
        for n in range(len(path), 0, -1):
            if path[:n] in self.overrides:
                return f"--set {shortened(self.overrides[path[:n]])}"
        for n in range(len(path), 0, -1):
            if path[:n] in self.lines:
                return f"{self.name}:{self.lines[path[:n]]}"
        below = [text for place, text in self.overrides.items() if path and place[0] == path[0]]
        return f"--set {shortened(below[0])}" if below else self.name

    def error(self, faults: Iterable[Fault]) -> CaseError:
        return CaseError("\n".join(self.message(fault) for fault in faults))

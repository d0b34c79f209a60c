"""The licences of everything that mfgprox needs: `python tests/reliability/licences.py [--write]`.

They are those that the installed packages state. `--write` puts the table of what an installation
without extras has between two marks of docs/install.md.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT, PAGE = ROOT / "pyproject.toml", ROOT / "docs" / "install.md"
BEGIN, END = "<!-- licences: begin -->\n", "<!-- licences: end -->\n"
PERMISSIVE = {
    "MIT", "MIT-CMU", "BSD", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache-2.0", "ISC", "PSF",
    "PSF-2.0", "Zlib", "CC0-1.0", "Apache-2.0 WITH LLVM-exception", "Unlicense",
}  # fmt: skip
OF_FILES = {"MPL-2.0"}
"""Copyleft of the licensed files alone: what imports them may have any licence."""
STATED = {
    "bsd license": "BSD", "bsd 3-clause license": "BSD-3-Clause", "mit license": "MIT",
    "apache 2.0": "Apache-2.0", "apache software license": "Apache-2.0",
    "isc license (iscl)": "ISC", "isc license": "ISC",
    "python software foundation license": "PSF", "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
}  # fmt: skip


def licence(package: Distribution) -> str:
    """As an SPDX expression where the package has one, else by its classifiers or its one line."""
    stated = package.metadata.get("License-Expression")
    if stated is None:
        classes = [
            text.rpartition(" :: ")[2]
            for text in package.metadata.get_all("Classifier") or []
            if text.startswith("License :: ") and text != "License :: OSI Approved"
        ]
        line = (package.metadata.get("License") or "").strip().partition("\n")[0]
        stated = " AND ".join(STATED.get(text.lower(), text) for text in classes or [line])
    return STATED.get(stated.lower(), stated) or "not stated"


def acceptable(expression: str) -> bool:
    """Whether every licence that applies, or one of those to choose from, is permissive."""
    allowed = PERMISSIVE | OF_FILES
    return all(
        any(one.strip(" ()") in allowed for one in choice.split(" OR "))
        for choice in re.split(r"\bAND\b", expression)
    )


def stated(extras: bool) -> list[Requirement]:
    """What pyproject.toml asks for, with or without its extras."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    lists = [
        project["dependencies"],
        *(project["optional-dependencies"].values() if extras else ()),
    ]
    return [Requirement(text) for texts in lists for text in texts]


def needed(extras: bool = False) -> dict[str, Distribution]:
    """All that these need in turn and that is installed, by name."""
    found: dict[str, Distribution] = {}
    waiting, seen = stated(extras), set()
    while waiting:
        wanted = waiting.pop()
        key = (_plain(wanted.name), tuple(sorted(wanted.extras)))
        if key in seen:
            continue
        seen.add(key)
        try:
            found[key[0]] = distribution(wanted.name)
        except PackageNotFoundError:  # of an extra that is not installed
            continue
        waiting += needs(found[key[0]], wanted.extras)
    return dict(sorted(found.items()))


def needs(package: Distribution, extras: Iterable[str] = ()) -> list[Requirement]:
    """What one package asks for on this system."""
    every = [Requirement(text) for text in package.requires or []]
    return [
        need for need in every
        if need.marker is None or any(need.marker.evaluate({"extra": e}) for e in (*extras, ""))
    ]  # fmt: skip


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def table() -> str:
    """Markdown, of an installation without extras."""
    packages = needed()
    asked = {"mfgprox": stated(False), **{name: needs(it) for name, it in packages.items()}}
    lines = ["| package | licence | needed by |", "|---|---|---|"]
    for name, package in packages.items():
        users = [user for user, its in asked.items() if name in {_plain(r.name) for r in its}]
        lines.append(f"| {name} | {licence(package)} | {', '.join(users)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    print(table(), end="")
    every = needed(extras=True)
    wrong = [f"{n}: {licence(p)}" for n, p in every.items() if not acceptable(licence(p))]
    print(f"{len(every)} packages with the extras that are installed; refused: {wrong or 'none'}")
    if "--write" in sys.argv:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(before + BEGIN + table() + END + rest.split(END)[1])
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

"""What is installed: licences, pinned versions, lowest versions, and the tables that list them."""

import re
import tomllib

import pytest
from licences import BEGIN, END, PAGE, PROJECT, ROOT, acceptable, licence, needed, table
from packaging.requirements import Requirement
from packaging.version import Version

PINNED, OLDEST = ROOT / "constraints.txt", ROOT / "constraints-oldest.txt"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def pins(path, python="3.11"):
    """Version by name for one Python."""
    lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
    found = {}
    for requirement in (Requirement(line) for line in lines if line):
        marker = requirement.marker
        if marker is None or marker.evaluate({"python_version": python}):
            (pin,) = requirement.specifier
            assert pin.operator == "==", requirement
            name = re.sub(r"[-_.]+", "-", requirement.name).lower()
            assert name not in found, f"{name} is pinned twice for {python}"
            found[name] = Version(pin.version)
    return found


def asked():
    project = tomllib.loads(PROJECT.read_text())["project"]
    return {r.name.lower(): r.specifier for r in map(Requirement, project["dependencies"])}


def test_every_licence_is_permissive():
    found = {name: licence(package) for name, package in needed(extras=True).items()}
    assert len(found) > 25
    assert not {name: text for name, text in found.items() if not acceptable(text)}


@pytest.mark.parametrize("text", ["GPL-3.0-only", "MIT AND GPL-2.0", "not stated", "Proprietary"])
def test_other_licences_are_refused(text):
    assert not acceptable(text)
    assert acceptable(f"MIT AND (BSD-3-Clause OR {text.split()[-1]})")


def test_the_table_of_licences_lists_what_is_needed():
    """Those of this system: some packages are needed on other systems only."""
    listed = set(re.findall(r"^\| ([a-z0-9-]+) \|", PAGE.read_text().split(BEGIN)[1], re.M))
    ours = set(re.findall(r"^\| ([a-z0-9-]+) \|", table(), re.M))
    assert ours <= listed
    assert END in PAGE.read_text()


def test_all_that_is_needed_is_pinned():
    pinned = pins(PINNED)
    assert set(needed()) <= set(pinned)
    assert all(specifier.contains(pinned[name]) for name, specifier in asked().items())


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lowest_versions_are_those_that_are_asked_for(python):
    lowest, specifiers = pins(OLDEST, python), asked()
    assert set(lowest) == set(specifiers)
    for name, specifier in specifiers.items():
        assert specifier.contains(lowest[name]), f"{name} {lowest[name]} is not in {specifier}"
        if python == "3.11":
            assert str(specifier) in (f">={lowest[name]}", f">={str(lowest[name])[:-2]}"), name

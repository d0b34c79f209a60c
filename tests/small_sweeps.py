"""Sweeps that take moments, and the bytes that they write."""

from pathlib import Path

import mfgprox

SMALL = ["grid.cells=[32]", "grid.time_steps=4"]
EPSILONS, PS = [0.3, 1.0, 4.0], [2.0, 3.0]


def small(name="mixtures_1d", *overrides):
    """A shipped problem on few cells."""
    return mfgprox.load_case(name, [*SMALL, *overrides])


def results(directory):
    """Every file of a sweep but pictures, to the byte."""
    return {p.name: p.read_bytes() for p in Path(directory).iterdir() if p.suffix != ".png"}


def write(swept):
    """The files of a sweep once its table is written."""
    swept.write(None)
    return results(swept.directory)

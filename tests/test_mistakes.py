"""Common mistakes: each gets one short answer that says what is wrong and what to do."""

import re
from pathlib import Path

import numpy as np
import pytest
from gaussian_solutions import gaussian_solution
from typer.testing import CliRunner

from mfgprox import cli
from mfgprox.exits import Exit

CASE = """\
epsilon = 2.0
p = 2.0
[grid]
lower = [-3.0, -3.0]
upper = [3.0, 3.0]
cells = [16, 12]
[P]
kind = "gaussian"
mean = [0.0, 0.0]
std = [0.4, 0.5]
[Q]
kind = "gaussian"
mean = [0.5, 0.5]
std = [0.5, 0.6]
"""
Q = 'kind = "gaussian"\nmean = [0.5, 0.5]\nstd = [0.5, 0.6]\n'


def density(text):
    return Q, text.replace("; ", "\n") + "\n"


IN_THE_CASE = {
    "key": (("epsilon", "epsilom"), r'm\.toml:1: .*did you mean "epsilon"'),
    "table": (("[grid]", "[gird]"), r'm\.toml:3: gird .*did you mean "grid"'),
    "key is missing": (("epsilon = 2.0\n", ""), "epsilon: is missing; the case requires epsilon"),
    "epsilon below 0": (("= 2.0\np", "= -1\np"), "epsilon = -1: must be a finite number above 0"),
    "epsilon in quotes": (("= 2.0\np", '= "2"\np'), 'epsilon = "2": must be a finite number'),
    "decimal comma": (("= 2.0\np", "= 0,5\np"), r"m\.toml:1: .*a decimal has a point: 0\.5"),
    "no quotes": (("p = 2.0", "p = 2.0\ntitle = my case"), r"m\.toml:3: .*stands in quotes"),
    "colon for =": (("p = 2.0", "p: 2.0"), r"m\.toml:2: .*joined by ="),
    "p of 1": (("p = 2.0", "p = 1"), "p = 1: must be a finite number above 1"),
    "capitals": (("p = 2.0", 'p = 2.0\nf_divergence = "KL"'), 'did you mean "kl"'),
    "number for a list": (("std = [0.4, 0.5]", "std = 0.4"), "P.std = 0.4: must be a list of one"),
    "too few axes": (("mean = [0.0, 0.0]", "mean = [0.0]"), r"P.mean .*one entry per axis.*2"),
    "not a covariance": (
        ("std = [0.4, 0.5]", "cov = [[1, 2], [2, 1]]"),
        "P.cov .*must be symmetric and positive definite",
    ),
    "no such density": (density('kind = "gausian"'), 'Q.kind .*did you mean "gaussian"'),
    "outside the box": (("mean = [0.0, 0.0]", "mean = [9, 0]"), "cuts off 100.*enlarge grid.lower"),
    "box inside out": (("lower = [-3.0", "lower = [5.0"), "must be above grid.lower"),
    "part of a cell": (("[16, 12]", "[16.5, 12]"), "one whole number per axis"),
    "too many cells": (("[16, 12]", "[90000, 90000]"), "GiB are free; take fewer cells"),
    "no such image": (density('kind = "image"; file = "no.png"'), "m.toml:13: .*does not exist"),
    "x before y": (density('kind = "array"; file = "turned.npy"'), "transpose it"),
    "negative": (density('kind = "array"; file = "negative.npy"'), "has negative values"),
    "power": (density('kind = "expression"; formula = "exp(-x^2)"'), r"powers are written \*\*"),
    "numpy": (density('kind = "expression"; formula = "np.exp(x)"'), "no prefix: exp"),
    "parenthesis": (density('kind = "expression"; formula = "exp(x"'), "never closed"),
}
ON_THE_LINE = {
    "command": ("rnu good.toml", "Did you mean 'run'"),
    "option": ("run good.toml --slover newton", "--solver"),
    "shipped case": ("run gausian_1d", 'did you mean "gaussian_1d".*mfgprox cases'),
    "case file": ("run god.toml", 'did you mean "good.toml".*mfgprox new'),
    "result for a case": ("run result.h5", "is a result, not a case; .*mfgprox info"),
    "case for a result": ("plot good.toml", "solve it first: mfgprox run good.toml"),
    "no such result": ("report nothing.h5", "nothing.h5: there is no such file"),
    "solver": ("run good.toml --solver newtn", 'did you mean "newton"'),
    "unsuitable solver": (
        "run good.toml -o new.h5 --solver semi-discrete --set p=3",
        "semi-discrete needs p = 2",
    ),
    "override": ("run good.toml --set epsilon", "must be KEY=VALUE, as in epsilon=0.5"),
    "override's key": ("run good.toml --set epsilonn=2", 'did you mean "epsilon"'),
    "no directory": ("run good.toml -o no/out.h5", "directory no does not exist; make it first"),
    "another case's file": ("run good.toml -o result.h5", "another name with -o, or --force"),
    "figure": ("plot result.h5 -o figure.jpg", r"use one of \.png, \.svg, \.pdf"),
    "film": ("animate result.h5 -o film.avi", r"use one of \.gif, \.mp4"),
    "export": ("export result.h5 --to vtkk", 'did you mean "vtk"'),
    "export's name": ("export result.h5 --to csv -o out.npz", r"use one of \.csv"),
    "kind of flow": ("flow good.toml --kind jkoo", "must be one of jko, gradient"),
    "kind of case": ("new gausian", 'did you mean "gaussian"'),
    "axes of an image": ("new image --axes 3", "a case of kind image has 2 axes"),
    "a file for no file": ("new ring --file a.png", "reads no file; image, array, samples do"),
    "over a case": ("new ring -o good.toml", "exists; give another name with -o, or --force"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.toml").write_text(CASE)
    np.save("turned.npy", np.ones((16, 12)))
    np.save("negative.npy", -np.ones((12, 16)))
    gaussian_solution((8,), 2).save("result.h5")


def assert_answer(called, sentence):
    said = " ".join(called.stderr.split())
    assert called.exit_code in (Exit.BAD_INPUT, Exit.CANNOT_WRITE), said
    assert re.search(sentence, said), said
    assert "Traceback" not in said
    assert "Warning" not in said
    assert len(said) < 700, said


def test_the_list_is_long_enough():
    assert len(IN_THE_CASE) + len(ON_THE_LINE) >= 25


@pytest.mark.parametrize("name", IN_THE_CASE)
def test_mistakes_in_a_case(name):
    (wrong, sentence) = IN_THE_CASE[name]
    text = CASE.replace(*wrong, 1)
    assert text != CASE
    Path("m.toml").write_text(text)
    assert_answer(CliRunner().invoke(cli.app, ["run", "m.toml", "--quiet"]), sentence)


@pytest.mark.parametrize("name", ON_THE_LINE)
def test_mistakes_on_the_command_line(name):
    line, sentence = ON_THE_LINE[name]
    assert_answer(CliRunner().invoke(cli.app, line.split()), sentence)

"""Values of a sweep, the chains that they make, and how a problem travels to a process."""

import pickle

import numpy as np
import pytest
from small_sweeps import EPSILONS, PS, small

import mfgprox
from mfgprox.case import shipped
from mfgprox.sweeps import SweepError
from mfgprox.sweeps.plan import Recipe, chains
from mfgprox.sweeps.values import distinct, file_name, parse_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("2,0.5, 0.5", [0.5, 2.0]),
        ("0.01:100:5", [0.01, 0.1, 1.0, 10.0, 100.0]),
        ("1:2:3,7", [1.0, 1.41421, 2.0, 7.0]),
        ("1e-3", [0.001]),
    ],
)
def test_values_are_lists_and_logarithmic_ranges(text, values):
    assert parse_values("--epsilon", text, 0.0) == values


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "nan", "inf", "1,,2", "two", "1:2", "1:2:1", "2:1:5", "0:1:5", "1:2:3:4",
     "1:2:x", "1:2:99999999999", "1:2:-3"],
)  # fmt: skip
def test_values_that_are_none_are_refused_by_name(text):
    with pytest.raises(SweepError, match=r"^--epsilon: "):
        parse_values("--epsilon", text, 0.0)


def test_exponents_begin_above_one():
    with pytest.raises(SweepError, match=r"--p: '1' must be a finite number above 1"):
        parse_values("--p", "1,2", 1.0)
    with pytest.raises(SweepError, match="from 1 to 10000 values"):
        distinct("epsilon", [], 0.0)


def test_file_names_are_short_and_never_meet():
    assert file_name(0.5, 2.0) == "p2_epsilon0.5.h5"
    close = [1.0, np.nextafter(1.0, 2.0), 1e-9, 1e9]
    assert len({file_name(float(e), float(p)) for e in close for p in close}) == 16


def test_chains_go_up_in_epsilon_and_are_cut_where_asked(tmp_path):
    problem = small()
    whole = chains(problem, EPSILONS, PS, tmp_path)
    assert [(chain.p, chain.epsilons) for chain in whole] == [(p, tuple(EPSILONS)) for p in PS]
    cut = chains(problem, EPSILONS, [2.0], tmp_path, longest=2)
    assert [chain.epsilons for chain in cut] == [(0.3, 1.0), (4.0,)]


QUICK = ("gaussian_1d", "image_letters_2d")
"""Shipped cases whose data are made in no time."""


@pytest.mark.parametrize(
    "name",
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in shipped.names()],
)
def test_every_shipped_problem_travels(name):
    problem = mfgprox.load_case(name, ["grid.time_steps=2"])
    copy = pickle.loads(pickle.dumps(Recipe.of(problem))).problem()
    assert np.array_equal(copy.log_P, problem.log_P)
    assert np.array_equal(copy.log_Q, problem.log_Q)
    assert copy.case.text == problem.case.text


def test_a_problem_without_a_case_travels_whole():
    bare = mfgprox.Problem(*small().densities, epsilon=1.0, grid=small().grid)
    copy = pickle.loads(pickle.dumps(Recipe.of(bare))).problem()
    assert np.array_equal(copy.log_P, bare.log_P)

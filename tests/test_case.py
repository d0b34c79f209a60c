"""Case files: what they give."""

import hashlib

import pytest
from case_texts import BASE, PLANE, message
from PIL import Image as Pillow

from mfgprox.case import CaseError, estimate_memory, memory, parse_case, read_case, schema


def test_a_case_gives_its_problem():
    case = parse_case(BASE)
    problem = case.problem()
    assert problem.grid.shape == (64,)
    assert problem.grid.time_steps == 8
    assert (problem.epsilon, problem.p, problem.cost.norm) == (2.0, 2.0, "euclidean")
    assert problem.divergence.name == "kl"
    assert problem.title == "A case"
    assert problem.case is case
    assert case.text == BASE
    x = problem.grid.centers(0)
    assert problem.grid.integrate(problem.P * x) == pytest.approx(-0.8, abs=1e-9)


def test_defaults():
    case = parse_case(BASE)
    assert case.solver.method == "auto"
    assert case.output.path is True
    assert case.solver.options() == {}
    tolerance = case.solver.tolerance()
    assert (tolerance.rtol, tolerance.atol, tolerance.max_iterations) == (1e-4, 1e-12, 2000)
    assert case.output.snapshots is None
    assert case.output.momentum is False
    assert parse_case(BASE.replace("time_steps = 8\n", "")).grid().time_steps == 32


def test_everything_that_can_be_set():
    text = (
        BASE.replace("p = 2.0", 'p = 3\nf_divergence = { kind = "kl" }\ncost = "separable"')
        + '[solver]\nmethod = "fictitious-play"\nrtol = 1e-6\natol = 0\nmax_iterations = 7\n'
        + 'options = { update = "classical" }\n'
        + "[output]\nsnapshots = 5\nmomentum = true\n"
    )
    case = parse_case(text)
    assert case.problem().cost.norm == "separable"
    assert case.problem().p == 3.0
    assert case.solver.options() == {"update": "classical"}
    assert case.solver.tolerance().max_iterations == 7
    assert (case.output.snapshots, case.output.momentum) == (5, True)


def test_divergences_by_name_and_by_number():
    text = BASE.replace("p = 2.0", 'p = 2.0\nf_divergence = "jensen-shannon"')
    assert parse_case(text).problem().divergence.name == "jensen-shannon"
    text = BASE.replace("p = 2.0", 'p = 2.0\nf_divergence = { kind = "alpha", alpha = 0.5 }')
    assert parse_case(text).problem().divergence.alpha == 0.5


def test_names_agree_with_the_tables_that_they_stand_for():
    from mfgprox.divergence import DIVERGENCES

    assert set(schema.DIVERGENCE_KINDS) == {*DIVERGENCES, "alpha"}


def test_solver_names_agree_with_the_solvers():
    from mfgprox.solvers import SOLVERS, make_solver

    assert set(schema.SOLVER_METHODS) == set(SOLVERS) == set(schema.SOLVER_OPTIONS)
    for method, options in schema.SOLVER_OPTIONS.items():
        for option, values in options.items():
            for value in values:
                assert getattr(make_solver(method, **{option: value}), option) == value


def test_inputs_are_hashed(tmp_path):
    Pillow.new("L", (4, 4), 0).save(tmp_path / "a.png")
    (tmp_path / "my.toml").write_text(PLANE + 'kind = "image"\nfile = "a.png"\n')
    case = read_case(tmp_path / "my.toml")
    assert case.inputs() == {"a.png": hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()}
    assert case.problem().Q.shape == (16, 16)
    (tmp_path / "a.png").unlink()
    with pytest.raises(CaseError, match=r"my\.toml:13: Q\.file = \"a\.png\": cannot be read"):
        case.inputs()


def test_memory_is_estimated_before_anything_is_made(monkeypatch):
    case = parse_case(BASE)
    assert 200 * 2**20 < estimate_memory(case) < 2**30
    monkeypatch.setattr(memory, "free", lambda: 100 * 2**20)
    assert "MiB of memory, 100 MiB are free" in message(BASE)
    monkeypatch.setattr(memory, "free", lambda: None)
    parse_case(BASE)

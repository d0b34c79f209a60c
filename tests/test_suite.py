"""The validation suite: what it promises, and that a check judges by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mfgprox import suite, validate
from mfgprox.case import read_case
from mfgprox.exact import exact_answer
from mfgprox.exits import Exit
from mfgprox.suite import Check, Limits, OrderStudy


@pytest.mark.parametrize("quick", [True, False])
def test_every_check_names_a_case_and_a_solver(quick: bool) -> None:
    found = suite.checks(quick)
    assert len({check.label for check in found}) == len(found)
    for check in found:
        assert check.limits and check.promised("auto") in check.limits.values()
        assert read_case(check.case, list(check.overrides)).settings.epsilon > 0.0


def test_the_suite_asks_for_what_newton_promises() -> None:
    """Ten digits on the finest grid in the plane, nine in 1-D, four orders."""
    value = {check.label: check.limits for check in suite.checks(quick=False)}
    assert value["product_2d, eps 2, 512²"]["newton"].value == 1e-10
    assert value["mixtures_1d, eps 2, 4096"]["newton"].value == 1e-9
    assert any(study.orders.get("newton", (0.0,))[0] >= 4.0 for study in suite.order_studies(False))


@pytest.mark.parametrize("case", ["mixtures_1d", "product_2d", "rotated_product_2d", "product_3d"])
def test_the_references_of_the_suite_tell_ten_digits(case: str) -> None:
    cells = {"1": "[64]", "2": "[64,64]", "3": "[16,16,16]"}["1" if case[-1] != "d" else case[-2]]
    problem = read_case(case, [f"grid.cells={cells}"]).problem()
    answer = exact_answer(problem)
    assert answer is not None and answer.error < 1e-11


FAST = Check("mixtures_1d", ("grid.cells=[256]",), {"newton": Limits(1e-8, 1e-5)}, "fast", True)
SLOPE = OrderStudy("mixtures_1d", (128, 256), {"newton": (4.0, 3.0)}, 1e-8)


@pytest.mark.parametrize("solver", ["newton", "auto"])
def test_a_check_passes_and_fails_by_its_limits(solver: str, monkeypatch, capsys) -> None:
    studies = [SLOPE] if solver == "newton" else []
    monkeypatch.setattr(validate, "order_studies", lambda quick: studies)
    monkeypatch.setattr(validate, "checks", lambda quick: [FAST])
    assert validate.validate_suite(True, [solver]) is Exit.OK
    assert "all passed" in capsys.readouterr().out
    strict = replace(FAST, limits={"newton": Limits(0.0)})
    monkeypatch.setattr(validate, "checks", lambda quick: [strict])
    assert validate.validate_suite(True, [solver]) is Exit.VALIDATION_FAILED
    assert "FAIL: value" in capsys.readouterr().out


def test_a_case_is_validated_by_the_solver_that_it_asks_for(capsys) -> None:
    assert validate.validate_target("mixtures_1d", None) is Exit.OK
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2 and "exact by 1-D reference" in rows[1]

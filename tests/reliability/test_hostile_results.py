"""Result files that somebody has tampered with: every command answers in one line, or works."""

import pytest
from gaussian_solutions import gaussian_solution
from hostile_results import COMMANDS, FAST, meet

from mfgprox.storage import save

SIZES = ((12,), (5, 4))


@pytest.fixture(params=SIZES, ids=str)
def content(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return save(gaussian_solution(request.param, 2), tmp_path / "a.h5", momentum=True).read_bytes()


@pytest.mark.compiled
def test_commands_meet_damaged_results(content, tmp_path):
    statuses = meet(content, tmp_path, 16, seed=1, commands=FAST)
    assert statuses[2] > statuses.get(0, 0) // 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_thousands_of_damaged_results(content, seed, tmp_path):
    meet(content, tmp_path, 250, seed, len(COMMANDS))

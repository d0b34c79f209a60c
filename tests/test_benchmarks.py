"""The comparison with other packages works without them: our part, the judge, tables, pictures."""

import json
import math
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NEWTON = {"peer": "mfgprox", "setting": {"solver": "newton", "bounds": False}}
FAILED = {"problem": "mixtures-0.5", "series": "Clarabel", "peer": "Clarabel", "n": 16}


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.chdir(ROOT)


def solve(**job):
    from benchmarks.peers.worker import Desk, answer

    return answer({"task": "solve", "problem": "mixtures-0.5", "n": 16, **job}, Desk())


def row(series, n, seconds, value, R, **more):
    peer = "mfgprox" if series.startswith("mfgprox") else series.split()[0]
    found = {"value_error": value, "R_error": R, "peak_mb": 500.0, "base_mb": 400.0}
    return {
        **found,
        "problem": "mixtures-0.5",
        "series": series,
        "peer": peer,
        "n": n,
        "seconds": seconds,
        "setting": {"reg": 0.02},
        **more,
    }


def raced(tmp_path, rows):
    from benchmarks.machine import description

    found = {
        "machine": description(),
        "factor": {"factor": 1.0},
        "quick": True,
        "absent": {"POT": "not installed (No module named 'ot')"},
        "rows": rows,
    }
    path = tmp_path / "peers.json"
    path.write_text(json.dumps(found))
    return path


def test_a_solve_is_judged_by_the_exact_answer():
    found = solve(**NEWTON)
    # Spectral accuracy of centre samples, 16 cells over twelve standard deviations and more.
    assert found["value_error"] < 1e-4 and found["transform_error"] < 1e-4
    assert found["R_error"] < 1e-2
    assert found["seconds"] > 0.0 and found["peak_mb"] > 0.0
    assert math.isnan(found["upper"])


def test_a_package_that_is_missing_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    monkeypatch.delitem(sys.modules, "benchmarks.peers.pot", raising=False)
    found = solve(peer="POT", setting={"reg": 0.1})
    assert found["failed"].startswith("not installed")


def test_a_method_that_fails_is_one_line():
    found = solve(peer="mfgprox", setting={"solver": "no such solver"})
    assert found["failed"].startswith("ValueError") and "\n" not in found["failed"]


def test_a_worker_that_takes_too_long_is_stopped():
    from benchmarks.peers.process import Worker

    worker = Worker("mfgprox")
    found = worker.ask({"problem": "gaussians-2", "n": 16, "setting": {}}, limit=0.01)
    assert "more than" in found["failed"]
    assert worker.ask({"task": "no such task", "problem": "?"}, limit=60.0)["failed"]
    worker.close()


def test_the_best_count_is_the_first_that_is_near_the_limit():
    from benchmarks.peers.peer import best_count

    assert best_count(lambda k: 0.01 + 2.0 ** (-k / 4)) == 40


def test_who_is_faster_at_the_same_errors():
    from benchmarks.peers.standings import duels

    rows = [
        row("mfgprox newton", 16, 0.003, 1e-6, 1e-3),
        row("mfgprox newton", 32, 0.007, 1e-8, 1e-5),
        row("OTT-JAX log", 64, 1.0, 1e-2, 5e-4, corrected_error=1e-5),
        row("OTT-JAX kernel", 64, 0.01, 1e-3, 5e-3),
        row("POT", 64, 2.0, 1e-2, 1e-2),
        {**FAILED, "setting": {}, "failed": "more than 60 s"},
    ]
    found = duels(rows, "mixtures-0.5")
    assert [(peer["series"], mine["n"]) for peer, mine, _ in found if mine] == [
        ("OTT-JAX kernel", 16),
        ("OTT-JAX log", 32),
    ]
    assert all(proven is None for _, _, proven in found)


def test_tables_and_pictures_of_a_race(tmp_path):
    from benchmarks.peers import plot, table

    rows = [
        row("mfgprox newton", 16, 0.003, 1e-6, 1e-3),
        row("OTT-JAX kernel", 64, 0.01, 1e-3, 5e-3, iterations=40),
        {**FAILED, "setting": {}, "failed": "more than 60 s"},
    ]
    path = raced(tmp_path, rows)
    text = table(path)
    assert "| OTT-JAX kernel, reg 0.02, iterations 40 | 64 | 1.0e-03 | 5.0e-03 |" in text
    assert "more than 60 s" in text and "- POT: not installed" in text
    drawn = plot(path)
    assert {figure.name for figure in drawn} == {"benchmark_peers.png", "benchmark_memory.png"}
    assert all(figure.stat().st_size < 300_000 for figure in drawn)


def test_a_race_of_some_problems_keeps_the_rows_of_the_others(tmp_path):
    from benchmarks import peers
    from benchmarks.peers.race import _others

    path = tmp_path / "peers.json"
    rows = [{"problem": name, "n": 32} for name in ("mixtures-2", "ring-0.5")]
    path.write_text(json.dumps({"rows": rows}))
    assert _others(path, ("ring-0.5",)) == rows[:1]
    assert _others(tmp_path / "none.json", ("ring-0.5",)) == []
    with pytest.raises(ValueError, match="no such problems: rings; there are mixtures"):
        peers.run(tmp_path, quick=True, only=("rings",))

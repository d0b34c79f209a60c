"""The race: every method in its own process, repetitions alternating between the methods."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import description
from benchmarks.peers.peer import HOME
from benchmarks.peers.plan import LIMIT, LONG, REPETITIONS, WARM, Entry, contests, entries
from benchmarks.peers.process import Worker
from benchmarks.problems import CONTESTS, Contest

NAME = "peers.json"
PREPARING = 3.0
"""The first job of a setting may take so many times LIMIT: it compiles and looks for settings."""
GROWTH = 4.0
"""No solve grows by less when the cells an axis double; what would pass LIMIT is not begun."""
REFERENCE_CELLS = {True: 64, False: 128}
REFERENCE_LIMIT = 600.0


class Race:
    """Rows so far, and what is known about each setting."""

    def __init__(self, output: Path, quick: bool, only: tuple[str, ...] = ()) -> None:
        self.output, self.quick = output, quick
        self.kept = _others(output / NAME, only) if only else []
        """Rows of an earlier run, of the problems that are not run now."""
        self.workers = {name: Worker(name) for name in HOME}
        self.warm = {
            name: worker.ask(
                {"task": "warm", "problem": "gaussians-2", **WARM[name]}, PREPARING * LIMIT
            )
            for name, worker in self.workers.items()
        }
        self.rows: list[dict[str, Any]] = []
        self.began = time.perf_counter()

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()

    def run(self, contest: Contest) -> None:
        """All methods on one problem, coarse grids first."""
        stored = self._reference(contest)
        field = [e for e in entries(contest, self.quick) if "failed" not in self.warm[e.peer]]
        counts: dict[int, int] = {}
        out: set[int] = set()
        for n in sorted({n for entry in field for n in entry.cells}):
            here = [i for i, entry in enumerate(field) if n in entry.cells and i not in out]
            rows = {i: self._row(contest, field[i], n) for i in here}
            for repetition in range(REPETITIONS):
                for i in list(here):
                    known = {"iterations": counts[i]} if i in counts else {}
                    job = {
                        "problem": contest.name,
                        "n": n,
                        "setting": field[i].setting | known,
                        "reference": stored,
                    }
                    limit = LIMIT if repetition else PREPARING * LIMIT
                    found = self.workers[field[i].peer].ask(job, limit)
                    if not _joined(rows[i], found) or rows[i]["seconds"] > LONG:
                        here.remove(i)
                    if found.get("slow"):
                        out.add(i)
            for i, row in rows.items():
                if field[i].peer in ("OTT-JAX", "POT") and "iterations" in row:
                    counts.setdefault(i, row["iterations"])
                if row.get("seconds", 0.0) * GROWTH > LIMIT:
                    out.add(i)
            self.rows += rows.values()
            self.save()
            print(f"{contest.name}, {n}²: {len(rows)} settings", flush=True)

    def save(self) -> Path:
        path = self.output / NAME
        order = list(CONTESTS)
        rows = sorted(self.kept + self.rows, key=lambda row: order.index(row["problem"]))
        found = {
            "machine": description(),
            "factor": self.factor,
            "quick": self.quick,
            "minutes": round((time.perf_counter() - self.began) / 60.0, 1),
            "limit": LIMIT,
            "absent": {n: r["failed"] for n, r in self.warm.items() if "failed" in r},
            "earlier": list(dict.fromkeys(row["problem"] for row in self.kept)),
            "rows": rows,
        }
        path.write_text(json.dumps(_plain(found), indent=1, allow_nan=False) + "\n")
        return path

    @property
    def factor(self) -> dict[str, Any]:
        """Measured when it is first wanted."""
        if not hasattr(self, "_factor"):
            self._factor = self.workers["mfgprox"].ask({"task": "factor"}, LIMIT)
        return self._factor

    def _row(self, contest: Contest, entry: Entry, n: int) -> dict[str, Any]:
        return {
            "problem": contest.name,
            "series": entry.series,
            "peer": entry.peer,
            "n": n,
            "setting": entry.setting,
            "base_mb": self.warm[entry.peer]["base_mb"],
        }

    def _reference(self, contest: Contest) -> str | None:
        """The stored reference where no exact answer is known; made by the first run."""
        if not contest.name.startswith("pictures"):
            return None
        n = REFERENCE_CELLS[self.quick]
        path = self.output / f"reference_{contest.name}_{n}.npz"
        if not path.exists():
            job = {"task": "reference", "problem": contest.name, "n": n, "reference": str(path)}
            self.workers["mfgprox"].ask(job, REFERENCE_LIMIT)
        return str(path)


def _others(path: Path, only: tuple[str, ...]) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [row for row in json.loads(path.read_text())["rows"] if row["problem"] not in only]


def _joined(row: dict[str, Any], new: dict[str, Any]) -> bool:
    """Add a repetition to a row; False if it failed. The fastest counts, and the largest peak."""
    if "failed" in new:
        row.setdefault("failed", new["failed"])
        return False
    seconds = [*row.get("all_seconds", []), new.pop("seconds")]
    peak = max(row.get("peak_mb", 0.0), new.pop("peak_mb"))
    row["spent"] = row.get("spent", 0.0) + new.pop("spent")
    row |= new
    row |= {"all_seconds": seconds, "seconds": min(seconds), "peak_mb": peak}
    return True


def _plain(found: Any) -> Any:
    """What JSON can hold: null for what is not finite."""
    if isinstance(found, dict):
        return {key: _plain(value) for key, value in found.items()}
    if isinstance(found, list):
        return [_plain(value) for value in found]
    return None if isinstance(found, float) and not math.isfinite(found) else found


def race(output: Path, quick: bool, only: tuple[str, ...] = ()) -> Path:
    """Run it; returns the JSON file, which is written anew after every grid."""
    runner = Race(output, quick, only)
    try:
        for contest in contests(quick, only):
            runner.run(contest)
        return runner.save()
    finally:
        runner.close()

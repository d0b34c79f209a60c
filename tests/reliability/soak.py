"""Random problems for an hour: `python tests/reliability/soak.py --minutes 60 [--seed N]`.

Every problem is solved by every solver that takes it. Answers must be sound, must not contradict
each other nor those to the same problem told differently (relatives.py), and must come back from a
file to the last bit. The report tells how many, what failed
(with the seed that repeats it), and how the memory of the process grew. Exit status 1 if any did.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

from agreement import answers, contradictions, random_problem
from relatives import relatives, unlike

from mfgprox import load
from mfgprox.solution import Solution
from mfgprox.storage import save


def resident() -> float:
    """MiB of this process that are in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def check(seed: int, folder: Path, statuses: Counter) -> list[str]:
    """What is wrong with the answers to one problem."""
    problem = random_problem(seed)
    found = answers(problem)
    for name, solution in found.items():
        statuses[name, _word(solution)] += 1
    wrong = contradictions(found)
    told = relatives(problem)
    relative = told[seed % len(told)]
    answer = answers(relative.problem, ("auto",))["auto"]
    statuses[f"auto, {relative.what}", _word(answer)] += 1
    wrong += unlike(found, relative, answer)
    for name, solution in found.items():
        back = load(save(solution, folder / "out.h5"))
        for field in ("rho", "U", "R"):
            if getattr(back, field).tobytes() != getattr(solution, field).tobytes():
                wrong.append(f"{name}: {field} comes back from the file with other bits")
    return wrong


def _word(solution: Solution) -> str:
    return solution.status.name.lower().replace("_", " ")


def report(count: int, statuses: Counter, failed: dict[int, str], sizes: list[float]) -> str:
    solvers = sorted({name for name, _ in statuses})
    words = sorted({word for _, word in statuses})
    lines = [f"| solver | {' | '.join(words)} |", f"|---|{'---|' * len(words)}"]
    lines += [f"| {s} | {' | '.join(str(statuses[s, w]) for w in words)} |" for s in solvers]
    lines += ["", f"{count} problems, {len(failed)} failed."]
    lines += [f"seed {seed}: {text}" for seed, text in failed.items()]
    middle = sizes[len(sizes) // 2]
    lines.append(
        f"Memory: {sizes[0]:.0f} MiB at first, {middle:.0f} half-way, {sizes[-1]:.0f} at last."
    )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak.py", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=10_000, help="of the first problem")
    given = parser.parse_args()
    warnings.simplefilter("error")
    until, seed = time.monotonic() + 60.0 * given.minutes, given.seed
    statuses: Counter = Counter()
    failed: dict[int, str] = {}
    sizes: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < until or not sizes:
            try:
                wrong = check(seed, Path(folder), statuses)
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                wrong = [
                    f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
                ]
            if wrong:
                failed[seed] = "; ".join(wrong)
                print(f"seed {seed}: {failed[seed]}", flush=True)
            sizes.append(resident())
            seed += 1
    print(report(seed - given.seed, statuses, failed, sizes))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

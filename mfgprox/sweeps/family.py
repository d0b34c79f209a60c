"""`sweep`: a problem for many values of epsilon and p, and what comes out of it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfgprox.claim import claimed
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.storage import load
from mfgprox.sweeps.chain import ENDED, Event, Report, foreign
from mfgprox.sweeps.limits import Limits, limits
from mfgprox.sweeps.local import run_here, run_in_processes
from mfgprox.sweeps.plan import Chain, chains, member
from mfgprox.sweeps.rows import COLUMNS, Row, write_table
from mfgprox.sweeps.values import SweepError, distinct
from mfgprox.tolerance import Tolerance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLE = "sweep.csv"
LEAST_EPSILON, LEAST_P = 0.0, 1.0


@dataclass(frozen=True, eq=False)
class Sweep:
    """The rows of a sweep, in the order of p, then of epsilon, and the files behind them."""

    problem: Problem
    rows: tuple[Row, ...]
    directory: Path

    @property
    def failed(self) -> tuple[Row, ...]:
        """The rows that have no result."""
        return tuple(row for row in self.rows if row.failed)

    @property
    def converged(self) -> bool:
        """Whether every case has a result that met its tolerance."""
        return all(row.converged for row in self.rows)

    @property
    def ps(self) -> list[float]:
        """The exponents, ascending."""
        return sorted({row.p for row in self.rows})

    def at(self, p: float) -> list[Row]:
        """The rows of one p that have a result, by epsilon."""
        return [row for row in self.rows if row.p == p and not row.failed]

    def solution(self, row: Row) -> Solution:
        """The solution of a row, from its file. Raises ValueError for a row that has none."""
        if row.failed:
            raise ValueError(f"epsilon {row.epsilon:g}, p {row.p:g} has no result: {row.status}")
        case = member(self.problem, row.epsilon, row.p)
        return replace(load(self.directory / row.file), problem=case)

    def table(self) -> dict[str, list[Any]]:
        """The rows as columns, for a data frame."""
        return {name: [getattr(row, name) for row in self.rows] for name in COLUMNS}

    @cached_property
    def limits(self) -> tuple[Limits, ...]:
        """D_f(P‖Q) and W_p^p(P, Q), for each p (Theorem 2.8)."""
        return tuple(
            limits(member(self.problem, self.rows[0].epsilon, p), self.at(p)) for p in self.ps
        )

    def plot(self) -> Figure:
        """D over epsilon between its limits."""
        from mfgprox.plot.sweeps import interpolation_figure

        return interpolation_figure(self)

    def plot_minimisers(self) -> Figure:
        """R_epsilon on its way from P to Q."""
        from mfgprox.plot.sweeps import minimisers_figure

        return minimisers_figure(self)

    def write(self, suffix: str | None = ".png") -> list[Path]:
        """Write the table, and the figures as .png, .svg or .pdf (None: no figures).

        Returns their paths. Raises OSError where the system refuses.
        """
        written = [write_table(self.rows, self.directory / TABLE)]
        if suffix is not None and any(not row.failed for row in self.rows):
            from mfgprox.plot.sweeps import save_sweep_figures

            written += save_sweep_figures(self, suffix)
        return written


def sweep(
    problem: Problem,
    epsilon: Sequence[float],
    p: Sequence[float] | None = None,
    *,
    directory: str | Path | None = None,
    solver: str | None = None,
    tolerance: Tolerance | None = None,
    static: bool | None = None,
    longest: int | None = None,
    jobs: int = 1,
    threads: int | None = None,
    scheduler: str | None = None,
    slurm: str | None = None,
    force: bool = False,
    callback: Report | None = None,
    interrupted: Callable[[], bool] = bool,
) -> Sweep:
    """Solve a problem for every epsilon and p (default: the problem's own p).

    directory: where results go, and where finished ones are found and not solved again; default: a
    temporary one, which lives as long as what is returned. solver, tolerance, static: as for
    `solve`. longest: cases of a chain at most; a chain goes through the values of epsilon upwards,
    its first case starts cold. Where chains run changes no bit of a result: in `jobs` processes
    that share `threads` threads (a script must then guard its main part by
    `if __name__ == "__main__"`), on the Dask cluster of `scheduler`, or as jobs of Slurm with the
    options `slurm`. force: replace results of other cases.
    callback(event): called with an `Event` as cases begin, go on and end.

    Cases that fail are rows; the others are solved all the same. Raises SweepError for values or
    options that cannot be used and for a directory that holds results of other cases,
    `iterate.Interrupted` where `interrupted` says so, OSError where the system refuses or another
    sweep is at work in the directory.
    """
    epsilons = distinct("epsilon", epsilon, LEAST_EPSILON)
    ps = distinct("p", [problem.p] if p is None else p, LEAST_P)
    if directory is None:
        with _temporary() as kept:
            swept = sweep(
                problem, epsilons, ps, directory=kept, solver=solver, tolerance=tolerance,
                static=static, longest=longest, jobs=jobs, threads=threads, scheduler=scheduler,
                slurm=slurm, callback=callback, interrupted=interrupted,
            )  # fmt: skip
            weakref.finalize(swept, shutil.rmtree, kept, ignore_errors=True)
        return swept
    folder = Path(directory)
    options = {"solver": _known(solver), "tolerance": tolerance, "static": static}
    work = chains(problem, epsilons, ps, folder, longest, **options)
    if not force:
        _refuse_other_cases(problem, work)
    rows: dict[tuple[float, float], Row] = {}

    def report(event: Event) -> None:
        if event.kind == ENDED and event.row is not None:
            rows[event.p, event.epsilon] = event.row
        if callback is not None:
            callback(event)

    where = _Where(jobs, threads, scheduler, slurm)
    where.check()
    folder.mkdir(parents=True, exist_ok=True)
    with claimed(folder / TABLE):
        where.run(work, folder, report, interrupted)
    return Sweep(problem, tuple(rows[key] for key in sorted(rows)), folder)


@contextmanager
def _temporary() -> Iterator[Path]:
    """A directory that is gone if the block fails."""
    directory = Path(tempfile.mkdtemp(prefix="mfgprox-sweep-"))
    try:
        yield directory
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


@dataclass(frozen=True)
class _Where:
    """Where the chains of a sweep run."""

    jobs: int
    threads: int | None
    scheduler: str | None
    slurm: str | None

    def check(self) -> None:
        """Raise SweepError for options that contradict each other."""
        if self.jobs < 1:
            raise SweepError(f"--jobs: {self.jobs} must be a whole number, at least 1")
        if self.scheduler is not None and self.slurm is not None:
            raise SweepError("--scheduler and --slurm exclude each other")
        if self.scheduler is not None and (self.jobs > 1 or self.threads is not None):
            raise SweepError(
                "--jobs and --threads are for this machine; on a cluster of Dask the number of "
                "workers and their NUMBA_NUM_THREADS decide"
            )

    def run(
        self, work: list[Chain], folder: Path, report: Report, interrupted: Callable[[], bool]
    ) -> None:
        jobs, threads = self.jobs, self.threads or available_threads()
        if self.scheduler is not None:
            from mfgprox.sweeps.remote import run_on_dask

            run_on_dask(work, self.scheduler, report, interrupted)
        elif self.slurm is not None:
            from mfgprox.sweeps.remote import run_on_slurm

            most = jobs if jobs > 1 else None
            run_on_slurm(work, self.slurm, folder.resolve(), most, report, interrupted)
        elif jobs == 1 or len(work) == 1:
            run_here(work, report, interrupted)
        else:
            run_in_processes(work, jobs, threads, report, interrupted)


def available_threads() -> int:
    """Threads that this process may use."""
    said = os.environ.get("NUMBA_NUM_THREADS", "")
    return int(said) if said.isdigit() and said != "0" else len(os.sched_getaffinity(0))


def _known(solver: str | None) -> str | None:
    from mfgprox.solvers.choose import SOLVERS

    if solver is not None and solver not in SOLVERS:
        raise SweepError(f"solver must be one of {', '.join(SOLVERS)}; got {solver!r}")
    return solver


def _refuse_other_cases(problem: Problem, work: list[Chain]) -> None:
    for chain in work:
        for epsilon in chain.epsilons:
            if foreign(chain.path(epsilon), member(problem, epsilon, chain.p), chain):
                raise SweepError(
                    f"{chain.path(epsilon)} exists and does not hold this case; give another "
                    "directory with -o, or --force"
                )

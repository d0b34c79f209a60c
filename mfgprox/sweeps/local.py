"""Chains on this machine: one after the other, or in processes that may die.

A process that dies takes no result with it: files are whole or absent. Its chain is given to
another one, which finds what is finished; where a process dies twice at the same case, that case is
listed as failed and left out.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context, parent_process
from typing import Any

from mfgprox.sweeps.chain import BEGUN, ENDED, Event, Report, run_chain
from mfgprox.sweeps.plan import Chain
from mfgprox.sweeps.rows import failed_row

MOST_DEATHS = 2
"""How often a process may die at a case before the case counts as failed."""
PATIENCE = 20.0
"""Seconds that a process has to save where it stands."""
TICK = 0.2
DONE = "done"


def run_here(
    chains: Sequence[Chain], report: Report, interrupted: Callable[[], bool] = bool
) -> None:
    """Solve the chains in this process, one after the other."""
    for chain in chains:
        run_chain(chain, report, interrupted)


def run_in_processes(
    chains: Sequence[Chain],
    jobs: int,
    threads: int,
    report: Report,
    interrupted: Callable[[], bool] = bool,
) -> None:
    """Solve the chains in at most `jobs` processes, which share `threads` threads.

    Raises `iterate.Interrupted` where `interrupted` says so; processes have then saved where they
    stood, and are gone.
    """
    jobs = min(jobs, len(chains))
    crew = _Crew(deque(chains), report, max(1, threads // jobs))
    try:
        while crew.waiting or crew.busy:
            crew.assign(jobs)
            crew.listen()
            if interrupted():
                from mfgprox.solvers.iterate import Interrupted

                raise Interrupted
    finally:
        crew.dismiss()


@dataclass
class _Worker:
    """A process, and what it is at."""

    process: Any
    pipe: connection.Connection
    chain: Chain | None = None
    epsilon: float | None = None


@dataclass
class _Crew:
    """The processes of a sweep and the chains that none of them has yet."""

    waiting: deque[Chain]
    report: Report
    threads: int
    workers: list[_Worker] = field(default_factory=list)
    deaths: Counter[tuple[float, float]] = field(default_factory=Counter)

    @property
    def busy(self) -> bool:
        return any(worker.chain is not None for worker in self.workers)

    def assign(self, jobs: int) -> None:
        """Give waiting chains to idle processes, starting as many as are wanted."""
        while self.waiting:
            idle = [worker for worker in self.workers if worker.chain is None]
            if not idle and len(self.workers) >= jobs:
                return
            worker = idle[0] if idle else self._started()
            worker.chain, worker.epsilon = self.waiting.popleft(), None
            with suppress(OSError):  # a process that has died is noticed when it is listened to
                worker.pipe.send(worker.chain)

    def listen(self) -> None:
        """Pass on what processes say, and notice those that have died."""
        pipes = [worker.pipe for worker in self.workers]
        heard = connection.wait(pipes, TICK)
        for worker in [worker for worker in self.workers if worker.pipe in heard]:
            try:
                said = worker.pipe.recv()
            except (EOFError, OSError):
                self._bury(worker)
                continue
            if said == DONE:
                worker.chain = None
                continue
            if said.kind == BEGUN:
                worker.epsilon = said.epsilon
            self.report(said)

    def dismiss(self) -> None:
        """End all processes: idle ones at once, others when they have saved where they stand."""
        for worker in self.workers:
            with suppress(OSError):
                worker.process.terminate()
        for worker in self.workers:
            worker.process.join(PATIENCE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()
        self.workers.clear()

    def _started(self) -> _Worker:
        ours, theirs = get_context("spawn").Pipe()
        process = get_context("spawn").Process(target=work, args=(theirs,), daemon=True)
        with _threads(self.threads):
            process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self.workers.append(worker)
        return worker

    def _bury(self, worker: _Worker) -> None:
        """Put the chain of a dead process back, without the case at which it died too often."""
        worker.process.join(PATIENCE)
        worker.pipe.close()
        self.workers.remove(worker)
        chain = worker.chain
        if chain is None:
            return
        reason = f"its process died {MOST_DEATHS} times, {_cause(worker.process.exitcode)}"
        at = chain.epsilons[0] if worker.epsilon is None else worker.epsilon
        self.deaths[chain.p, at] += 1
        if self.deaths[chain.p, at] < MOST_DEATHS:
            self.waiting.appendleft(chain)
        elif worker.epsilon is not None:
            self.waiting.appendleft(chain.without(at, reason))
        else:  # no process gets as far as its first case
            for epsilon in chain.epsilons:
                row = failed_row(epsilon, chain.p, reason)
                self.report(Event(ENDED, epsilon, chain.p, row=row))


def work(pipe: connection.Connection) -> None:
    """What a process of a sweep does: chains, until it is told to end or its parent is gone."""
    from mfgprox.solvers.iterate import Interrupted

    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the parent decides
    signal.signal(signal.SIGTERM, lambda number, frame: _stop(stop))
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with suppress(EOFError, OSError, Interrupted):
        while True:
            chain = _next(pipe, stop)
            run_chain(chain, pipe.send, stop.is_set)
            pipe.send(DONE)


def _next(pipe: connection.Connection, stop: threading.Event) -> Chain:
    while not pipe.poll(TICK):
        if stop.is_set():
            raise EOFError
    return pipe.recv()


def _stop(stop: threading.Event) -> None:
    """At the first request save and end, at the second end."""
    if stop.is_set():
        os._exit(128 + signal.SIGTERM)
    stop.set()


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(128 + signal.SIGTERM)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Environment of a process that is started: Numba reads it once, when it is imported."""
    before = {name: os.environ.get(name) for name in ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    os.environ.update(NUMBA_NUM_THREADS=str(count), OPENBLAS_NUM_THREADS="1")
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"last by signal {signal.Signals(-exitcode).name}"
    return f"last with exit status {exitcode}"

"""The command `flow`: case → steps of a flow → file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfgprox.exits import BadInput, Exit, say
from mfgprox.interruption import Interruption, Stopped
from mfgprox.outputs import claiming, default_output, require_writable, writing
from mfgprox.run import announce_compilation, changed_case, identity, resumed

if TYPE_CHECKING:
    from mfgprox.case import Case
    from mfgprox.flows.reached import Reached


def run_flow(
    name: str,
    kind: str,
    tau: float,
    steps: int,
    output: Path | None,
    overrides: tuple[str, ...],
    quiet: bool,
    resume: bool = False,
) -> Exit:
    """Compute and write a flow; every step is kept in a checkpoint beside the output.

    Raises what `exits.guarded` turns into messages.
    """
    from mfgprox import checkpoint
    from mfgprox.flows import FlowError, gradient_flow, jko
    from mfgprox.flows.flow import KINDS
    from mfgprox.solvers.iterate import Unsuitable

    if kind not in KINDS:
        kinds = ", ".join([*KINDS, "particles"])
        raise BadInput(f"--kind must be one of {kinds}; got {kind!r}")
    case = changed_case(name, overrides)
    output = output or default_output(case, "_flow.h5")
    require_writable(output)
    _require_memory(case, steps)
    problem = case.problem()
    announce_compilation(quiet)
    where = checkpoint.path_for(output)
    with Interruption() as interruption, claiming(output):
        kept = _Kept(where, case, kind, tau, steps, interruption)
        settings: dict[str, Any] = {
            "solver": case.solver.method,
            "tolerance": case.solver.tolerance(),
            "callback": None if quiet else _report,
            "reached": kept.reached(resume),
            "keep": kept,
        }
        try:
            if kind == "jko":
                flow = jko(problem, tau, steps, **settings)
            else:
                flow = gradient_flow(problem, tau * steps, steps, **settings)
        except (FlowError, Unsuitable) as error:
            raise BadInput(str(error)) from error
        except Stopped as stopped:
            raise kept.told(stopped) from None
        with writing(output):
            flow.save(output)
            where.unlink(missing_ok=True)
    if not quiet:
        print(output)
    if not flow.converged:
        say(f"a step {flow.status.value}; the flow in {output} is marked as not converged")
        return Exit.NOT_CONVERGED
    return Exit.OK


def _require_memory(case: Case, steps: int) -> None:
    """Raises BadInput, with both numbers, where there is not enough for the levels of the flow."""
    from mfgprox.case import memory

    need, free = memory.estimate_flow(case.settings, steps), memory.free()
    if free is not None and need > free:
        raise BadInput(
            f"--steps = {steps}: as many levels of this grid need about {memory.in_words(need)} of "
            f"memory, {memory.in_words(free)} are free; take fewer steps or cells"
        )


class _Kept:
    """The checkpoint of a flow: written after every step, and read again."""

    def __init__(
        self, where: Path, case: Case, kind: str, tau: float, steps: int, interruption: Interruption
    ) -> None:
        self.where, self.interruption = where, interruption
        self.identity: dict[str, Any] = {
            "case_text": identity(case),
            "solver": f"{kind} flow, {case.solver.method}",
            "settings": {"tau": tau, "steps": steps},
        }

    def reached(self, resume: bool) -> Reached | None:
        """What a checkpoint holds. Raises BadInput for one of another flow."""
        found = resumed(self.where, self.identity, resume)
        return None if found is None else found.state

    def __call__(self, reached: Reached) -> None:
        from mfgprox import checkpoint
        from mfgprox.solvers.iterate import Progress

        # A signal during the writing would leave a temporary file behind.
        self.interruption.deferred = True
        rows = [[float(step), energy] for step, energy in enumerate(reached.energy)]
        with writing(self.where):
            checkpoint.save(Progress(reached, rows[1:]), self.where, **self.identity)
        self.interruption.deferred = False
        if self.interruption():
            raise self.interruption.stopped("")

    def told(self, stopped: Stopped) -> Stopped:
        """The signal with what is left of the flow."""
        saved = f"saved in {self.where}; continue with --resume"
        return stopped.with_note(saved if self.where.exists() else "nothing is saved yet")


def _report(done: int, steps: int, energy: float) -> None:
    print(f"step {done}/{steps}  energy {energy:.10g}")

"""The command `flow`: case → steps of a flow → file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfgprox.exits import BadInput, Exit, say
from mfgprox.interruption import Interruption
from mfgprox.run import announce_compilation, claiming, require_writable, writing


def run_flow(
    name: str,
    kind: str,
    tau: float,
    steps: int,
    output: Path | None,
    overrides: tuple[str, ...],
    quiet: bool,
) -> Exit:
    """Compute and write a flow. Raises what `exits.guarded` turns into messages."""
    from mfgprox.case import read_case
    from mfgprox.flows import FlowError, gradient_flow, jko
    from mfgprox.flows.flow import KINDS
    from mfgprox.solvers.iterate import Unsuitable

    if kind not in KINDS:
        kinds = ", ".join([*KINDS, "particles"])
        raise BadInput(f"--kind must be one of {kinds}; got {kind!r}")
    case = read_case(name, list(overrides))
    output = output or Path(f"{Path(case.path or case.name).stem}_flow.h5")
    require_writable(output)
    problem = case.problem()
    announce_compilation(quiet)
    settings: dict[str, Any] = {
        "solver": case.solver.method,
        "tolerance": case.solver.tolerance(),
        "callback": None if quiet else _report,
    }
    with Interruption(), claiming(output):
        try:
            if kind == "jko":
                flow = jko(problem, tau, steps, **settings)
            else:
                flow = gradient_flow(problem, tau * steps, steps, **settings)
        except (FlowError, Unsuitable) as error:
            raise BadInput(str(error)) from error
        with writing(output):
            flow.save(output)
    if not quiet:
        print(output)
    if not flow.converged:
        say(f"a step {flow.status.value}; the flow in {output} is marked as not converged")
        return Exit.NOT_CONVERGED
    return Exit.OK


def _report(done: int, steps: int, energy: float) -> None:
    print(f"step {done}/{steps}  energy {energy:.10g}")

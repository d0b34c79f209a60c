"""The command `flow --kind particles`: case → points in steps of the gradient flow → file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mfgprox.exits import BadInput, Exit, say
from mfgprox.interruption import Interruption
from mfgprox.outputs import claiming, default_output, require_writable, writing
from mfgprox.run import announce_compilation, changed_case

if TYPE_CHECKING:
    from mfgprox.density import Density
    from mfgprox.problem import Problem

COUNT, MOST = 10_000, 10**7
"""Particles that are drawn from a P that is not samples itself, by default and at most."""


def run_particles(
    name: str,
    tau: float,
    steps: int,
    output: Path | None,
    overrides: tuple[str, ...],
    count: int | None,
    seed: int,
    quiet: bool,
) -> Exit:
    """Move and write points. Raises what `exits.guarded` turns into messages."""
    from mfgprox.density import Samples
    from mfgprox.flows import FlowError, particle_flow
    from mfgprox.flows.flow import require_steps
    from mfgprox.sampling import SamplingError
    from mfgprox.sampling.files import require_suffix
    from mfgprox.solvers.iterate import Unsuitable

    case = changed_case(name, overrides)
    output = output or default_output(case, "_particles.npy")
    try:
        require_suffix(output)
        require_writable(output)
        require_steps(tau, "tau", steps)
        problem = case.problem()
        if problem.split is not None:
            raise BadInput("particles move along all axes; leave out [transport]")
        announce_compilation(quiet)
        P, Q = problem.densities
        widths = [d.bandwidth for d in (Q, P) if isinstance(d, Samples) and d.bandwidth > 0.0]
        points = _points(problem, count, seed)
        target: np.ndarray | Density = Q
        if isinstance(Q, Samples):
            target = Q.points[_inside(Q.points, problem)]
        with Interruption(), claiming(output):
            flow = particle_flow(
                points, target, epsilon=problem.epsilon, grid=problem.grid, time=tau * steps,
                steps=steps, bandwidth=widths[0] if widths else None, p=problem.p,
                cost=problem.cost, f_divergence=problem.divergence, solver=case.solver.method,
                tolerance=case.solver.tolerance(), callback=None if quiet else report,
            )  # fmt: skip
            with writing(output):
                flow.save(output)
    except (FlowError, Unsuitable, SamplingError) as error:
        raise BadInput(str(error)) from error
    if not quiet:
        print(f"{output}: {len(points)} particles at time {tau * steps:g}")
    if not flow.converged:
        say(f"a step {flow.status.value}; the particles in {output} come from it")
        return Exit.NOT_CONVERGED
    return Exit.OK


def report(done: int, steps: int, energy: float) -> None:
    """One line a step."""
    print(f"step {done}/{steps}  energy {energy:.10g}")


def _points(problem: Problem, count: int | None, seed: int) -> np.ndarray:
    """Those of P where it is samples, `count` of them at random if that is fewer; else drawn."""
    from mfgprox.density import Samples
    from mfgprox.sampling.draw import points_of

    P = problem.densities[0]
    if count is not None and not 2 <= count <= MOST:
        raise BadInput(f"-n must be from 2 to {MOST}; got {count}")
    if not isinstance(P, Samples):
        return points_of(problem.samples[0], problem.grid, count or COUNT, seed)
    points = P.points[_inside(P.points, problem)]
    if count is None:
        return points
    if count > len(points):
        raise BadInput(f"P has {len(points)} points in the box; got -n {count}")
    chosen = np.random.Generator(np.random.PCG64(seed)).permutation(len(points))[:count]
    return np.asarray(points[np.sort(chosen)])


def _inside(points: np.ndarray, problem: Problem) -> np.ndarray:
    grid = problem.grid
    return np.all((points >= grid.lower) & (points <= grid.upper), axis=1)

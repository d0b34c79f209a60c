"""OTT-JAX: unbalanced Sinkhorn on a grid geometry, hard in P, soft in Q.

mode "kernel" multiplies with exp(-c/reg), axis by axis, and leaves out without a word what
underflows; "log" works with logarithms. Compiled once for each size and number of iterations,
outside the clock. Its own stopping waits for a shift of the potentials that does not touch R, so
the count is chosen by R.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ott.geometry import grid as ott_grid
from ott.problems.linear import linear_problem
from ott.solvers.linear import sinkhorn

from benchmarks.peers.peer import Found, Task, best_count

FEW = 10
"""Iterations between two looks at R, while the best count is looked for."""
ALMOST_NOTHING = 1e-200

jax.config.update("jax_enable_x64", True)


def prepare(
    task: Task, *, reg: float, mode: str, iterations: int | None = None
) -> Callable[[], Found]:
    """iterations: None to look for the best count."""
    problem = task.problem
    grid = problem.grid
    # Cells in the order of the geometry: its first axis varies slowest.
    axes = tuple(jnp.asarray(grid.centers(i)) for i in reversed(range(grid.dimension)))
    # Its logarithms lose mass where weights are zero on a grid.
    a, b = (
        jnp.asarray(np.maximum((f * grid.cell_volume).ravel(), ALMOST_NOTHING))
        for f in (problem.P, problem.Q)
    )
    coordinates = [jnp.asarray(np.broadcast_to(c, grid.shape).ravel()) for c in grid.coordinates()]
    tau = problem.epsilon / (problem.epsilon + reg)
    zero = (jnp.zeros_like(a), jnp.zeros_like(b))

    def density(mass: Any) -> np.ndarray:
        R = np.asarray(mass) / grid.cell_volume
        if not np.isfinite(R).all():
            raise FloatingPointError("the scalings are not finite: reg is too small for this mode")
        return np.where(problem.Q > 0.0, R.reshape(grid.shape), 0.0)

    def errors() -> Callable[[int], float]:
        """The true error after k iterations, k growing from call to call."""
        run, state, done = _compiled(mode == "log", tau, FEW), zero, 0

        def error(count: int) -> float:
            nonlocal state, done
            while done < count:
                mass, _, state = run(axes, a, b, coordinates, reg, state)
                done += FEW
            return task.R_error(density(mass))

        return error

    best = best_count(errors()) if iterations is None else iterations
    run = _compiled(mode == "log", tau, best)

    def solve() -> Found:
        mass, cost, _ = run(axes, a, b, coordinates, reg, zero)
        R = density(mass)
        information = problem.divergence.between(R, problem.log_Q, grid.cell_volume)
        value = float(cost) + problem.epsilon * information
        corrected = value - 0.5 * grid.dimension * reg
        return Found(value, R, corrected, {"iterations": best})

    solve()  # compiles
    return solve


@lru_cache(maxsize=32)
def _compiled(log: bool, tau: float, iterations: int) -> Callable[..., Any]:
    solver = sinkhorn.Sinkhorn(
        lse_mode=log,
        threshold=0.0,
        min_iterations=iterations,
        max_iterations=iterations,
        inner_iterations=iterations,
    )

    @jax.jit
    def run(axes, a, b, coordinates, reg, start):
        geometry = ott_grid.Grid(x=axes, epsilon=reg)
        problem = linear_problem.LinearProblem(geometry, a=a, b=b, tau_a=1.0, tau_b=tau)
        if not log:
            start = tuple(geometry.scaling_from_potential(f) for f in start)
        out = solver(problem, init=start)
        if log:
            P, R = out.marginal(1), out.marginal(0)
        else:
            P, R = (geometry.marginal_from_scalings(*out.scalings, axis=k) for k in (1, 0))
        # ∫ |x - y|² dπ from the marginals and ∫ y dπ(y | x): the plan is never formed.
        cost = jnp.zeros(())
        for x in coordinates:
            moved = out.apply(x, axis=1, lse_mode=log)
            cost += jnp.sum(P * x * x) + jnp.sum(R * x * x) - 2.0 * jnp.sum(x * moved)
        return R, cost, (out.f, out.g)

    return run

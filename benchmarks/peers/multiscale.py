"""MultiScaleOT: sparse multi-scale Sinkhorn with soft marginals; P is held by a large weight."""

from __future__ import annotations

from collections.abc import Callable

import MultiScaleOT
import numpy as np

from benchmarks.peers.peer import Found, Task

HELD = 1e7
"""Weight of the marginal that must be P, in units of the cost."""
LOST = 1e-4
ALMOST_NOTHING = 1e-100


def prepare(task: Task, *, reg: float, goal: float, inner: int) -> Callable[[], Found]:
    problem = task.problem
    grid = problem.grid
    h, n = grid.spacing[0], grid.cells[0]
    depth = int(np.log2(n))
    if 2**depth != n or grid.spacing[0] != grid.spacing[1]:
        raise ValueError("it wants square cells, and a power of two of them")
    unit = h * h  # its points are integers
    masses = [np.ascontiguousarray(f * grid.cell_volume) for f in (problem.P, problem.Q)]
    masses = [np.maximum(m, ALMOST_NOTHING) / m.sum() for m in masses]

    settings = MultiScaleOT.TSinkhornSolverParameters(innerIterations=inner)

    def solve() -> Found:
        X, Y = (MultiScaleOT.TMultiScaleSetupGrid(m, depth) for m in masses)
        layers = X.getNLayers()
        cost = MultiScaleOT.THierarchicalCostFunctionProvider_SquaredEuclidean(X, Y)
        scaling = MultiScaleOT.TEpsScalingHandler()
        # From the square of the coarsest cell, a factor of four a layer, as in its own examples.
        target = reg / unit
        steps = max(int(np.ceil(2.0 * np.log2(max(n * n / target, 2.0)))), 1)
        # Layers that overlap: without, a layer may begin with a kernel that has empty rows.
        start, box = float(n * n), float(n)
        scaling.setupGeometricMultiLayerA(layers, start, target, steps, box, 2.0, 2, True)
        KL = MultiScaleOT.TSoftMarginalFunctionKL()
        weights = HELD / unit, problem.epsilon / unit
        solver = MultiScaleOT.TSinkhornSolverSoftMarginal(
            scaling, 2, layers - 1, goal / unit, X, Y, cost, KL, KL, *weights, settings
        )
        solver.initialize()
        message = solver.solve()
        if message != 0:
            raise ArithmeticError(f"it stopped with message {message}")
        lost = np.abs(solver.getMarginalX().ravel() - masses[0].ravel()).sum()
        if not lost < LOST:
            raise ArithmeticError(f"it stopped with {lost:.1e} of P in the wrong place")
        R = (solver.getMarginalY() / grid.cell_volume).reshape(grid.shape)
        R = np.where(problem.Q > 0.0, R, 0.0)
        transport = unit * solver.getScoreTransportCost()
        information = problem.divergence.between(R, problem.log_Q, grid.cell_volume)
        value = transport + problem.epsilon * information
        return Found(value, R, value - 0.5 * grid.dimension * reg)

    return solve

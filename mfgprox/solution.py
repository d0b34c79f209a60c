"""What a solver returns: the fields, the certificate, the history. It does not know who made it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mfgprox.problem import Problem
from mfgprox.tolerance import Status

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from mfgprox.density import Density

HISTORY_COLUMNS = ("level", "primal", "dual", "gap", "residual", "exploitability")


@dataclass(frozen=True, eq=False)
class Certificate:
    """The discrete values of the problem that the solver worked on, and bounds of the continuous D.

    primal_value and dual_value belong to the solver's own discrete problem, and `statement` says
    what each of them proves. lower_bound <= D <= upper_bound hold for the continuous problem on the
    box up to the quadrature tolerance that `statement` names; nan where there is none.
    """

    primal_value: float
    dual_value: float
    lower_bound: float = float("nan")
    upper_bound: float = float("nan")
    statement: str = ""

    @property
    def gap(self) -> float:
        """The primal less the dual value: the discrete gap."""
        return self.primal_value - self.dual_value


@dataclass(frozen=True, eq=False)
class Solution:
    """A solved problem.

    rho, U: (time_steps + 1, [z,] [y,] x), density per unit volume and potential (units of cost);
    fewer time levels when a file was written with fewer: `times` says which they are.
    R: (…, z, y, x), the minimiser as the solver knows it best; rho[-1] is what the continuity
    equation delivers. momentum: one array per axis in the order x, y, z, on faces:
    (time_steps, *shape) with one more entry along its own axis; constant in time within a step;
    empty when a file was written without it.
    divergence: best estimate of the continuous value, divergence_error its estimated error.
    history: column name -> (iterations,) array, nan where a quantity was not evaluated.
    """

    problem: Problem
    solver: str
    status: Status
    iterations: int
    rho: np.ndarray
    U: np.ndarray
    R: np.ndarray
    momentum: tuple[np.ndarray, ...]
    certificate: Certificate
    divergence: float
    divergence_error: float
    transport_cost: float
    information_divergence: float
    history: dict[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Sentences that a user should read: what was capped, extrapolated, could not be done."""
    written_times: np.ndarray | None = None
    """Times of rho and U where a result file holds fewer levels than the grid has; else None."""
    flow: str = ""
    """The kind of the flow that rho_t follows, "jko" or "gradient", in which `divergence` is its
    last energy; empty for the path of a solved problem, whose times end at 1."""

    @property
    def converged(self) -> bool:
        """Whether the tolerance was met."""
        return self.status.converged

    @property
    def primal_value(self) -> float:
        """That of the certificate."""
        return self.certificate.primal_value

    @property
    def dual_value(self) -> float:
        """That of the certificate."""
        return self.certificate.dual_value

    @property
    def gap(self) -> float:
        """The discrete gap, of the problem that the solver worked on."""
        return self.certificate.gap

    @property
    def lower_bound(self) -> float:
        """Of the continuous value; nan where there is none."""
        return self.certificate.lower_bound

    @property
    def upper_bound(self) -> float:
        """Of the continuous value; nan where there is none."""
        return self.certificate.upper_bound

    @property
    def times(self) -> np.ndarray:
        """The times of the levels of rho and U, (levels,), from 0 to 1."""
        return self.problem.grid.times if self.written_times is None else self.written_times

    @property
    def first_variation(self) -> np.ndarray:
        """δD/δP = U(·, 0), up to a constant (Theorem 4.1); E_P of it is D in this gauge."""
        return self.U[0]

    @property
    def epsilon_derivative(self) -> float:
        """dD/dε = D_f(R‖Q), since R is optimal (the envelope theorem)."""
        return self.information_divergence

    def derivative(self, towards: Density | np.ndarray) -> float:
        """d/dt D((1-t)P + t P'‖Q) at t = 0; see `mfgprox.sensitivity.directional`."""
        from mfgprox.sensitivity import directional

        return directional(self, towards)

    def gradient(self, score: Any) -> np.ndarray:
        """dD/dθ from the score ∂ log P/∂θ; see `mfgprox.sensitivity.parametric`."""
        from mfgprox.sensitivity import parametric

        return parametric(self, score)

    @property
    def mass_error(self) -> float:
        """Largest relative deviation of the mass of rho from one, over the time levels."""
        masses = self.rho.reshape(len(self.rho), -1).sum(axis=1) * self.problem.grid.cell_volume
        return float(np.abs(masses - 1.0).max())

    @property
    def terminal_mismatch(self) -> float:
        """∫ |rho(·, 1) - R|."""
        return self.problem.grid.integrate(np.abs(self.rho[-1] - self.R))

    def save(self, path: str | Path, **options: Any) -> Path:
        """Write the HDF5 result file; see `mfgprox.storage.save`."""
        from mfgprox.storage import save

        return save(self, path, **options)

    def sample(self, n: int, **options: Any) -> np.ndarray:
        """n points drawn from P and carried to R, (n, axes), columns x, y, z.

        options: seed, times, method as for `mfgprox.sampling.draw`; with several times the shape
        is (times, n, axes). Raises SamplingError (a ValueError) for what makes no sense.
        """
        from mfgprox.sampling import draw

        points = draw(self, n, **options).points
        return points[0] if np.ndim(options.get("times", 1.0)) == 0 else points

    def plot(self) -> Figure:
        """The figure of the density evolution; see `mfgprox.plot.figure`."""
        from mfgprox.plot import figure

        return figure(self)

    def animate(self, path: str | Path | None = None, **options: Any) -> Any:
        """Write a film, .gif or .mp4, and return its path; see `mfgprox.plot.animate`.

        Without a path, a film to play in a notebook.
        """
        from mfgprox.notebook import film

        if path is None:
            return film(self, **options)
        from mfgprox.plot import animate

        return animate(self, path, **options)

    def to_xarray(self) -> xarray.Dataset:
        """The fields with their coordinates; see `mfgprox.export.to_xarray`."""
        from mfgprox.export import to_xarray

        return to_xarray(self)

    def _repr_html_(self) -> str:
        """A table and a picture, for notebooks."""
        from mfgprox.notebook import solution_html

        return solution_html(self)

"""The problem that a solver gets: P and Q on a grid, the weight, the cost, the divergence."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mfgprox.cost import Cost
from mfgprox.density import ArrayDensity, Density, DensityError, Sampled, sample
from mfgprox.divergence import Divergence, by_name
from mfgprox.grid import AXES, Grid
from mfgprox.split import Split, moving_axes

if TYPE_CHECKING:
    from mfgprox.case import Case

MAX_CUT_OFF = 0.01


class Problem:
    """D^p_eps(P‖Q) = min_R { W_p^p(P,R) + epsilon D_f(R‖Q) } on a box.

    P, Q: a `Density`, or an array of densities (not masses) shaped grid.shape, x last.
    epsilon > 0; p > 1; f_divergence and cost by name, or as objects; grid: a `Grid`.
    transport_axes: the axes that mass moves along, such as ["x"]; None for all. The others are
    conditioning variables: R has the marginal of P in them, W_p^p is that within slices.
    Attributes P, Q, log_P, log_Q are arrays shaped grid.shape with mass one (log Q is -inf where
    Q has no mass); cost, divergence, epsilon, grid and title are what was asked for.
    Raises ValueError (DensityError for P and Q), naming the quantity and what is accepted.
    Source: Baptista et al., Proximal optimal transport divergences, (2.4), (2.23), section 5.4.
    """

    def __init__(
        self,
        P: Density | np.ndarray,
        Q: Density | np.ndarray,
        *,
        epsilon: float,
        grid: Grid,
        p: float = 2.0,
        f_divergence: str | Divergence = "kl",
        cost: str | Cost = "euclidean",
        title: str = "",
        case: Case | None = None,
        transport_axes: Sequence[str] | None = None,
    ) -> None:
        _require_positive(epsilon)
        self.grid = grid
        moving = moving_axes(transport_axes, grid.dimension)
        self.split = None if moving is None else Split(grid, moving)
        """The slices that mass stays in; None where it moves along all axes."""
        self.epsilon = float(epsilon)
        self.cost = cost if isinstance(cost, Cost) else Cost(p, cost)
        self.divergence: Divergence = (
            by_name(f_divergence) if isinstance(f_divergence, str) else f_divergence
        )
        self.title = title
        self.case = case
        self.inputs: dict[str, str] | None = None
        """Hashes of the files that the case names, where they are known from elsewhere."""
        self.densities = tuple(
            values if isinstance(values, Density) else ArrayDensity(np.asarray(values), grid)
            for values in (P, Q)
        )
        sampled = []
        for name, density in zip("PQ", self.densities, strict=True):
            try:
                sampled.append(sample(density, grid))
            except DensityError as error:
                raise DensityError(f"{name}: {error}") from error
            if sampled[-1].cut_off > MAX_CUT_OFF:
                raise DensityError(
                    f"{name}: the box cuts off {sampled[-1].cut_off:.2%} of its mass, more than "
                    f"{MAX_CUT_OFF:.0%}; enlarge grid.lower and grid.upper"
                )
        self._P, self._Q = sampled
        if self.split is not None:
            self._require_finite(self.split)

    @property
    def p(self) -> float:
        """The exponent of the cost."""
        return self.cost.p

    @property
    def P(self) -> np.ndarray:
        """The initial density, grid.shape, per unit volume, mass one."""
        return self._P.values

    @property
    def Q(self) -> np.ndarray:
        """The reference density, grid.shape, per unit volume, mass one."""
        return self._Q.values

    @property
    def log_P(self) -> np.ndarray:
        """Logarithm of P, known where P itself underflows; -inf where P has no mass."""
        return self._P.log_values

    @property
    def log_Q(self) -> np.ndarray:
        """Logarithm of Q, known where Q itself underflows; -inf where Q has no mass."""
        return self._Q.log_values

    @property
    def samples(self) -> tuple[Sampled, Sampled]:
        """P and Q as they were sampled."""
        return self._P, self._Q

    @property
    def cut_off(self) -> tuple[float, float]:
        """Shares of the mass of P and of Q that the box cuts off."""
        return self._P.cut_off, self._Q.cut_off

    @property
    def transport_axes(self) -> tuple[str, ...]:
        """Names of the axes that mass moves along."""
        axes = range(self.grid.dimension) if self.split is None else self.split.moving
        return tuple(AXES[i] for i in axes)

    @property
    def smooth(self) -> bool:
        """Whether P and Q are sampled at cell centres and positive."""
        return all(s.smooth and bool(np.isfinite(s.log_values).all()) for s in (self._P, self._Q))

    def with_samples(self, P: Sampled, Q: Sampled) -> Problem:
        """The same problem with exactly these values on its grid, not normalised again."""
        if not P.values.shape == Q.values.shape == self.grid.shape:
            raise ValueError(f"P and Q must have the shape {self.grid.shape} of the grid")
        other = copy.copy(self)
        other._P, other._Q = P, Q
        return other

    def with_epsilon(self, epsilon: float) -> Problem:
        """The same problem with another weight. Raises ValueError if it is not a number above 0."""
        _require_positive(epsilon)
        other = copy.copy(self)
        other.epsilon = float(epsilon)
        if self.case is not None:
            other.case = self.case.changed([f"epsilon={float(epsilon)!r}"])
        return other

    def on(self, grid: Grid) -> Problem:
        """The same problem on another grid over the same box."""
        return Problem(
            *self.densities,
            epsilon=self.epsilon,
            grid=grid,
            f_divergence=self.divergence,
            cost=self.cost,
            title=self.title,
            case=self.case,
            transport_axes=self.transport_axes,
        )

    def _require_finite(self, split: Split) -> None:
        """Raises DensityError where D is infinite, because no R has the marginal of P."""
        P, Q = (np.isfinite(split.log_marginal(log)) for log in (self.log_P, self.log_Q))
        with np.errstate(divide="ignore"):
            at_zero = float(self.divergence.f(np.zeros(1))[0])
        for name, other, lost, price in (
            ("Q", "P", P & ~Q, self.divergence.recession),
            ("P", "Q", Q & ~P, at_zero),
        ):
            if lost.any() and math.isinf(price):
                raise DensityError(
                    f"{name}: has no mass at {split.place(int(np.argmax(lost)))}, where {other} "
                    f"has some ({int(lost.sum())} of {split.count} slices): with transport along "
                    f"{', '.join(self.transport_axes)} only and f_divergence = "
                    f"{self.divergence.name} D is infinite"
                )

    def _repr_html_(self) -> str:
        """A table and a picture, for notebooks."""
        from mfgprox.notebook import problem_html

        return problem_html(self)


def _require_positive(epsilon: float) -> None:
    if not (math.isfinite(epsilon) and epsilon > 0.0):
        raise ValueError(f"epsilon must be a finite number above 0; got {epsilon}")

"""Sums over cell centres as integrals over the box, and what coarser sums tell about their error.

Between the walls of the box the sum over centres is accurate to every order; what the walls leave
is taken away by weights next to them (Navot's end corrections, exact for cubic integrands there).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import bernoulli

CORRECTED = 4
"""Nodes next to a wall whose weights are not one: cubics are integrated exactly."""
MODULI = (3, 5)
"""Sums over every third and every fifth cell."""
EXACT = 1e-12
"""Relative differences of sums that are no reason to correct them."""


@lru_cache(maxsize=256)
def wall_weights(n: int, stride: int = 1, first: int = 0) -> np.ndarray:
    """Weights of the centres first, first + stride, … of n cells; integrals in units of a cell."""
    count = len(range(first, n, stride))
    weights = np.ones(count)
    most = min(CORRECTED, count // 2)
    last = first + (count - 1) * stride
    weights[:most] += _correction((first + 0.5) / stride, most)
    weights[count - most :] += _correction((n - last - 0.5) / stride, most)[::-1]
    weights *= n / weights.sum()
    weights.flags.writeable = False
    return weights


def _correction(offset: float, nodes: int) -> np.ndarray:
    """What the weights of the first nodes lack, the first of them `offset` spacings from the wall.

    Σ_j f(offset + j) = ∫_0 f + Σ_k ζ(-k, offset) f^(k)(0)/k!, ζ(-k, a) = -B_{k+1}(a)/(k+1).
    """
    powers = np.array([[(offset + j) ** k for j in range(nodes)] for k in range(nodes)])
    missing = [_bernoulli(k + 1, offset) / (k + 1) for k in range(nodes)]
    return np.linalg.solve(powers, missing) if nodes else np.zeros(0)


def _bernoulli(k: int, x: float) -> float:
    """The Bernoulli polynomial B_k(x)."""
    numbers = bernoulli(k)
    return float(sum(math.comb(k, j) * numbers[j] * x ** (k - j) for j in range(k + 1)))


@dataclass(frozen=True)
class CentreSums:
    """Sums over centres as integrals; corrected: the axes along which walls have their weights."""

    corrected: tuple[bool, ...]

    @classmethod
    def of(cls, density: np.ndarray) -> CentreSums:
        """As suits a density: along each axis the one whose coarser sums agree better.

        A density that ends before the walls needs no correction, which would take from its middle.
        """
        corrected = []
        for axis in range(density.ndim):
            marginal = density.sum(axis=tuple(a for a in range(density.ndim) if a != axis))
            plain, other = (
                max(cls((c,))._coarser_waves(marginal, modulus) for modulus in MODULI)
                for c in (False, True)
            )
            corrected.append(other < plain and plain > EXACT * float(marginal.sum()))
        return cls(tuple(corrected))

    def integrand(self, values: np.ndarray) -> np.ndarray:
        """Values times the weights with which their sum is the integral over the box, in cells."""
        for axis, n in enumerate(values.shape):
            if self.corrected[axis]:
                values = values * _along(wall_weights(n), axis, values.ndim)
        return values

    def log_weights(self, shape: tuple[int, ...]) -> np.ndarray:
        """Logarithm of the weights of `integrand`, shaped `shape`."""
        return np.log(self.integrand(np.ones(shape)))

    def spread(self, values: np.ndarray, weight: np.ndarray) -> float:
        """Estimated error of ∫values/∫weight: how far it varies with the residues of the cells
        modulo three and five, along the axes and across them.

        Sums over every cell see a wave of one cell as a constant, those over every third cell waves
        of three cells, where an integrand has more. Only waves of less than three cells count.
        """
        total = float(self.integrand(weight).sum())
        centred = values - (float(self.integrand(values).sum()) / total) * weight
        return max(self._coarser_waves(centred, modulus) for modulus in MODULI) / abs(total)

    def _coarser_waves(self, values: np.ndarray, modulus: int) -> float:
        """Largest Fourier coefficient, of waves of 2 to 3 cells, of the sums over residues."""
        frequency = np.zeros(())
        for axis in range(values.ndim):
            n = values.shape[axis]
            stride = modulus if n >= 2 * modulus else 1
            residues = np.arange(stride)
            classes = []
            for r in residues:
                part = values[(slice(None),) * axis + (slice(r, None, stride),)]
                line = np.full(part.shape[axis], float(stride))
                if self.corrected[axis]:
                    line = wall_weights(n, stride, int(r))
                classes.append((part * _along(line, axis, values.ndim)).sum(axis, keepdims=True))
            values = np.concatenate(classes, axis)
            here = np.minimum(residues, stride - residues) / stride
            frequency = np.maximum.outer(frequency, here)
        waves = np.abs(np.fft.fftn(values))
        return float(waves[frequency >= 1.0 / 3.0].max(initial=0.0)) / values.size


def _along(line: np.ndarray, axis: int, ndim: int) -> np.ndarray:
    return line.reshape([-1 if a == axis else 1 for a in range(ndim)])

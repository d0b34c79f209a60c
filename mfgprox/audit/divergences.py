"""f, its conjugate over t >= 0 and f'(∞) of the information divergences, written out once more.

Source: Baptista et al., Proximal optimal transport divergences, section 2.1 and Theorem 3.1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class InformationDivergence:
    """f(1) = 0; conjugate f*(s) = sup over t >= 0 of s t - f(t), +inf where there is no bound;
    maximiser: the t that attains it; recession f'(∞); slope f'(1)."""

    f: Function
    conjugate: Function
    maximiser: Function
    recession: float
    slope: float

    def between(self, R: np.ndarray, log_Q: np.ndarray, volume: float) -> float:
        """E_Q[f(R/Q)] + f'(∞) R(Q = 0), a sum over cells of this volume; R, log_Q alike."""
        inside = np.isfinite(log_Q)
        beyond = float(R[~inside].sum())
        price = self.recession * beyond if beyond > 0.0 else 0.0
        R, log_Q = R[inside], log_Q[inside]
        if self.f is _kl:
            held = R > 0.0
            return volume * (float((R[held] * (np.log(R[held]) - log_Q[held])).sum()) + price)
        Q = np.exp(log_Q)
        with np.errstate(over="ignore"):
            return volume * (float((Q * self.f(R / Q)).sum()) + price)

    def dual_term(self, psi: np.ndarray, Q: np.ndarray, epsilon: float, volume: float) -> float:
        """epsilon inf_nu { nu + E_Q[f*(-psi/epsilon - nu)] }; psi, Q alike.

        Where f'(∞) is finite, R may also lie where Q = 0, and nu may not fall below
        -psi/epsilon - f'(∞) anywhere. Every nu gives a valid value: the search need not be exact.
        """
        s, weight = -psi.ravel() / epsilon, Q.ravel() * volume
        held = weight > 0.0
        if self.f is _kl:
            top = float(s[held].max())
            return epsilon * (top + math.log(float((weight[held] * np.exp(s[held] - top)).sum())))
        everywhere = float(s.max())
        s, weight = s[held], weight[held] / weight.sum()

        def excess(nu: float) -> float:
            with np.errstate(all="ignore"):
                return float(np.nan_to_num(weight @ self.maximiser(s - nu), posinf=1e300)) - 1.0

        high = float(s.max()) - self.slope
        low = float(s.min()) - self.slope
        if math.isfinite(self.recession):
            margin = 1e-12 * max(1.0, abs(everywhere))
            low = max(low, everywhere - self.recession + margin)
        high = max(high, low)
        nu = low if excess(low) <= 0.0 else high
        if excess(low) > 0.0 > excess(high):
            nu = float(brentq(excess, low, high, xtol=1e-14, rtol=1e-14))
        return epsilon * (nu + float(weight @ self.conjugate(s - nu)))


def named(name: str) -> InformationDivergence:
    """The divergence of that name, alpha(0.5) for an α-divergence.

    Raises ValueError for one that is not written out here.
    """
    if name in _NAMED:
        return _NAMED[name]
    try:
        if skewed := re.fullmatch(r"jensen-shannon\((.+)\)", name):
            return _skewed(_NAMED["jensen-shannon"], math.exp(float(skewed.group(1))))
        order = re.fullmatch(r"alpha\((.+)\)", name)
        return _alpha(float(order.group(1) if order else ""))
    except ValueError:
        raise ValueError(
            f"f_divergence must be alpha(α) or one of {', '.join(_NAMED)}; got {name!r}"
        ) from None


def _kl(t: np.ndarray) -> np.ndarray:
    return np.where(t > 0.0, t * np.log(np.where(t > 0.0, t, 1.0)), 0.0)


def _below(s: np.ndarray, limit: float, values: Function, at_limit: float = np.inf) -> np.ndarray:
    """values(s) where s < limit, at_limit there, +inf beyond."""
    inside = s < limit
    safe = np.where(inside, s, limit - 1.0)
    return np.where(inside, values(safe), np.where(s > limit, np.inf, at_limit))


def _alpha(a: float) -> InformationDivergence:
    if a == 1.0:
        return _NAMED["kl"]
    if a == 0.0:
        return _NAMED["reverse-kl"]

    def f(t: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return (t**a - a * t + a - 1.0) / (a * (a - 1.0))

    if a > 1.0:
        return InformationDivergence(
            f,
            lambda s: (np.maximum(1.0 + (a - 1.0) * s, 0.0) ** (a / (a - 1.0)) - 1.0) / a,
            lambda s: np.maximum(1.0 + (a - 1.0) * s, 0.0) ** (1.0 / (a - 1.0)),
            np.inf,
            0.0,
        )
    limit = 1.0 / (1.0 - a)
    return InformationDivergence(
        f,
        lambda s: _below(
            s,
            limit,
            lambda u: ((1.0 + (a - 1.0) * u) ** (a / (a - 1.0)) - 1.0) / a,
            -1.0 / a if a < 0.0 else np.inf,
        ),
        lambda s: _below(s, limit, lambda u: (1.0 + (a - 1.0) * u) ** (1.0 / (a - 1.0))),
        limit,
        0.0,
    )


def _skewed(plain: InformationDivergence, r: float) -> InformationDivergence:
    """(f(r t) - f(r))/r: a divergence of densities of mass r and 1; f that of Jensen–Shannon."""
    at_r = float(plain.f(np.array([r]))[0])
    return InformationDivergence(
        lambda t: (plain.f(r * t) - at_r) / r,
        lambda s: (plain.conjugate(s) + at_r) / r,
        lambda s: plain.maximiser(s) / r,
        plain.recession,
        0.5 * math.log(2.0 * r / (1.0 + r)),
    )


def _inverse(t: np.ndarray) -> np.ndarray:
    return np.divide(1.0, t, out=np.full(t.shape, np.inf), where=t > 0.0)


HALF_LOG_2 = 0.5 * math.log(2.0)
_NAMED = {
    "kl": InformationDivergence(
        _kl, lambda s: np.exp(s - 1.0), lambda s: np.exp(s - 1.0), np.inf, 1.0
    ),
    "reverse-kl": InformationDivergence(
        lambda t: -np.log(t, out=np.full(t.shape, -np.inf), where=t > 0.0),
        lambda s: _below(s, 0.0, lambda u: -1.0 - np.log(-u)),
        lambda s: _below(s, 0.0, lambda u: -1.0 / u),
        0.0,
        -1.0,
    ),
    "pearson": InformationDivergence(
        lambda t: (t - 1.0) ** 2,
        lambda s: np.where(s > -2.0, s + 0.25 * s * s, -1.0),
        lambda s: np.maximum(1.0 + 0.5 * s, 0.0),
        np.inf,
        0.0,
    ),
    "neyman": InformationDivergence(
        lambda t: t - 2.0 + _inverse(t),
        lambda s: _below(s, 1.0, lambda u: 2.0 - 2.0 * np.sqrt(1.0 - u), 2.0),
        lambda s: _below(s, 1.0, lambda u: (1.0 - u) ** -0.5),
        1.0,
        0.0,
    ),
    "hellinger": InformationDivergence(
        lambda t: (np.sqrt(t) - 1.0) ** 2,
        lambda s: _below(s, 1.0, lambda u: u / (1.0 - u)),
        lambda s: _below(s, 1.0, lambda u: (1.0 - u) ** -2.0),
        1.0,
        0.0,
    ),
    "jensen-shannon": InformationDivergence(
        lambda t: 0.5 * (_kl(t) - (t + 1.0) * np.log(0.5 * (t + 1.0))),
        lambda s: _below(s, HALF_LOG_2, lambda u: -0.5 * np.log(2.0 - np.exp(2.0 * u))),
        lambda s: _below(s, HALF_LOG_2, lambda u: np.exp(2.0 * u) / (2.0 - np.exp(2.0 * u))),
        HALF_LOG_2,
        0.0,
    ),
}

"""Information divergences D_f(R‖Q): everything that a solver may ask of one.

A divergence joins by implementing `Divergence` and one line in `DIVERGENCES`; no solver knows its
name. Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1, section 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

from mfgprox.divergence.base import Divergence, Law
from mfgprox.divergence.jensen_shannon import JensenShannon
from mfgprox.divergence.kullback_leibler import KullbackLeibler
from mfgprox.divergence.lipschitz import Lipschitz
from mfgprox.divergence.power import Power

__all__ = [
    "DIVERGENCES",
    "Divergence",
    "JensenShannon",
    "KullbackLeibler",
    "Law",
    "Lipschitz",
    "Power",
    "alpha_divergence",
    "by_name",
]

DIVERGENCES: dict[str, Callable[[], Divergence]] = {
    "kl": KullbackLeibler,
    "reverse-kl": lambda: Power("reverse-kl", 0.0, 1.0, -1.0),
    "pearson": lambda: Power("pearson", 2.0, 2.0),
    "neyman": lambda: Power("neyman", -1.0, 2.0),
    "hellinger": lambda: Power("hellinger", 0.5, 0.5),
    "jensen-shannon": JensenShannon,
}
"""Those without a parameter; the others are `alpha_divergence`."""


def alpha_divergence(alpha: float) -> Divergence:
    """(t^α - αt + α - 1)/(α(α-1)), by the name "alpha(α)"; α = 1 is KL, α = 0 its reverse.

    Raises ValueError for an alpha that is not finite.
    """
    if alpha == 1.0:
        return KullbackLeibler()
    return Power(f"alpha({alpha!r})", float(alpha))


def by_name(name: str) -> Divergence:
    """The divergence of that name. Raises ValueError listing the names that exist."""
    if name in DIVERGENCES:
        return DIVERGENCES[name]()
    regularised = re.fullmatch(r"lipschitz\((.{1,60}), ([-+.0-9e]{1,30})\)", name)
    if regularised is not None:
        return Lipschitz(by_name(regularised.group(1)), _number(regularised.group(2), name))
    found = re.fullmatch(r"(alpha|jensen-shannon)\(([-+.0-9e]{1,30})\)", name)
    try:
        if found is None:
            return _unknown(name)
        number = float(found.group(2))
        return alpha_divergence(number) if found.group(1) == "alpha" else JensenShannon(number)
    except ValueError:
        return _unknown(name)


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        return _unknown(name)


def _unknown(name: str) -> NoReturn:
    raise ValueError(
        f"f_divergence must be one of {', '.join(DIVERGENCES)}, alpha(0.5) for an "
        f"α-divergence, or lipschitz(kl, 2.0) for the regularisation of one; got {name!r}"
    )

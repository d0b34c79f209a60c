"""All information divergences, of every family and at both ends of alpha."""

import pytest

from mfgprox.divergence import DIVERGENCES, JensenShannon, alpha_divergence, by_name

ALL = [
    *(by_name(name) for name in DIVERGENCES),
    *(alpha_divergence(a) for a in (-2.0, -0.3, 0.0, 0.7, 1.0, 1.5, 3.0)),
    *(JensenShannon(skew) for skew in (-2.0, 1.5)),
]
each = pytest.mark.parametrize("f", ALL, ids=lambda f: f.name)

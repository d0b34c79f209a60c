"""Masses of a plan that spreads every source over its targets, source by source.

One thread per range of sources: the same bits for any thread count.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def spread_masses(
    first, last, starts, targets, slack, blur, source, phi, psi, mass, log_total, cost, earned
):
    """mass[e] of the pairs e of the sources k in first … last - 1, e from starts[k] on.

    In proportion to exp(-slack[e] / blur[k]), source[k] in all. log_total[k]: logarithm of the sum
    of these exponentials; cost[k]: of c(x, y) = phi[k] + slack[e] + psi[targets[e]] over the masses
    and earned[k]: of psi.
    """
    for k in range(first, last):
        total, inverse = 0.0, 1.0 / blur[k]
        for e in range(starts[k], starts[k + 1]):
            mass[e] = np.exp(-slack[e] * inverse)
            total += mass[e]
        rate, paid, potential = source[k] / total, 0.0, 0.0
        for e in range(starts[k], starts[k + 1]):
            mass[e] *= rate
            price = psi[targets[e]]
            paid += mass[e] * (phi[k] + slack[e] + price)
            potential += mass[e] * price
        log_total[k], cost[k], earned[k] = np.log(total), paid, potential

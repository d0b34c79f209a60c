"""Masses of a plan, source by source, against the same by arrays."""

import numpy as np

from mfgprox.kernels.spread_masses import spread_masses


def test_masses_costs_and_sums():
    rng = np.random.default_rng(2)
    starts, targets = np.array([0, 3, 4, 6]), np.array([0, 2, 4, 1, 3, 4])
    slack, blur = rng.random(6), np.array([0.3, 0.1, 0.7])
    source, phi, psi = np.array([0.2, 0.5, 0.3]), rng.standard_normal(3), rng.standard_normal(5)
    mass, (log_total, cost, earned) = np.empty(6), np.empty((3, 3))
    arguments = starts, targets, slack, blur, source, phi, psi, mass, log_total, cost, earned
    spread_masses(0, 1, *arguments)
    spread_masses(1, 3, *arguments)
    for k in range(3):
        part = slice(starts[k], starts[k + 1])
        weight, price = np.exp(-slack[part] / blur[k]), psi[targets[part]]
        expected = source[k] * weight / weight.sum()
        np.testing.assert_allclose(mass[part], expected, rtol=1e-14)
        np.testing.assert_allclose(log_total[k], np.log(weight.sum()), rtol=1e-14)
        np.testing.assert_allclose(cost[k], expected @ (phi[k] + slack[part] + price), rtol=1e-13)
        np.testing.assert_allclose(earned[k], expected @ price, rtol=1e-13)

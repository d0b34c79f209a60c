"""Determinants of symmetric matrices of three axes, whose eigenvalues may come too low."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def log_determinant(xx, yy, zz, xy, xz, yz, delta, scratch):
    """Sum of log λ over the eigenvalues of a symmetric matrix, continued linearly below λ = delta.

    Returns it, the inverse with 1/max(λ, delta) (xx, yy, zz, xy, xz, yz), and how many are below.
    scratch: (3, 3, 3).
    """
    ax, ay, az = xx - delta, yy - delta, zz - delta
    second = ax * ay - xy * xy
    third = az * second - ax * yz * yz - ay * xz * xz + 2.0 * xy * xz * yz
    if ax > 0.0 and second > 0.0 and third > 0.0:
        cxx, cyy, czz = yy * zz - yz * yz, xx * zz - xz * xz, xx * yy - xy * xy
        cxy, cxz, cyz = xz * yz - xy * zz, xy * yz - xz * yy, xy * xz - yz * xx
        det = xx * cxx + xy * cxy + xz * cxz
        r = 1.0 / det
        return np.log(det), cxx * r, cyy * r, czz * r, cxy * r, cxz * r, cyz * r, 0
    return _clamped(xx, yy, zz, xy, xz, yz, delta, scratch)


@njit(cache=True)
def _clamped(xx, yy, zz, xy, xz, yz, delta, scratch):
    """`log_determinant` by Jacobi rotations."""
    m, v, inverse = scratch[0], scratch[1], scratch[2]
    m[0, 0], m[1, 1], m[2, 2] = xx, yy, zz
    m[0, 1], m[0, 2], m[1, 2] = xy, xz, yz
    m[1, 0], m[2, 0], m[2, 1] = xy, xz, yz
    for i in range(3):
        for j in range(3):
            v[i, j] = 1.0 if i == j else 0.0
            inverse[i, j] = 0.0
    for sweep in range(36):
        p = 0 if sweep % 3 < 2 else 1
        q = 1 if sweep % 3 == 0 else 2
        if abs(m[p, q]) <= 1e-18 * (abs(m[p, p]) + abs(m[q, q])):
            continue
        tau = (m[q, q] - m[p, p]) / (2.0 * m[p, q])
        t = (1.0 if tau >= 0.0 else -1.0) / (abs(tau) + np.sqrt(1.0 + tau * tau))
        c = 1.0 / np.sqrt(1.0 + t * t)
        s = t * c
        for k in range(3):
            one, two = m[k, p], m[k, q]
            m[k, p], m[k, q] = c * one - s * two, s * one + c * two
        for k in range(3):
            one, two = m[p, k], m[q, k]
            m[p, k], m[q, k] = c * one - s * two, s * one + c * two
            one, two = v[k, p], v[k, q]
            v[k, p], v[k, q] = c * one - s * two, s * one + c * two
        m[p, q] = 0.0
        m[q, p] = 0.0
    total, below = 0.0, 0
    for k in range(3):
        size = m[k, k]
        if size < delta:
            below += 1
            total += np.log(delta) + (size - delta) / delta
            size = delta
        else:
            total += np.log(size)
        for i in range(3):
            for j in range(3):
                inverse[i, j] += v[i, k] * v[j, k] / size
    return (
        total, inverse[0, 0], inverse[1, 1], inverse[2, 2],
        inverse[0, 1], inverse[0, 2], inverse[1, 2], below,
    )  # fmt: skip

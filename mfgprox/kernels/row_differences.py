"""Differences of fourth order along a row of a lattice, of a field that is reflected at the walls.

Steps (sz, sy, sx) name an axis; a padded field p is (nz, ny, nx) and HALO cells beyond each wall.
"""

from __future__ import annotations

from numba import njit

HALO = 2
"""Cells that a difference reaches beyond its own."""


@njit(cache=True)
def _shifted(p, z, y, x0, n, k, sz, sy, sx):
    """The row k steps (sz, sy, sx) away: as a slice, so that its loops have no signs to check."""
    return p[z + k * sz, y + k * sy, x0 + k * sx : x0 + k * sx + n]


@njit(cache=True)
def _first(p, z, y, x0, sz, sy, sx, scale, n, out):
    """out[x] += scale × fourth-order first difference along the axis of the step (sz, sy, sx)."""
    a = _shifted(p, z, y, x0, n, -2, sz, sy, sx)
    b = _shifted(p, z, y, x0, n, -1, sz, sy, sx)
    c = _shifted(p, z, y, x0, n, 1, sz, sy, sx)
    d = _shifted(p, z, y, x0, n, 2, sz, sy, sx)
    s = scale / 12.0
    for x in range(n):
        out[x] += s * (a[x] - 8.0 * b[x] + 8.0 * c[x] - d[x])


@njit(cache=True)
def _second(p, z, y, x0, sz, sy, sx, scale, n, out, plain):
    """out[x] += scale × fourth-order second difference along an axis, plain[x] += second-order."""
    a = _shifted(p, z, y, x0, n, -2, sz, sy, sx)
    b = _shifted(p, z, y, x0, n, -1, sz, sy, sx)
    c = _shifted(p, z, y, x0, n, 1, sz, sy, sx)
    d = _shifted(p, z, y, x0, n, 2, sz, sy, sx)
    e = p[z, y, x0 : x0 + n]
    s = scale / 12.0
    for x in range(n):
        near = b[x] + c[x]
        out[x] += s * (16.0 * near - a[x] - d[x] - 30.0 * e[x])
        plain[x] += scale * (near - 2.0 * e[x])


@njit(cache=True)
def differences(p, z, y, halo, n, h, out):
    """Differences of chi along a row: out (10, nx) = gradient x, y, z; xx, yy, zz; xy, xz, yz;
    second-order Laplacian. halo (3,) tells where cell 0 of each axis sits in the padded p."""
    nx = n[0]
    x0, z0, y0 = halo[0], z + halo[2], y + halo[1]
    out[:, :] = 0.0
    # One call of _first for the gradient and the crosses: k = 0 is the row itself, the others are
    # the rows that an outer fourth-order difference along b weighs.
    for a in range(3):
        for b in range(a, 3):
            if halo[a] == 0 or halo[b] == 0:
                continue
            for k in range(-2, 3):
                if (k == 0) != (a == b):
                    continue
                scale = 1.0 / h[a]
                if k != 0:
                    scale *= (1.0, -8.0, 0.0, 8.0, -1.0)[k + 2] / (12.0 * h[b])
                _first(
                    p, z0 + k * (b == 2), y0 + k * (b == 1), x0, a == 2, a == 1, a == 0, scale, nx,
                    out[a if a == b else 5 + a + b],
                )  # fmt: skip
        if halo[a] == 0:
            continue
        sx, sy, sz = int(a == 0), int(a == 1), int(a == 2)
        _second(p, z0, y0, x0, sz, sy, sx, 1.0 / (h[a] * h[a]), nx, out[3 + a], out[9])

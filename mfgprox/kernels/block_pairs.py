"""All pairs of cells of small slack, wherever the targets are, by blocks.

The slack of a pair is c(x, y) - psi(y) - psi^c(x) >= 0. Where the cost is linear the minimum is
attained on whole rays, and no window around one minimiser would hold them. One thread per range of
sources: the same bits for any thread count.
"""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def block_pairs(
    first, last, nodes, low, high, top, psi, phi, cost, blur, log_mass, log_R, limits,
    fill, starts, targets, slack,
):  # fmt: skip
    """Counts or writes the targets of the sources nodes[first:last] and the slacks of these pairs.

    nodes (m,): flat source cells; low, high (blocks, 3): first and last cell of the blocks that
    hold targets, in the order z, y, x; top (blocks,): largest psi there; psi, phi (nz, ny, nx): a
    potential, -inf where there is no target, and its c-transform; cost: of a displacement by so
    many cells, increasing in each. blur, log_mass (m,), log_R, limits, fill, starts, targets,
    slack: as in `active_pairs.active_pairs`.
    """
    _, ny, nx = psi.shape
    for k in range(first, last):
        z, y, x = nodes[k] // (ny * nx), nodes[k] // nx % ny, nodes[k] % nx
        near, far, unit = limits[0] * blur[k], limits[1] * blur[k], blur[k]
        here, count = phi[z, y, x], 0
        for b in range(top.size):
            dz = max(low[b, 0] - z, z - high[b, 0], 0)
            dy = max(low[b, 1] - y, y - high[b, 1], 0)
            dx = max(low[b, 2] - x, x - high[b, 2], 0)
            if cost[dz, dy, dx] - top[b] - here > far:
                continue
            for u in range(low[b, 0], high[b, 0] + 1):
                for v in range(low[b, 1], high[b, 1] + 1):
                    for t in range(low[b, 2], high[b, 2] + 1):
                        s = cost[abs(u - z), abs(v - y), abs(t - x)] - psi[u, v, t] - here
                        if s > far:
                            continue
                        if s > near and s > unit * (log_mass[k] - log_R[u, v, t] + limits[2]):
                            continue
                        if fill:
                            targets[starts[k] + count] = (u * ny + v) * nx + t
                            slack[starts[k] + count] = s
                        count += 1
        if not fill:
            starts[k + 1] = count

"""The mass that passes every face while one density becomes the next, from a guess of the flux.

The guess is corrected axis by axis: along the first by the total through every plane of faces,
along the next by the total through every line of faces, and along the last the flux follows from
the continuity equation, (after - before) + sum over axes of the differences of the flux = 0. All
sums run from the walls towards the largest mass: what passes a place of next to no mass is as small
as that mass, and rounding stays where the mass is. The mean over the orders of the axes is taken.
Corrections are of the size of the error of the guess; in the action its square counts.
Source: the discrete continuity equation of (2.24), Baptista et al., Proximal optimal transport
divergences.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# What describes an axis in a loop: its length, its stride over cells and over faces.
LENGTH, CELL, FACE = range(3)
ROUNDING, ABSURD = 1e-14, 1e3
"""What passes a gap and is less than the first of the mass on its sides, but more than the second
times the mass in the gap, is rounding."""


@njit(cache=True)
def guessed_flux(before, after, speed, later, ratio, inner, n, flux, weight):
    """flux = mean velocity times weight, per step; weight = the geometric mean of four masses.

    before, after (cells,): masses; speed, later (cells,): velocities along the axis at both times;
    ratio: time step over cell width; inner: cells between neighbours; n: cells along the axis;
    flux, weight (faces,): entries at the walls are left alone.
    """
    for o in range(before.size // (inner * n)):
        for i in range(1, n):
            for q in range(inner):
                r = (o * n + i) * inner + q
                l = r - inner
                mass = np.sqrt(np.sqrt(before[l]) * np.sqrt(before[r]))
                mass *= np.sqrt(np.sqrt(after[l]) * np.sqrt(after[r]))
                at = (o * (n + 1) + i) * inner + q
                weight[at] = mass
                flux[at] = 0.25 * ratio * (speed[l] + speed[r] + later[l] + later[r]) * mass


@njit(cache=True)
def _meet(excess, heavy, n, middle):
    """Overwrite excess (n,) with what must pass the faces that bound n cells in a row.

    Entry i becomes the flux through face i + 1 for i < middle and through face i for i > middle.
    What the sum of excess misses zero by is rounding; it is spread in proportion to heavy.
    """
    left, right, weight = 0.0, 0.0, heavy[middle]
    for i in range(middle):
        left += excess[i]
        weight += heavy[i]
    for i in range(n - 1, middle, -1):
        right += excess[i]
        weight += heavy[i]
    spread = (left + right + excess[middle]) / weight if weight > 0.0 else 0.0
    passed = 0.0
    for i in range(middle):
        passed += spread * heavy[i] - excess[i]
        excess[i] = passed
    passed = 0.0
    for i in range(n - 1, middle, -1):
        passed += excess[i] - spread * heavy[i]
        excess[i] = passed


@njit(cache=True)
def _real(passed, here, all_):
    """Whether a flux is more than rounding, here: the mass next to the face, of all_ in the row."""
    return abs(passed) <= ABSURD * here or abs(passed) >= ROUNDING * all_


@njit(cache=True)
def _balance(excess, flux, weight, across, along, one, two, total, carried, heavy):
    """Add multiples of weight to flux such that excess sums to zero in every slice.

    A slice has one index `along`, every index of `one` and `two`, and one index `across`. excess
    (cells,): what a cell has too much at the end of the step; updated. weight (faces,) >= 0.
    total, carried, heavy: scratch, more entries than `along` has.
    """
    n = along[LENGTH]
    for f in range(across[LENGTH]):
        cell, face = f * across[CELL], f * across[FACE]
        middle, everything = 0, 0.0
        for i in range(n + 1):
            total[i], carried[i], heavy[i] = 0.0, 0.0, 0.0
            for j in range(one[LENGTH]):
                c = cell + i * along[CELL] + j * one[CELL]
                at = face + i * along[FACE] + j * one[FACE]
                for k in range(two[LENGTH]):
                    carried[i] += flux[at + k * two[FACE]]
                    heavy[i] += weight[at + k * two[FACE]]
                    if i < n:
                        total[i] += excess[c + k * two[CELL]]
            middle = i if heavy[i] > heavy[middle] else middle
            everything += heavy[i]
        _meet(total, heavy, n, middle)
        for i in range(1, n):
            change = (total[i - 1] if i <= middle else total[i]) - carried[i]
            if heavy[i] > 0.0 and _real(change, heavy[i], everything):
                factor = change / heavy[i]
                for j in range(one[LENGTH]):
                    at = face + i * along[FACE] + j * one[FACE]
                    for k in range(two[LENGTH]):
                        flux[at + k * two[FACE]] += factor * weight[at + k * two[FACE]]
        for i in range(n):
            for j in range(one[LENGTH]):
                c = cell + i * along[CELL] + j * one[CELL]
                at = face + i * along[FACE] + j * one[FACE]
                for k in range(two[LENGTH]):
                    q = at + k * two[FACE]
                    excess[c + k * two[CELL]] += flux[q + along[FACE]] - flux[q]


@njit(cache=True)
def _settle(excess, flux, before, after, across, other, along, total, heavy):
    """Set flux along an axis from the excess of every line, whose sum is nothing but rounding.

    before, after (cells,): masses; total, heavy: scratch, more entries than `along` has.
    """
    n, s, t = along
    for f in range(across[LENGTH]):
        for g in range(other[LENGTH]):
            cell = f * across[CELL] + g * other[CELL]
            face = f * across[FACE] + g * other[FACE]
            middle, line = 0, 0.0
            for i in range(n):
                total[i] = excess[cell + i * s]
                heavy[i] = before[cell + i * s] + after[cell + i * s]
                line += heavy[i]
                middle = i if heavy[i] > heavy[middle] else middle
            _meet(total, heavy, n, middle)
            for i in range(1, n):
                passed = total[i - 1] if i <= middle else total[i]
                real = _real(passed, heavy[i - 1] + heavy[i], line)
                flux[face + i * t] = passed if real else 0.0


@njit(cache=True)
def _axis(axis, counts, shifted):
    """Length, stride over cells, stride over the faces across the axis `shifted`."""
    cell, face = 1, 1
    for a in range(axis):
        cell *= counts[a]
        face *= counts[a] + 1 if a == shifted else counts[a]
    return counts[axis], cell, face


@njit(cache=True)
def _alone():
    """`_axis` of no axis."""
    return 1, 0, 0


@njit(cache=True)
def exact_flux(before, after, guess, weight, orders, counts, excess, lines, flux):
    """flux of the step in each axis, x, y, z, such that after - before + its differences = 0.

    before, after (cells,): masses; guess, weight, flux (3, faces): of `guessed_flux`, 0 at walls;
    orders (m, 3): orders of the axes, axes of one cell first; counts (3,): cells; scratch: excess
    (cells,), lines (3, longest axis + 1).
    """
    own = np.empty_like(guess)
    for o in range(orders.shape[0]):
        a, b, c = orders[o, 0], orders[o, 1], orders[o, 2]
        for k in range(before.size):
            excess[k] = after[k] - before[k]
        for axis in range(3):
            for k in range(own.shape[1]):
                own[axis, k] = guess[axis, k]
        if counts[a] > 1:
            one, two = max(b, c), min(b, c)
            _balance(
                excess, own[a], weight[a], _alone(), _axis(a, counts, a), _axis(one, counts, a),
                _axis(two, counts, a), lines[0], lines[1], lines[2],
            )  # fmt: skip
        if counts[b] > 1:
            _balance(
                excess, own[b], weight[b], _axis(a, counts, b), _axis(b, counts, b),
                _axis(c, counts, b), _alone(), lines[0], lines[1], lines[2],
            )  # fmt: skip
        _settle(
            excess, own[c], before, after, _axis(a, counts, c), _axis(b, counts, c),
            _axis(c, counts, c), lines[0], lines[2],
        )  # fmt: skip
        for axis in range(3):
            for k in range(flux.shape[1]):
                sofar = flux[axis, k] if o > 0 else 0.0
                flux[axis, k] = sofar + own[axis, k] / orders.shape[0]

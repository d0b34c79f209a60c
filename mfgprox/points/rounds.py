"""Rounds of interior-point steps on growing sets of pairs, and clouds thinned out to begin with.

The optimal plan has at most N + M - 1 entries. Which ones is guessed from potentials: the pairs of
small reduced cost C_ij - phi_i - psi_j. A solved restricted problem gives better potentials, and
those of a random part of the clouds give the first ones: psi_j = min_i C_ij - phi_i, whatever the
cost. What a restriction leaves out shows in the dual value, whose minima run over all pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.divergence import Divergence
from mfgprox.points.certify import Proof, primal, proof, restricted_dual
from mfgprox.points.interior import Iterate, Pairs, centred, pairs_of, stepped, thinned
from mfgprox.points.marginal import Marginal
from mfgprox.points.pairs import candidates, missing
from mfgprox.tolerance import Tolerance

SMALLEST, RATIO = 240, 3
"""Points of the first level at most; of a level in units of the one before."""
LEAST = 20
"""Pairs of each row and column to begin with."""
GROWTH = 1.5
"""Of that number from round to round, where a round has not brought the gap down by FALL."""
FALL = 0.2
CLOSE, FEW = 1e-2, 8
"""Relative gap from which potentials are so good that this many pairs of each row are enough."""
HOT = 10.0
"""π s at the start, in units of the mean reduced cost over the number of pairs: the central path
is joined far from its end, where few steps lead along it."""
MOST_ROUNDS, MOST_STEPS = 15, 80
FIRST_LOOK, NEXT_LOOK = 1e-2, 0.03
"""Relative gap of the restricted problem at which all pairs are looked at; the next one."""
LEFT_OUT = 2.0
"""A new round begins if the true gap exceeds this many restricted ones."""
THIN, NEXT_TO_NONE = 1e-3, 1e-6
"""Relative gap from which pairs are dropped that carry less than this share of row and column."""
SHARE = 1e-4
"""Of a row, from which a pair is kept for the next round."""
COARSE = Tolerance(1e-2, 0.0)
SHORT, PATIENCE = 1e-3, 8
"""Steps shorter than this, so many in a row, end a round."""


@dataclass(frozen=True, eq=False)
class Found:
    """A level's proof, phi (N,) to prolong, and the Newton steps taken."""

    proof: Proof
    phi: np.ndarray
    steps: int


def nested(
    C: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float, f: Divergence, goal: Tolerance
) -> Found:
    """Solve for random parts of the clouds, then for all of them."""
    rng = np.random.default_rng(0)
    order = [rng.permutation(n) for n in C.shape]
    size = max(C.shape)
    sizes = [size]
    while sizes[0] > SMALLEST:
        sizes.insert(0, sizes[0] // RATIO)
    known: tuple[np.ndarray, np.ndarray] | None = None
    steps = 0
    for size in sizes:
        last = size == sizes[-1]
        I, J = (np.sort(o[:size]) for o in order)
        part = C if last else C[np.ix_(I, J)]
        psi = np.zeros(len(J)) if known is None else (C[np.ix_(known[0], J)] - known[1]).min(axis=0)
        marginal = Marginal(b[J] / b[J].sum(), epsilon, f)
        mass = a[I] / a[I].sum()
        found = solved(
            part, mass, marginal, psi, goal if last else COARSE, everything=known is None
        )
        steps += found.steps
        known = I, found.phi[:, None]
    return Found(found.proof, found.phi, steps)


def solved(
    C: np.ndarray,
    a: np.ndarray,
    marginal: Marginal,
    psi: np.ndarray,
    goal: Tolerance,
    everything: bool,
) -> Found:
    """Rounds from psi (M,) until the gap over all pairs meets the goal. everything: all pairs."""
    everything = everything or C.size <= SMALLEST * SMALLEST
    least, kept, best, steps = LEAST, np.zeros(0, np.int64), None, 0
    before = math.inf
    for _ in range(MOST_ROUNDS):
        flat = np.arange(C.size) if everything else np.union1d(candidates(C, psi, least), kept)
        pairs = pairs_of(C, flat)
        at = centred(pairs, a, psi, _heat(pairs, psi, marginal))
        at, best, taken = _round(C, a, marginal, at, best, goal)
        steps += taken
        if goal.met(best.gap, best.lower) or everything:
            break
        relative = best.gap / max(abs(best.lower), 1e-300)
        least = _next(least, relative, before)
        psi, before = at.psi, relative
        used = at.pi > SHARE * a[at.pairs.i]
        used_flat = at.pairs.i[used] * C.shape[1] + at.pairs.j[used]
        kept = np.union1d(used_flat, missing(C, psi, at.phi, LEAST))
    assert best is not None
    phi = (C - best.psi).min(axis=1)
    return Found(best, phi, steps)


def _next(least: int, relative: float, before: float) -> int:
    """How many pairs of each row and column the next round has."""
    if relative > FALL * before:
        return math.ceil(GROWTH * least)
    return min(FEW, least) if relative < CLOSE else least


def _heat(pairs: Pairs, psi: np.ndarray, marginal: Marginal) -> float:
    free = pairs.C - psi[pairs.j]
    mean = float((free - pairs.row_minima(free)[pairs.i]).mean())
    scale = float(np.abs(pairs.C).max())
    return HOT * max(mean, 1e-10 * scale, 1e-10 * marginal.epsilon) / pairs.i.size


def _round(
    C: np.ndarray,
    a: np.ndarray,
    marginal: Marginal,
    at: Iterate,
    best: Proof | None,
    goal: Tolerance,
) -> tuple[Iterate, Proof, int]:
    """Steps until the goal is met, or what the restriction leaves out is the larger part of it."""
    look, short = FIRST_LOOK, 0
    for step in range(1, MOST_STEPS + 1):
        at = stepped(at, a, marginal)
        lower = restricted_dual(at, a, marginal)
        gap = primal(at, a, marginal)[1] - lower
        relative = gap / max(abs(lower), 1e-300)
        short = short + 1 if at.length < SHORT else 0
        done = goal.met(gap, lower)
        if relative > look and not done and short < PATIENCE and step < MOST_STEPS:
            continue
        look = NEXT_LOOK * relative
        new = proof(C, a, marginal, at, best)
        true_gap = new.gap
        best = new
        if goal.met(true_gap, best.lower) or true_gap > LEFT_OUT * gap or short >= PATIENCE:
            break
        if relative < THIN:
            at = thinned(at, a, NEXT_TO_NONE)
    assert best is not None
    return at, best, step

"""A potential on the lattice and the plan that it defines, with all that Newton's method needs.

Every source x spreads its mass over the targets y in proportion to exp(-slack / blur(x)), with
slack = c(x, y) - psi(y) - psi^c(x). This plan is optimal for its R at the price blur(x) for its
entropy: a lattice problem whose dual value J is concave and smooth in psi.
Source: Baptista et al., Proximal optimal transport divergences, (2.4) and Theorem 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse

from mfgprox.divergence import KullbackLeibler
from mfgprox.kernels.spread_masses import spread_masses
from mfgprox.kernels.threads import over
from mfgprox.solvers.back_and_forth.lattice import Lattice
from mfgprox.solvers.back_and_forth.multigrid import Laplacian, solved
from mfgprox.solvers.back_and_forth.pairs import LIMITS, pairs

HIGHEST = 3.0
"""Units of blur that a step may raise a target above its envelope."""
ACCURACY = 1e-2
"""Of Newton's step."""
LEAST_SHARED = 1e-10
"""Mass outside of Q below which it has no part in Newton's step."""
SHARE = 1e-5
"""Of J that such a product may cost, by its share of the plan."""
FLOOR, LEAST = -LIMITS[1], -600.0
"""Logarithms of the least ratios that are told of the masses that arrive to those wanted, and the
other way round."""


@dataclass(frozen=True, eq=False)
class Plan:
    """The plan of psi. dual: J; flat arrays over the cells unless said.

    psi: masked; phi, argmin (nz, ny, nx): psi^c over the lattice; R: masses that psi asks for, by
    Theorem 3.1, and gibbs its second term; delivered: masses that the plan makes of P. starts,
    targets, mass: the plan by sources, as in a compressed sparse row matrix. cost: of the plan;
    entropy: what its blur costs.
    """

    psi: np.ndarray
    phi: np.ndarray
    argmin: np.ndarray
    R: np.ndarray
    delivered: np.ndarray
    starts: np.ndarray
    targets: np.ndarray
    mass: np.ndarray
    dual: float
    gibbs: float
    cost: float
    entropy: float

    @classmethod
    def of(cls, lattice: Lattice, psi: np.ndarray, blur: np.ndarray) -> Plan:
        """Raises FloatingPointError where psi is not finite on the targets."""
        psi = lattice.masked(psi)
        if not np.isfinite(psi[lattice.cells]).all():
            raise FloatingPointError("the potential is not finite")
        phi, argmin = lattice.transform(psi)
        R, gibbs = lattice.marginal(psi)
        starts, targets, slack = pairs(lattice, psi, phi, argmin, R, blur)
        mass, phi_of = np.empty(targets.size), phi.ravel()[lattice.sources]
        log_total, cost, earned = np.empty((3, lattice.sources.size))
        over(
            spread_masses, log_total.size, targets.size, starts, targets, slack, blur, lattice.mass,
            phi_of, psi, mass, log_total, cost, earned,
        )  # fmt: skip
        free = phi_of - blur * (log_total - lattice.log_width)
        transported, paid = float((lattice.mass * free).sum()), float(cost.sum())
        delivered = np.bincount(targets, weights=mass, minlength=psi.size)
        entropy = transported - paid + float(earned.sum())
        return cls(
            psi,
            phi,
            argmin,
            R,
            delivered,
            starts,
            targets,
            mass,
            transported - gibbs,
            gibbs,
            paid,
            entropy,
        )

    def gradient(self, lattice: Lattice) -> np.ndarray:
        """Of J in psi, on the unknowns."""
        return _on_unknowns(lattice, self.R) - _on_unknowns(lattice, self.delivered)

    def primal(self, lattice: Lattice) -> float:
        """Value of the plan and of the R that it makes; not below J.

        Where f(0) = ∞, of that plan with a share of the product of P and R if that is less: the
        plan leaves targets out, each of which would cost all there is. The product costs the
        dearest way at most, and twice that with its entropy.
        """
        found = self.cost + self.entropy + lattice.epsilon * lattice.information(self.delivered)
        dearest = float(lattice.cost.max())
        if not lattice.needs_all or not self.dual > 0.0:
            return found
        share = min(SHARE * self.dual / dearest, SHARE)
        mixed = (1.0 - share) * self.delivered + share * self.R
        other = (1.0 - share) * (self.cost + self.entropy) + 2.0 * share * dearest
        return min(found, other + lattice.epsilon * lattice.information(mixed))

    def sharp_dual(self, lattice: Lattice) -> float:
        """The dual value without blur: a lower bound of the lattice problem without entropy."""
        return float((lattice.mass * self.phi.ravel()[lattice.sources]).sum()) - self.gibbs

    def certificate(self, lattice: Lattice) -> tuple[float, float]:
        """A primal and a dual value of one problem: of the blurred one; on the line, where the
        least cost of moving P to any R is known, of the sharp one if these are closer."""
        blurred = self.primal(lattice), self.dual
        if lattice.problem.grid.dimension > 1:
            return blurred
        information = lattice.epsilon * lattice.information(self.R)
        sharp = lattice.monotone_cost(self.R) + information, self.sharp_dual(lattice)
        return min(sharp, blurred, key=lambda pair: pair[0] - pair[1])

    def direction(self, lattice: Lattice, blur: np.ndarray) -> tuple[np.ndarray, float]:
        """Newton's step in psi, flat, and its slope.

        The Hessian of J is that of the transport, a graph Laplacian of targets that share sources,
        and that of the marginal. Where R is yet to arrive, mass will grow exponentially with psi:
        the logarithmic mean of both masses stands for that.
        """
        gradient = self.gradient(lattice)
        scale = np.repeat(1.0 / np.sqrt(lattice.mass * blur), np.diff(self.starts))
        B = sparse.csr_matrix(
            (self.mass * scale, lattice.unknown[self.targets], self.starts),
            shape=(lattice.sources.size, lattice.unknowns),
        )
        if lattice.shared:
            B.sum_duplicates()
        rate = self.mass / np.repeat(blur, np.diff(self.starts))
        transport = _on_unknowns(
            lattice, np.bincount(self.targets, weights=rate, minlength=self.psi.size)
        )
        marginal, star = self._marginal(lattice)
        d = transport + marginal + self._missing(lattice, transport, float(blur.mean()))
        if lattice.shared:
            # Next to no mass: no step to minus infinity for the sake of that.
            d[-1] += LEAST_SHARED / float(blur.mean())
        A = Laplacian(B, d, star)
        step = solved(A, gradient, lattice.places, ACCURACY)
        slope = float((gradient * step).sum())
        if not math.isfinite(slope):
            raise FloatingPointError("Newton's step is not finite")
        full = np.zeros(self.psi.size)
        full[lattice.cells] = step[: lattice.cells.size]
        if lattice.shared:
            full[~lattice.held] = step[-1]
        return full, slope

    def after(self, lattice: Lattice, step: np.ndarray, blur: np.ndarray) -> np.ndarray:
        """psi after a step, but no target raised far above the envelope of the psi^c that the step
        leads to, to first order: it would catch mass from all around."""
        change = np.add.reduceat(self.mass * step[self.targets], self.starts[:-1]) / lattice.mass
        phi = self.phi.ravel().copy()
        phi[lattice.sources] -= change
        most = lattice.envelope(phi) + HIGHEST * float(blur.max())
        return np.minimum(self.psi + step, np.where(lattice.held, most, np.inf))

    def _marginal(self, lattice: Lattice) -> tuple[np.ndarray, np.ndarray | None]:
        """Diagonal of the marginal's Hessian; with mass outside of Q its coupling to the last.

        Where more than R arrives, R will grow as psi falls, exponentially for KL; for another f it
        has a pole at the end of the domain of f*, which a step by the slope alone would pass: the
        secant to what arrives leads there, and back from R that are too large by orders.
        """
        wanted, has = self.R[lattice.cells], self.delivered[lattice.cells]
        slope = lattice.slope(self.R)
        if isinstance(lattice.f, KullbackLeibler):
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                ratio = np.log(has / np.maximum(wanted, has * np.exp(LEAST)))
                mean = np.where(ratio > 1e-6, (has - wanted) / ratio, wanted)
            slope = np.where(has > wanted, np.maximum(slope, mean / lattice.epsilon), slope)
        else:
            secant = lattice.secant(wanted, has)
            slope = np.where(np.isnan(secant), slope, secant)
        if not lattice.shared:
            return slope, None
        if not self.R[~lattice.held].sum() > 0.0:
            return np.append(slope, 0.0), None
        # nu is tied to the potential outside of Q.
        return np.append(slope, slope.sum()), np.append(slope, 0.0)

    def _missing(self, lattice: Lattice, transport: np.ndarray, blur: float) -> np.ndarray:
        wanted, has = (_on_unknowns(lattice, m) for m in (self.R, self.delivered))
        with np.errstate(divide="ignore", invalid="ignore"):
            unit = np.where(has > 0.0, has / transport, blur)
            ratio = np.log(wanted / np.maximum(has, wanted * np.exp(FLOOR)))
            mean = np.where(ratio > 1e-6, (wanted - has) / ratio, has)
        return np.where(wanted > 0.0, np.maximum(mean - has, 0.0) / unit, 0.0)

    def lifted(self, lattice: Lattice, share: float) -> np.ndarray:
        """psi raised to its c-concave envelope where next to none of its R arrives: there it may
        be hidden behind others, and no gradient would tell."""
        raised = lattice.envelope(self.phi)
        hidden = lattice.held & (self.delivered < share * self.R) & (raised > self.psi)
        return np.where(hidden, raised, self.psi)


def _on_unknowns(lattice: Lattice, values: np.ndarray) -> np.ndarray:
    """Sums over the cells of each unknown."""
    held = values[lattice.cells]
    return np.append(held, values[~lattice.held].sum()) if lattice.shared else held

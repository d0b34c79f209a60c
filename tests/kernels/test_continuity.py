"""The forward sweep and the second derivative: transposition, mass, positivity, differences."""

import numpy as np
import pytest

from mfgprox.kernels.continuity import face_momentum, forward_sweep, kinetic_energy
from mfgprox.kernels.hamilton_jacobi import backward_sweep
from mfgprox.kernels.sensitivity import second_derivative, tangent_step

SHAPES = [(1, 1, 11), (1, 6, 7), (4, 5, 3)]
POWERS = [1.5, 2.0, 2.5, 4.0]
INVERSE = np.array([1.3, 2.0, 1.7])
SPEED = 1.1


class Sweeps:
    """Both sweeps from a random terminal potential and a random density."""

    def __init__(self, shape, p, separable, scale=2.0, seed=0):
        self.rng = np.random.default_rng(seed)
        self.shape, self.p, self.separable = shape, p, separable
        self.steps = int(np.ceil(SPEED * np.sqrt(2.0) * INVERSE.sum()))
        self.factors = INVERSE**2 / self.steps
        self.u = scale * self.rng.standard_normal(shape)
        density = self.rng.random(shape)
        self.P = density / density.sum()
        self.U, self.G, self.rho = self.run(self.u)

    def run(self, u):
        U = np.empty((self.steps + 1, *self.shape))
        U[-1] = u
        G = np.empty((self.steps, 3 if self.separable else 1, *self.shape))
        backward_sweep(U, G, INVERSE, self.p, SPEED, self.separable)
        rho = np.empty_like(U)
        rho[0] = self.P
        forward_sweep(U, G, rho, self.factors)
        return U, G, rho

    def second(self, along, floor=0.0, blur=1e-300):
        out, D = np.empty(self.shape), np.empty_like(self.U)
        second_derivative(
            self.U, self.G, self.rho, along, D, out, INVERSE, self.p, SPEED, floor, blur
        )  # fmt: skip
        return out, D


cases = pytest.mark.parametrize(
    ("shape", "p", "separable"),
    [(s, p, sep) for s in SHAPES for p in POWERS for sep in (False, True)],
)


@cases
def test_forward_is_the_transpose_of_the_tangent(shape, p, separable):
    """<rho_0, A…A d> = <rho_1, d> to rounding, for every power, norm and dimension."""
    sweeps = Sweeps(shape, p, separable)
    along = sweeps.rng.standard_normal(shape)
    d = along
    for k in range(sweeps.steps - 1, -1, -1):
        out = np.empty(shape)
        tangent_step(sweeps.U[k + 1], sweeps.G, k, d, out, sweeps.factors)
        d = out
    left, right = (sweeps.P * d).sum(), (sweeps.rho[-1] * along).sum()
    assert abs(left - right) <= 1e-14 * np.abs(along).max() * sweeps.steps


@cases
def test_gradient_of_the_mean_potential_is_the_pushed_density(shape, p, separable):
    sweeps = Sweeps(shape, p, separable)
    along = sweeps.rng.standard_normal(shape)
    e = 1e-6
    values = [(sweeps.P * sweeps.run(sweeps.u + s * e * along)[0][0]).sum() for s in (1, -1)]
    assert (values[0] - values[1]) / (2 * e) == pytest.approx(
        (sweeps.rho[-1] * along).sum(), abs=1e-7
    )


@cases
def test_second_derivative_against_differences(shape, p, separable):
    """Along random directions; kinks of the upwinding are a null set, so small steps avoid them."""
    sweeps = Sweeps(shape, p, separable)
    along = sweeps.rng.standard_normal(shape)
    out, _ = sweeps.second(along)
    e = 1e-7
    ends = [sweeps.run(sweeps.u + s * e * along)[2][-1] for s in (1, -1)]
    difference = (ends[0] - ends[1]) / (2 * e)
    # The second derivative jumps where an upwind side changes within the step: rare, and small.
    error = np.abs(difference - out)
    assert np.median(error) <= 1e-6 * np.abs(out).max()
    assert error.max() <= 2e-3 * np.abs(out).max()


@cases
def test_second_derivative_is_symmetric_and_semi_definite(shape, p, separable):
    sweeps = Sweeps(shape, p, separable)
    floor = 0.1 if p != 2.0 else 0.0
    a, b = sweeps.rng.standard_normal((2, *shape))
    Ha, Hb = sweeps.second(a, floor, 0.5)[0], sweeps.second(b, floor, 0.5)[0]
    size = np.abs(Ha).max() + np.abs(Hb).max()
    assert abs((a * Hb).sum() - (b * Ha).sum()) <= 1e-13 * size * a.size
    assert (a * Ha).sum() <= 1e-14 * size


@cases
def test_mass_and_positivity(shape, p, separable):
    """Even for a wildly rough potential and empty cells: nothing negative, mass to rounding."""
    sweeps = Sweeps(shape, p, separable, scale=200.0)
    sweeps.P[np.less(sweeps.P, np.median(sweeps.P))] = 0.0
    _, _, rho = sweeps.run(sweeps.u)
    masses = rho.reshape(len(rho), -1).sum(axis=1)
    assert rho.min() >= 0.0
    assert np.abs(masses / masses[0] - 1.0).max() <= 1e-14


@cases
def test_momentum_meets_continuity_and_carries_the_kinetic_energy(shape, p, separable):
    """Face fluxes move the density exactly, and cost what the duality of the sweeps says."""
    sweeps = Sweeps(shape, p, separable)
    momentum = []
    for axis in range(3):
        faces = [n + (a == axis) for a, n in enumerate(shape)]
        m = np.zeros((sweeps.steps, *faces))
        for k in range(sweeps.steps):
            face_momentum(sweeps.U, sweeps.G, sweeps.rho, k, axis, INVERSE[axis], 1.0, m[k])
        momentum.append(m)
    change = np.diff(sweeps.rho, axis=0) * sweeps.steps
    divergence = sum(np.diff(m, axis=a + 1) * INVERSE[a] for a, m in enumerate(momentum))
    assert np.abs(change + divergence).max() <= 1e-13 * np.abs(change).max() * sweeps.steps
    paid = (sweeps.P * sweeps.U[0]).sum() - (sweeps.rho[-1] * sweeps.u).sum()
    energy = kinetic_energy(sweeps.rho, *momentum, sweeps.p, sweeps.separable) / sweeps.steps
    # Net fluxes: where both sides of a face send mass, only one does, because of upwinding.
    assert energy == pytest.approx(paid, rel=1e-11)


def test_no_mass_leaves_an_empty_cell_for_free():
    rho = np.zeros((2, 1, 1, 2))
    momentum = [np.zeros((1, 2, 1, 2)), np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 1, 3))]
    assert kinetic_energy(rho, *momentum, 2.0, False) == 0.0
    momentum[2][0, 0, 0, 1] = 1.0
    assert kinetic_energy(rho, *momentum, 2.0, False) == np.inf

"""The two pictures of docs/points.md: python -m benchmarks.points_figures [FOLDER]."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from mfgprox.grid import Grid
from mfgprox.plot.style import new_figure, styled
from mfgprox.points import divergence_of_points, pairwise_cost
from mfgprox.points.kinks import entropic_cost, mass_family, swap_family, transport_cost
from mfgprox.solvers.semi_discrete import fit_generator, monomials

EPSILON, ETA = 5.0, 1.0


def kinks(path: Path) -> None:
    """Three values along the two families with a kink at 0."""
    theta = np.linspace(-0.4, 0.4, 81)
    with styled():
        figure = new_figure(6.8, 2.6)
        for axes, family, title in zip(
            figure.subplots(1, 2),
            (mass_family, swap_family),
            ("masses ½ ± θ", "points ±(θ, ½)"),
            strict=True,
        ):
            rows = np.array([_three(family(t)) for t in theta])
            rows -= rows[len(theta) // 2]
            for row, label, style in zip(
                rows.T,
                ("transport cost", f"entropic, η = {ETA:g}", f"divergence, ε = {EPSILON:g}"),
                ("-", "-.", "--"),
                strict=True,
            ):
                axes.plot(theta, row, style, label=label)
            axes.set(xlabel="θ", title=title, ylabel="value − value at 0")
        axes.legend()
        figure.savefig(path, dpi=130)


def _three(clouds: tuple[np.ndarray, ...]) -> list[float]:
    x, y, a, b = clouds
    C = pairwise_cost(x, y)
    found = divergence_of_points(C, EPSILON, a, b)
    return [transport_cost(C, a, b), entropic_cost(C, a, b, ETA), found.upper]


def generator(path: Path) -> None:
    """A banana, and the points of affine and quadratic generators fitted to it."""
    grid = Grid((-3, -3), (3, 3), (96, 96))
    x, y = grid.coordinates()
    P = np.exp(-0.5 * (x / 0.8) ** 2 - 0.5 * ((y - 0.5 * x**2 + 0.5) / 0.3) ** 2)
    latent = np.random.default_rng(0).normal(size=(100, 2))
    with styled():
        figure = new_figure(6.8, 3.4)
        for axes, degree in zip(figure.subplots(1, 2, sharey=True), (1, 2), strict=True):
            features = monomials(latent, degree)
            theta = np.zeros((features.shape[1], 2))
            theta[1, 0] = theta[2, 1] = 0.5
            fit = fit_generator(grid, P, features, theta, 0.3)
            print(degree, fit.values[0], fit.values[-1], len(fit.values) - 1, fit.gradient_norm)
            axes.contourf(x.ravel(), y.ravel(), P / P.max(), 12, cmap="Greys")
            points = fit.generator.points
            axes.scatter(*points.T, s=1500 * fit.cloud.R, c="tab:red", alpha=0.8, linewidths=0)
            value = fit.cloud.value
            axes.set(title=f"degree {degree}: D = {value:.4f}", aspect="equal", xlabel="x")
        figure.axes[0].set_ylabel("y")
        figure.savefig(path, dpi=130)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    kinks(folder / "points_kinks.png")
    generator(folder / "points_generator.png")

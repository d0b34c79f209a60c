"""Samples carried through solved flows are samples of R, and not of P."""

from functools import lru_cache

import numba
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from typer.testing import CliRunner

from mfgprox import Grid, Problem, cli, load, solve
from mfgprox.density import Gaussian, Mixture, Ring, Samples, Uniform
from mfgprox.exits import Exit
from mfgprox.sampling import SamplingError, draw


def square(cells):
    return Grid((-3.0, -3.0), (3.0, 3.0), (cells, cells), 4)


def bumps(dimension=2):
    ends = [(1.3, 1.3), (-1.3, 1.3), (1.3, -1.3), (-1.3, -1.3)]
    return Mixture([1.0] * 4, [Gaussian(m, std=(0.35, 0.35)) for m in ends])


def surprise(points, density, grid):
    """(χ² - k)/√(2k) of the counts in cells, those below ten expected put together: about N(0, 1)
    for points of that density, up to what the density varies within cells."""
    edges = [grid.edges(a) for a in range(grid.dimension)][::-1]
    counts = np.histogramdd(points[:, ::-1], bins=edges)[0].ravel()
    expected = (density / density.sum()).ravel() * len(points)
    large = expected >= 10.0
    got = np.append(counts[large], counts[~large].sum())
    want = np.append(expected[large], expected[~large].sum())
    got, want = got[want > 0.0], want[want > 0.0]
    return (((got - want) ** 2 / want).sum() - got.size) / np.sqrt(2.0 * got.size)


# Five deviations: a wrong alarm in 3e6, were the seeds not fixed. The same points held against the
# other end of the flow miss by hundreds.
LIMIT = 5.0

CASES = {
    "line": lambda: Problem(
        Gaussian([-1.0], std=[0.5]),
        Mixture([0.3, 0.7], [Uniform([-2.0], [-1.0]), Uniform([1.0], [2.5])]),
        epsilon=4.0, p=3.0, grid=Grid((-4.0,), (4.0,), (200,), 4),
    ),
    "map": lambda: Problem(
        Gaussian((-0.8, -0.4), std=(0.35, 0.45)), Gaussian((0.7, 0.5), std=(0.5, 0.3)),
        epsilon=2.0, grid=square(64),
    ),
    "torn": lambda: Problem(
        Gaussian((0.1, 0.0), std=(0.4, 0.4)), bumps(), epsilon=4.0, grid=square(64)
    ),
    "edges": lambda: Problem(
        Uniform((-1.0, -1.0), (1.0, 0.5)), Ring((0, 0), 1.0, 2.0), epsilon=2.0, grid=square(48)
    ),
    "space": lambda: Problem(
        Gaussian((-0.5, 0.0, 0.2), std=(0.6, 0.6, 0.6)),
        Gaussian((0.5, 0.3, 0.0), std=(0.7, 0.6, 0.5)),
        epsilon=2.0, grid=Grid((-3.0,) * 3, (3.0,) * 3, (24,) * 3, 4),
    ),
}  # fmt: skip
METHOD = {"line": "quantiles", "map": "map", "edges": "plan"}


@lru_cache
def solved(name):
    return solve(CASES[name](), static=True)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "space" else n for n in CASES]
)
def test_starts_are_of_P_and_ends_of_R(name):
    solution = solved(name)
    problem = solution.problem
    drawn = draw(solution, 100_000, seed=1, times=(0.0, 1.0))
    if name in METHOD:
        assert drawn.method == METHOD[name]
    start, end = drawn.points
    assert surprise(start, problem.P, problem.grid) < LIMIT
    assert surprise(end, solution.R, problem.grid) < LIMIT
    assert surprise(end, problem.P, problem.grid) > 20.0 * LIMIT
    assert surprise(start, solution.R, problem.grid) > 20.0 * LIMIT
    if name == "edges":
        counts = np.histogramdd(end[:, ::-1], bins=[problem.grid.edges(1), problem.grid.edges(0)])
        assert counts[0][problem.Q == 0.0].sum() == 0


def test_moments_are_those_of_the_closed_form():
    from mfgprox import gaussian

    m, S = np.array([-0.8, -0.4]), np.diag([0.35**2, 0.45**2])
    m2, S2 = np.array([0.7, 0.5]), np.diag([0.25, 0.09])
    exact = gaussian.solve(m, S, m2, S2, 2.0)
    n = 200_000
    points = solved("map").sample(n, seed=2)
    widths = np.sqrt(np.diag(exact.covariance_R))
    assert (np.abs(points.mean(axis=0) - exact.mean_R) < 4.0 * widths / np.sqrt(n)).all()
    errors = np.abs(np.cov(points.T) - exact.covariance_R)
    assert (errors < 4.0 * np.sqrt(2.0 / n) * np.outer(widths, widths)).all()


@pytest.mark.parametrize("method", ["map", "plan"])
def test_nothing_ends_in_the_gap_of_a_torn_map(method):
    solution = solved("torn")
    end = solution.sample(50_000, seed=3, method=method)
    near = np.abs(end).min(axis=1) < 0.3
    x, y = np.meshgrid(*(solution.problem.grid.centers(a) for a in (0, 1)))
    gap = np.minimum(np.abs(x), np.abs(y)) < 0.3
    share = (solution.R * gap).sum() / solution.R.sum()
    # The band's edges cut cells, the density rising by half across one of them.
    assert near.mean() < 1.5 * share + 4.0 * np.sqrt(share / len(end))
    assert share < 0.01


def test_points_are_the_same_for_any_threads_and_length():
    solution = solved("torn")
    before = numba.get_num_threads()
    found = []
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(threads)
        found.append(solution.sample(40_000, seed=4, method="map"))
    numba.set_num_threads(before)
    assert np.array_equal(*found)
    assert np.array_equal(solution.sample(500, seed=4, method="map"), found[0][:500])
    assert not np.array_equal(solution.sample(500, seed=5, method="map"), found[0][:500])


def test_points_move_on_straight_lines():
    solution = solved("map")
    start, middle, end = solution.sample(1000, times=(0.0, 0.25, 1.0))
    assert np.allclose(middle, 0.75 * start + 0.25 * end, atol=1e-12)


def test_axes_that_do_not_move_are_kept():
    problem = Problem(
        Gaussian((-0.5, 0.0), std=(0.4, 0.6)), bumps(), epsilon=2.0, grid=square(32),
        transport_axes=["x"],
    )  # fmt: skip
    solution = solve(problem, static=True)
    start, end = solution.sample(50_000, seed=6, times=(0.0, 1.0))
    assert np.array_equal(start[:, 1], end[:, 1])
    x = problem.grid.coordinates()[0]
    mean = (solution.R * x).sum() / solution.R.sum()
    # Within a cell of y, x is taken from one slice: of second order in the cells.
    assert abs(end[:, 0].mean() - mean) < 4.0 * end[:, 0].std() / np.sqrt(len(end)) + 1e-2


def test_samples_come_back_through_the_density_kind(tmp_path):
    rng = np.random.default_rng(7)
    data = np.array([1.0, 0.5]) + rng.standard_normal((2000, 2)) @ np.array(
        [[0.5, 0.2], [0.0, 0.4]]
    )
    problem = Problem(
        Gaussian((-0.5, 0.0), std=(0.5, 0.5)), Samples(data, 0.2), epsilon=50.0, grid=square(48)
    )
    made = solve(problem, static=True).sample(2000, seed=8)
    more = data + 0.2 * rng.standard_normal(data.shape)

    def distance(a, b):
        return 2.0 * cdist(a, b).mean() - cdist(a, a).mean() - cdist(b, b).mean()

    # Two sets of 2000 points of one law in the plane differ by about 2 E|x - y|/2000 = 1e-3.
    assert distance(made, more) < 5e-3
    assert distance(problem_starts(problem), more) > 0.1


def problem_starts(problem):
    return solve(problem, static=True).sample(2000, seed=8, times=0.0)


def test_command_writes_what_the_kind_samples_reads(tmp_path):
    solution = solved("map")
    result = solution.save(tmp_path / "out.h5")
    wanted = solution.sample(500, seed=9)
    assert np.array_equal(load(result).sample(500, seed=9), wanted)
    for suffix in ("npy", "csv"):
        output = tmp_path / f"points.{suffix}"
        call = ["sample", str(result), "-n", "500", "--seed", "9", "-o", str(output)]
        assert CliRunner().invoke(cli.app, call).exit_code == Exit.OK
        assert np.array_equal(Samples.read(output, 2).points, wanted)
    call = ["sample", str(result), "-n", "5", "--times", "0,1", "-o", str(output)]
    assert CliRunner().invoke(cli.app, call).exit_code == Exit.OK
    assert output.read_text().splitlines()[0] == "time,x,y"


def test_what_cannot_be_is_refused(tmp_path):
    solution = solved("map")
    result = solution.save(tmp_path / "out.h5")
    for options in ({"n": 0}, {"n": 2.5}, {"n": 9, "seed": -1}, {"n": 9, "times": 1.5},
                    {"n": 9, "method": "magic"}, {"n": 9, "method": "quantiles"}):  # fmt: skip
        with pytest.raises(SamplingError):
            solution.sample(**options)
    runner = CliRunner()
    for more, status in (
        (["-n", "0"], Exit.BAD_INPUT),
        (["-o", str(tmp_path / "x.txt")], Exit.BAD_INPUT),
        (["--times", "now"], Exit.BAD_INPUT),
        (["-o", str(tmp_path / "no" / "x.npy")], Exit.CANNOT_WRITE),
    ):
        assert runner.invoke(cli.app, ["sample", str(result), *more]).exit_code == status
    missing = runner.invoke(cli.app, ["sample", str(tmp_path / "none.h5")])
    assert missing.exit_code == Exit.BAD_INPUT

"""Figures: right kinds of files, the same bytes twice, no window, and what they show."""

import dataclasses
import io
import itertools
import subprocess
import sys

import numpy as np
import pytest
from gaussian_solutions import gaussian_solution
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from mfgprox.grid import Grid
from mfgprox.plot import animate, figure, save_figure
from mfgprox.plot.convergence import _levels
from mfgprox.plot.curves import mass_interval, quantile_paths, time_edges
from mfgprox.plot.fields import View, project
from mfgprox.plot.style import DENSITY_MAP, POTENTIAL_MAP, heading, new_figure, shown_levels
from mfgprox.problem import Problem
from mfgprox.tolerance import Status

CELLS = [(64,), (24, 20), (12, 10, 14)]


@pytest.fixture(params=CELLS, ids=str)
def solution(request):
    return gaussian_solution(request.param)


def test_the_figure_shows_everything(solution):
    made = figure(solution)
    assert isinstance(made, Figure)
    axes = [a for a in made.axes if a.get_label() != "<colorbar>"]
    assert len(axes) == {1: 4, 2: 13, 3: 23}[solution.problem.grid.dimension]
    texts = "\n".join(text.get_text() for text in made.findobj(Text))
    for part in (
        "Two Gaussians",
        "iteration",
        "gap (units of cost)",
        "$x$",
        "per unit",
        "U_t",
        "Q",
    ):
        assert part in texts, part
    assert "converged" in texts
    if solution.problem.grid.dimension > 1:
        images = [a for a in axes if a.images]
        assert all(a.get_aspect() == 1.0 for a in images)


@pytest.mark.parametrize(
    ("suffix", "magic"), [(".PNG", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_figures_as_files(suffix, magic, tmp_path):
    solution = gaussian_solution((16,), 3)
    path = save_figure(solution, tmp_path / f"figure{suffix}", dpi=50)
    assert path.read_bytes().startswith(magic)
    again = save_figure(solution, tmp_path / f"again{suffix}", dpi=50)
    assert path.read_bytes() == again.read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["figure", "figure.jpg", "figure.gif", "figure.h5"])
def test_an_unknown_suffix_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.png, \.svg, \.pdf"):
        save_figure(gaussian_solution((8,), 2), tmp_path / name)
    with pytest.raises(ValueError, match=r"must end in \.gif or \.mp4"):
        animate(gaussian_solution((8,), 2), tmp_path / "film.avi")
    assert not list(tmp_path.iterdir())


def awkward():
    """Solutions that a picture must survive."""
    base = gaussian_solution((16, 12), 4)
    yield "no history", dataclasses.replace(base, history={})
    zero = {name: np.zeros(3) for name in base.history}
    yield "gap zero", dataclasses.replace(base, history=zero)
    negative = {name: np.array([np.nan, -1e-9, 1e-9]) for name in base.history}
    yield "gap negative and nan", dataclasses.replace(base, history=negative)
    yield (
        "one iteration",
        dataclasses.replace(base, history={k: v[:1] for k, v in base.history.items()}),
    )
    U = base.U.copy()
    U[:, :3], U[:, -1] = -np.inf, np.nan
    yield "infinite U", dataclasses.replace(base, U=U)
    yield "flat U", dataclasses.replace(base, U=np.zeros_like(U))
    ends = [0, -1]
    times = base.times[ends]
    yield "ends", dataclasses.replace(base, rho=base.rho[ends], U=base.U[ends], written_times=times)
    yield (
        "not converged",
        dataclasses.replace(
            base, status=Status.ITERATION_LIMIT, divergence=np.nan, divergence_error=np.inf
        ),
    )
    for cells in [(1,), (2,), (9, 1), (1, 1, 2)]:
        yield f"cells {cells}", gaussian_solution(cells, 1)
    grid = Grid((0.0, 0.0), (10.0, 1.0), (40, 8), 4)
    disc = np.zeros(grid.shape)
    disc[2:5, 10:14] = 1.0
    problem = Problem(disc, disc, epsilon=1.0, grid=grid, title=r"50 % of $x_$ \alpha ∂")
    rho = np.repeat(problem.P[None], 5, axis=0)
    yield (
        "hard edges, long box, odd title",
        dataclasses.replace(base, problem=problem, rho=rho, U=0.0 * rho, R=problem.P),
    )


@pytest.mark.parametrize("case", list(awkward()), ids=lambda case: case[0])
def test_awkward_solutions_are_drawn(case, tmp_path):
    _, solution = case
    save_figure(solution, tmp_path / "f.png", dpi=40)
    if len(solution.times) == 2:
        animate(solution, tmp_path / "f.gif", fps=2.0, dpi=30)


def test_one_dimensional_quantiles_are_exact_for_cellwise_densities():
    solution = gaussian_solution((200,), 4)
    paths = quantile_paths(solution)
    assert paths.shape == (5, 10)
    assert (np.diff(paths, axis=1) > 0.0).all()
    straight = paths[0] + solution.times[:, None] * (paths[-1] - paths[0])
    assert np.abs(paths - straight).max() < 1e-3


def test_projections_keep_mass_and_axes():
    solution = gaussian_solution((12, 10, 14))
    problem, grid = solution.problem, solution.problem.grid
    for plane, shape in (((0, 1), (10, 12)), ((0, 2), (14, 12)), ((1, 2), (14, 10))):
        shadow = project(problem.P, grid, plane)
        assert shadow.shape == shape
        area = grid.spacing[plane[0]] * grid.spacing[plane[1]]
        assert shadow.sum() * area == pytest.approx(1.0, rel=1e-12)


def test_views_hold_the_mass_and_stay_in_the_box():
    solution = gaussian_solution((40, 44), half_width=8.0)
    view = View.around_mass(solution, (0, 1))
    (left, right), (bottom, top) = view.bounds
    assert -8.0 <= left < -1.5
    assert 1.5 < right < 4.0
    assert -8.0 <= bottom < -1.0
    assert 1.0 < top < 4.0
    low, high = mass_interval(gaussian_solution((200,), half_width=8.0))
    assert -3.0 < low < -1.8
    assert 2.0 < high < 3.0


def test_levels_and_edges_of_time():
    assert shown_levels(np.linspace(0, 1, 33), 5) == [0, 8, 16, 24, 32]
    assert shown_levels(np.array([0.0, 1.0]), 5) == [0, 1]
    assert shown_levels(np.array([0.0, 0.1, 0.5, 1.0]), 3) == [0, 2, 3]
    assert time_edges(np.array([0.0, 0.5, 1.0])).tolist() == [0.0, 0.25, 0.75, 1.0]


def luminance(colors):
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    return linear[:, :3] @ [0.2126, 0.7152, 0.0722]


def test_colour_maps_are_ordered_by_lightness_alone():
    at = np.linspace(0.0, 1.0, 101)
    dark = np.diff(luminance(DENSITY_MAP(at)))
    assert (dark < 0.0).all()
    assert DENSITY_MAP(0.0) == (1.0, 1.0, 1.0, 1.0)
    assert (np.diff(luminance(POTENTIAL_MAP(at))) > 0.0).all()


def test_the_heading_gives_the_digits_that_the_error_allows():
    made = new_figure(4.0, 3.0)
    solution = dataclasses.replace(
        gaussian_solution((8,), 2), divergence=1.23456789, divergence_error=3.2e-5
    )
    heading(made, solution)
    assert r"D = 1.23457\pm 3\times 10^{-5}" in made.get_suptitle()


def test_no_window_and_no_global_state():
    code = (
        "import sys, matplotlib; before = dict(dict.items(matplotlib.rcParams));"
        "from gaussian_solutions import gaussian_solution as g; import mfgprox.plot as p, tempfile;"
        "f = tempfile.mkdtemp(); p.save_figure(g((8,), 2), f + '/a.png');"
        "p.animate(g((8,), 2), f + '/a.mp4');"
        "print('matplotlib.pyplot' in sys.modules, before == dict(dict.items(matplotlib.rcParams)))"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    out = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": "tests", "PATH": ""}
    )
    assert out.stdout.split() == ["False", "True"]


def test_solution_plot_gives_the_figure():
    made = gaussian_solution((16,), 2).plot()
    buffer = io.BytesIO()
    made.savefig(buffer, format="png", dpi=30)
    assert buffer.getvalue().startswith(b"\x89PNG")


@pytest.mark.parametrize("grids", [3, 12])
def test_the_numbers_of_grids_do_not_run_into_each_other(grids):
    canvas = FigureCanvasAgg(Figure(figsize=(4.5, 2.0)))
    axes = canvas.figure.subplots()
    _levels(axes, np.repeat(np.arange(grids, dtype=float), 7))
    canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == grids
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))

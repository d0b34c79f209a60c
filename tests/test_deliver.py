"""The commands report and export on results and flows; what files of flows are called."""

import numpy as np
import pytest
from gaussian_solutions import gaussian_flow, gaussian_solution
from matplotlib.text import Text
from typer.testing import CliRunner

import mfgprox
from mfgprox import cli
from mfgprox.exits import Exit
from mfgprox.plot import figure
from mfgprox.plot.convergence import draw_convergence
from mfgprox.plot.style import new_figure


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gaussian_solution((16,), 4).save("out.h5")
    gaussian_flow((16,), 4).save("flow.h5")
    return tmp_path


@pytest.mark.parametrize("name", ["out", "flow"])
def test_report_and_export(name, folder):
    for words, made in (
        (["report", "-o", "page.HTM"], "page.HTM"),
        (["export", "--to", "vtk"], f"{name}.pvd"),
        (["export", "--to", "npz"], f"{name}.npz"),
        (["export", "--to", "csv", "-o", "table.csv"], "table.csv"),
    ):
        called = CliRunner().invoke(cli.app, [words[0], f"{name}.h5", *words[1:]])
        assert called.exit_code == Exit.OK, called.stderr
        assert called.stdout.startswith(made)
        assert (folder / made).stat().st_size > 0
    times = np.load(folder / f"{name}.npz")["time"]
    assert times[-1] == (3.0 if name == "flow" else 1.0)


def test_info_calls_an_energy_an_energy(folder):
    said = CliRunner().invoke(cli.app, ["info", "flow.h5"]).stdout
    assert "jko, from t = 0 to t = 3" in said
    assert "D_f(rho_t‖Q)" in said
    assert "2 at first, 0.5 at last" in said
    for wrong in ("D(P‖Q)", "minimiser", "bounds of D"):
        assert wrong not in said
    assert "D(P‖Q)" in CliRunner().invoke(cli.app, ["info", "out.h5"]).stdout


@pytest.mark.parametrize("cells", [(32,), (16, 14)], ids=str)
def test_the_figure_of_a_flow_has_its_times(cells):
    made = figure(gaussian_flow(cells, 4).as_solution())
    texts = "\n".join(text.get_text() for text in made.findobj(Text))
    assert "energy" in texts
    assert r"\rho_{3}" in texts
    for wrong in ("$R$", "t=1$", r"\rho_1$", "D ="):
        assert wrong not in texts


def test_nothing_is_drawn_over_the_word_tolerance():
    problem = mfgprox.load_case("gaussian_1d", ["grid.cells=[32]", "solver.rtol=1e-3"])
    solution = mfgprox.solve(problem, "fictitious-play", static=True)
    made = new_figure(4.0, 3.0)
    axes = made.subplots()
    draw_convergence(axes, solution)
    made.draw_without_rendering()
    (label,) = [text for text in axes.texts if text.get_text() == "tolerance"]
    assert label.get_window_extent().x0 >= axes.get_window_extent().x1
    assert label.get_window_extent().x1 <= made.bbox.x1

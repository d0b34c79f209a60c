"""What a notebook shows: tables, pictures, films, and the progress of a solve."""

import base64
import re
import sys
import types
from html.parser import HTMLParser

import pytest
from gaussian_solutions import gaussian_flow, gaussian_solution

import mfgprox
from mfgprox import notebook

CELLS = [(64,), (24, 20), (12, 10, 14)]


class Words(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.words = []
        self.feed(text)

    def handle_data(self, data):
        self.words.append(data)


def picture_in(text):
    return base64.b64decode(re.search(r"data:image/png;base64,([^\"]+)", text)[1])


@pytest.mark.parametrize("cells", CELLS, ids=str)
def test_problems_and_solutions_show_themselves(cells):
    solution = gaussian_solution(cells, 4)
    for shown, words in (
        (solution.problem, ("Two Gaussians", "kl", "|x − y|^2")),
        (solution, ("D(P‖Q) = ", f"{solution.lower_bound:.10g}", "converged", *solution.notes)),
    ):
        text = shown._repr_html_()
        said = " ".join(Words(text).words)
        for word in words:
            assert word in said
        assert picture_in(text).startswith(b"\x89PNG")
        assert len(text) < 200_000


def test_a_flow_shows_itself():
    said = " ".join(Words(gaussian_flow((20,))._repr_html_()).words)
    assert "JKO flow" in said
    assert "D(P‖Q) =" not in said


def test_hostile_titles_stay_text():
    solution = gaussian_solution((16,), 3)
    solution.problem.title = "<script>alert(1)</script>"
    assert "<script>" not in solution.problem._repr_html_()


def test_figures_show_themselves_without_pyplot():
    assert gaussian_solution((16,), 3).plot()._repr_png_().startswith(b"\x89PNG")


def test_films_play_and_are_written(tmp_path):
    solution = gaussian_solution((16,), 1)
    film = solution.animate(fps=1, dpi=40)
    assert film.data[4:8] == b"ftyp"
    assert "<video controls" in film._repr_html_()
    written = solution.animate(tmp_path / "film.gif", fps=1, dpi=40)
    assert written.read_bytes().startswith(b"GIF8")


@pytest.fixture
def kernel(monkeypatch):
    """What IPython offers inside a kernel, as far as it is used; a list of what was shown."""
    shown = []

    class Handle:
        def update(self, thing):
            shown.append(thing._repr_html_())

    def display(thing, display_id):
        shown.append(thing._repr_html_())
        return Handle()

    shell = types.SimpleNamespace(kernel=object())
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    monkeypatch.setattr(notebook, "UPDATE_SECONDS", 0.0)
    return shown


def test_a_solve_shows_its_progress_in_a_notebook(kernel):
    problem = mfgprox.load_case("gaussian_1d", ["grid.cells=[32]", "solver.rtol=1e-3"])
    solution = mfgprox.solve(problem, "fictitious-play", static=True)
    assert "preparing" in kernel[0]
    assert any("<progress" in text and "iteration 1" in text for text in kernel)
    assert f"iteration {solution.iterations}" in kernel[-1]
    assert " s<" in kernel[-1]


def test_a_callback_of_ones_own_comes_first(kernel):
    problem = mfgprox.load_case("gaussian_1d", ["grid.cells=[32]", "solver.rtol=1e-3"])
    records = []
    mfgprox.solve(problem, "fictitious-play", static=True, callback=records.append)
    assert records
    assert kernel == []


def test_a_terminal_shows_nothing(monkeypatch):
    shell = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    with notebook.shown_progress(None) as callback:
        assert callback is None


@pytest.mark.slow
def test_in_a_kernel(tmp_path):
    """A real notebook: progress below the cell, a table with a picture, a figure, a film."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    cells = [
        "import mfgprox\nproblem = mfgprox.load_case('gaussian_1d')\nproblem",
        "solution = mfgprox.solve(problem)\nsolution",
        "solution.plot()",
        "solution.animate(fps=4, dpi=40)",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute(cwd=tmp_path)
    outputs = [cell.outputs for cell in book.cells]
    kinds = [[list(o.get("data", {})) for o in cell] for cell in outputs]
    assert "text/html" in kinds[0][0]
    assert len(outputs[1]) == 2
    assert "iteration" in outputs[1][0]["data"]["text/html"]
    assert "D(P‖Q)" in outputs[1][1]["data"]["text/html"]
    assert "image/png" in kinds[2][0]
    assert "<video" in outputs[3][-1]["data"]["text/html"]

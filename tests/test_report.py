"""Pages: what they hold, and that they need nothing else."""

import base64
import dataclasses
import json
import shutil
import subprocess
import time
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest
from gaussian_solutions import gaussian_flow, gaussian_solution

from mfgprox.report import report, write_report
from mfgprox.report.history import history_drawing
from mfgprox.report.pack import HIDDEN, STEPS, as_bytes, as_floats
from mfgprox.report.scene import MOST_BYTES, scene
from mfgprox.report.trajectories import trajectories
from mfgprox.report.window import Window

CELLS = [(64,), (24, 20), (12, 10, 14)]
VOID = {"meta", "input", "img", "link", "br", "line", "circle", "polyline"}


class Page(HTMLParser):
    """Elements with their attributes; raises where a tag is not closed in turn."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts = [], [], {}
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        where = self.elements[-1][1].get("id") if self.elements else None
        self.texts[where] = self.texts.get(where, "") + data


def unpacked(array):
    raw = zlib.decompress(base64.b64decode(array["data"]))
    if array["type"] == "f4":
        return np.frombuffer(raw, "<f4").reshape(array["shape"])
    steps = np.frombuffer(raw, np.uint8).reshape(array["shape"]).cumsum(axis=-1, dtype=np.uint8)
    values = array["low"] + (array["high"] - array["low"]) * steps / STEPS
    return np.where(steps == HIDDEN, np.nan, values)


@pytest.fixture(params=CELLS, ids=str, scope="module")
def solution(request):
    return gaussian_solution(request.param)


@pytest.fixture(scope="module")
def page(solution):
    return report(solution)


def test_the_page_is_well_formed_and_fetches_nothing(page):
    parsed = Page(page)
    for _, attributes in parsed.elements:
        for name in ("src", "href"):
            target = attributes.get(name)
            assert target is None or target.startswith(("data:", "#"))
    assert "default-src 'none'" in page
    for word in ("http://", "https://", "@import", "fetch(", "XMLHttpRequest"):
        assert word not in page
    assert "{{" not in page


def test_everything_can_be_named_by_a_screen_reader(page):
    parsed = Page(page)
    ids = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for tag, attributes in parsed.elements:
        if tag == "section":
            assert attributes["aria-labelledby"] in ids
        if tag == "img":
            assert attributes["alt"]
        if tag == "html":
            assert attributes["lang"] == "en"
    script = page[page.index('"use strict"') :]
    for name in ("time", "play", "clock", "panels", "readout", "position"):
        assert name in ids
        assert f'"{name}"' in script


def test_the_page_says_what_is_certain(page, solution):
    assert f"{solution.lower_bound:.8g}" in page
    assert f"{solution.upper_bound:.8g}" in page
    assert "exact" in page
    assert solution.notes[0] in page
    assert solution.status.value in page


def test_the_same_solution_gives_the_same_page(tmp_path):
    path = write_report(gaussian_solution((16,), 3), tmp_path / "page.html")
    assert path.read_text("utf-8") == report(gaussian_solution((16,), 3))
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_what_is_embedded_is_what_was_solved(solution):
    made = json.loads(json.dumps(scene(solution)))
    window = Window.around_mass(solution, 1000)
    rho = np.array([window.mean(r) for r in solution.rho])
    assert np.allclose(made["times"], solution.times)
    found = unpacked(made["arrays"]["rho"])
    step = rho.max() / STEPS if solution.problem.grid.dimension > 1 else 1e-6
    assert found.shape == rho.shape
    assert np.abs(found - rho).max() <= 0.51 * step
    U = unpacked(made["arrays"]["U"])
    kept = np.isfinite(U)
    exact = np.array([window.mean(u) for u in solution.U])
    assert kept.any()
    assert np.abs(U - exact)[kept].max() <= 0.51 / STEPS * np.ptp(exact[kept]) + 1e-5


def test_hostile_titles_stay_text():
    evil = "</script><script>alert(1)</script>{{scene}}"
    solution = dataclasses.replace(gaussian_solution((16,), 3), notes=(evil,))
    solution.problem.title = evil
    text = report(solution)
    assert "<script>alert" not in text
    Page(text)


def test_values_that_are_not_finite_are_hidden():
    values = np.array([[0.0, 0.5, np.nan], [np.inf, 1.0, -np.inf]])
    found = unpacked(as_bytes(values, 0.0, 1.0))
    assert np.array_equal(np.isnan(found), ~np.isfinite(values))
    assert np.allclose(found[np.isfinite(values)], [0.0, 0.5, 1.0])
    assert np.isnan(unpacked(as_floats(values))).sum() == 3
    constant = unpacked(as_bytes(np.ones((2, 2)), 1.0, 1.0))
    assert np.array_equal(constant, np.ones((2, 2)))


def test_blocks_keep_the_mass():
    solution = gaussian_solution((50, 31))
    window = Window.around_mass(solution, 10)
    assert max(window.counts) <= 10
    area = np.prod(
        [(b - a) / n for a, b, n in zip(window.lower, window.upper, window.counts, strict=True)]
    )
    for density in (solution.problem.P, solution.R):
        assert window.mean(density).sum() * area == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("cells", [(200,), (60, 60), (24, 24, 24)], ids=str)
def test_trajectories_carry_P_to_R(cells):
    """Means and spreads of the particles are those of rho at every level."""
    solution = gaussian_solution(cells)
    places = trajectories(solution, list(range(len(solution.times))))
    grid = solution.problem.grid
    for k in (0, 4, 8):
        share = solution.rho[k] * grid.cell_volume
        for axis in range(grid.dimension):
            others = tuple(i for i in range(grid.dimension) if i != grid.dimension - 1 - axis)
            marginal, at = share.sum(axis=others), grid.centers(axis)
            mean = marginal @ at
            spread = np.sqrt(marginal @ (at - mean) ** 2)
            assert places[k, :, axis].mean() == pytest.approx(mean, abs=0.15 * spread)
            assert places[k, :, axis].std() == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("cells", [(40, 40), (14, 14, 14)], ids=str)
def test_trajectories_of_a_JKO_flow(cells):
    """A step that is far too long for an explicit method: from N(m, s²) towards Q, in closed form.

    With U = |x|²/2 after the step, y + dt y = x: every place shrinks by 1 / (1 + dt).
    """
    dt, solution = 3.0, gaussian_solution(cells, 2)
    at = solution.problem.grid.coordinates()
    U = np.broadcast_to(sum(0.5 * x**2 for x in at), solution.problem.grid.shape)
    flow = dataclasses.replace(
        solution,
        U=np.array([U] * 3),
        rho=np.ones_like(solution.rho),
        written_times=np.array([0.0, dt, 2 * dt]),
        flow="jko",
    )
    places = trajectories(flow, [0, 1, 2])
    assert np.allclose(places[1], places[0] / (1 + dt), atol=1e-12)
    assert np.allclose(places[2], places[1] / (1 + dt), atol=1e-12)


def test_a_flow_has_a_page_without_a_divergence():
    text = report(gaussian_flow((20,)).as_solution())
    assert "D(P‖Q) =" not in text
    assert "t = 3" in text
    assert "JKO flow" in text


def test_pages_without_history_or_with_one_step():
    solution = gaussian_solution((16,), 3)
    assert history_drawing(dataclasses.replace(solution, history={})) == ""
    one = {"gap": np.array([1e-9])}
    assert "<circle" in history_drawing(dataclasses.replace(solution, history=one))
    long = {"gap": 10.0 ** -np.linspace(0, 8, 5000)}
    drawing = history_drawing(dataclasses.replace(solution, history=long))
    assert len(drawing) < 20_000


def test_large_fields_are_thinned():
    solution = gaussian_solution((700, 300), 6)
    made = scene(solution)
    fields = [np.prod(made["arrays"][name]["shape"]) for name in ("rho", "U")]
    assert sum(fields) <= MOST_BYTES
    assert made["arrays"]["rho"]["shape"][2] <= 256


def test_the_scripts_are_javascript(page, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node to check the syntax with")
    script = page[page.index('"use strict"') : page.rindex("</script>")]
    (tmp_path / "page.js").write_text(script)
    subprocess.run([node, "--check", tmp_path / "page.js"], check=True)


@pytest.mark.slow
def test_a_large_page_is_small_and_soon_written(tmp_path):
    """256² cells and 33 levels; and as many of noise, which does not deflate."""
    solution = gaussian_solution((256, 256), 32)
    began = time.process_time()
    path = write_report(solution, tmp_path / "page.html")
    assert time.process_time() - began <= 15.0
    assert path.stat().st_size <= 10_000_000
    noise = np.random.default_rng(1).random(solution.rho.shape)
    rough = dataclasses.replace(solution, rho=noise, U=noise)
    assert write_report(rough, path).stat().st_size <= 10_000_000

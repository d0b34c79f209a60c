"""Pages in a browser: no errors, no requests, and every control moves the picture."""

import shutil
import time

import pytest
from gaussian_solutions import gaussian_solution

from mfgprox.report import write_report

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("cells", [(64,), (24, 20), (12, 10, 14)], ids=str)
def test_in_a_browser(browser, cells, tmp_path):
    """No errors, no requests; slider, keys and buttons move the picture; nothing is too wide."""
    solution, dimension = gaussian_solution(cells), len(cells)
    path = write_report(solution, tmp_path / "page.html")
    width, scheme = (1100, "light") if dimension == 2 else (375, "dark")
    view = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    _try(view, path, len(solution.times) - 1, dimension)
    view.close()


def _try(view, path, last, dimension):
    said, asked = [], []
    view.on("console", lambda message: said.append(message.text))
    view.on("pageerror", lambda error: said.append(str(error)))
    view.on("request", lambda request: asked.append(request.url))
    view.goto(path.as_uri())
    view.wait_for_selector("#message", state="hidden", timeout=20_000)
    first = picture(view)
    view.keyboard.press("ArrowRight")
    assert picture(view) != first  # which waits for the frame that moves the slider
    assert view.input_value("#time") == "1"
    view.focus("#time")
    view.keyboard.press("End")
    end = picture(view)
    assert view.input_value("#time") == str(last)
    view.keyboard.press("Home")
    assert picture(view) == first != end
    view.focus("#paths")
    view.keyboard.press("End")
    with_paths = picture(view, -1)
    view.keyboard.press("Space")
    assert (picture(view, -1) != with_paths) == (dimension < 3)
    view.select_option("#speed", "25")
    view.focus("#play")
    view.keyboard.press("Enter")
    # The page forbids what the driver's own waiting would evaluate.
    until = time.monotonic() + 20.0
    while view.input_value("#time") != str(last) and time.monotonic() < until:
        view.wait_for_timeout(20)
    assert view.input_value("#time") == str(last)
    if dimension == 3:
        before = picture(view, -2)
        view.focus("#position")
        view.keyboard.press("ArrowRight")
        assert picture(view, -2) != before
        view.select_option("#slice-axis", "0")
        assert "x =" in view.inner_text("#position-name")
    light = picture(view)
    for _ in range(2):
        view.click("#theme")
    assert (
        picture(view) != light or view.evaluate("document.documentElement.dataset.theme") == "dark"
    )
    assert view.evaluate("document.documentElement.scrollWidth") <= view.viewport_size["width"]
    assert said == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)


def picture(view, which=0):
    """The pixels of a panel, once it is drawn."""
    view.evaluate(
        "new Promise(requestAnimationFrame).then(() => new Promise(requestAnimationFrame))"
    )
    return view.evaluate(f"[...document.querySelectorAll('canvas')].at({which}).toDataURL()")

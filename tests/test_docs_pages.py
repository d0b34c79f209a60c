"""The pages of docs/: each is in the site once, no link is dead, no public name is left out."""

import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mfgprox

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
PUBLIC = (
    "mfgprox.density", "mfgprox.divergence", "mfgprox.exact", "mfgprox.export", "mfgprox.flows",
    "mfgprox.plot", "mfgprox.points", "mfgprox.report", "mfgprox.sampling", "mfgprox.sweeps",
)  # fmt: skip


def prose(path):
    """The page without its code, in which brackets are no links."""
    return re.sub(r"^```.*?^```|`[^`\n]+`", "", path.read_text(), flags=re.S | re.M)


def anchors(path):
    """What GitHub and myst call the headings of a page."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(path), re.M):
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-"))
    return found


def test_each_page_is_in_the_site_once():
    listed = []
    for block in re.findall(r"```\{toctree\}\n(.*?)```", (DOCS / "index.md").read_text(), re.S):
        listed += [line for line in block.splitlines() if line and not line.startswith(":")]
    assert sorted(listed) == sorted(page.stem for page in PAGES if page.stem != "index")


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("*.md")], ids=lambda p: p.name)
def test_no_link_is_dead(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name} links to {target}"


def test_every_picture_is_shown_somewhere():
    shown = set()
    for page in [*PAGES, ROOT / "README.md"]:
        shown |= {Path(name).name for name in re.findall(r"images/[\w.]+", page.read_text())}
    assert shown == {path.name for path in (DOCS / "images").iterdir()}


def test_files_and_extras_that_pages_name_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for page in [*PAGES, *ROOT.glob("*.md")]:
        text = page.read_text()
        for name in re.findall(r"\b(?:tests|benchmarks|mfgprox)/[\w/]+\.py\b", text):
            assert (ROOT / name).exists(), f"{page.name} names {name}"
        for name in re.findall(r"(?:\s\"?\.|mfgprox)\[(\w+)\]\"", text):
            assert name in extras["optional-dependencies"], f"{page.name} names {name}"


def test_the_api_page_has_every_public_name():
    documented, module = set(), ""
    for line in (DOCS / "api.md").read_text().splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif line.startswith(".. auto"):
            name = line.split()[-1]
            documented.add((module, name))
            assert hasattr(importlib.import_module(module), name), f"{module}.{name}"
    names = {name for _, name in documented}
    modules = {module.rpartition(".")[2] for module, _ in documented}
    assert set(mfgprox.__all__) - {"__version__"} <= names | modules
    for name in PUBLIC:
        wanted = {(name, entry) for entry in importlib.import_module(name).__all__}
        assert wanted <= documented, wanted - documented


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    for name in ("sphinx", "myst_nb", "furo", "sphinx_copybutton", "sphinx-mathjax-offline"):
        pytest.importorskip(name)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", DOCS, tmp_path / "site"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for page in PAGES:
        html = (tmp_path / "site" / f"{page.stem}.html").read_text()
        elsewhere = re.findall(r"(?:src|rel=\"stylesheet\" href)=\"(https?:[^\"]+)", html)
        assert not elsewhere, f"{page.stem} loads {elsewhere}"


@pytest.mark.slow
def test_a_cell_that_fails_fails_the_build(tmp_path):
    for name in ("sphinx", "myst_nb", "furo", "sphinx_copybutton", "sphinx-mathjax-offline"):
        pytest.importorskip(name)
    head = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n# Page\n\n"
    (tmp_path / "index.md").write_text(head + "```{code-cell} ipython3\n1 / 0\n```\n")
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "site.css").touch()
    command = [sys.executable, "-m", "sphinx", "-q", "-c", DOCS, tmp_path, tmp_path / "site"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"ExecutionError: {tmp_path / 'index.md'}" in done.stdout + done.stderr

"""The cases that are shipped: they build, others rely on them, the package carries them."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import mfgprox
from mfgprox.case import (
    CaseError,
    estimate_memory,
    load_case,
    memory,
    parse_case,
    read_case,
    shipped,
)

SMALL = {1: "[48]", 2: "[24, 20]", 3: "[12, 10, 14]"}


@pytest.mark.parametrize("name", shipped.names())
def test_shipped_cases_build(name):
    case = read_case(name)
    assert case.path.read_text().startswith("# ")
    assert case.title != name
    problem = case.problem()
    assert problem.P.sum() * problem.grid.cell_volume == pytest.approx(1.0, abs=1e-12)
    assert problem.Q.sum() * problem.grid.cell_volume == pytest.approx(1.0, abs=1e-12)
    # With transport along some axes the box chooses slices: the others are no part of the problem.
    assert max(problem.cut_off) < (1e-5 if problem.split is None else 1e-3)
    small = load_case(name, [f"grid.cells={SMALL[problem.grid.dimension]}", "grid.time_steps=4"])
    assert np.all(small.P >= 0.0)
    assert pytest.approx(small.Q, abs=1e-12) == problem.on(small.grid).Q
    assert parse_case(small.case.text, case.base_path).settings == small.case.settings


def test_shipped_cases_that_others_rely_on():
    gaussians = {"gaussian_1d", "gaussian_2d", "gaussian_rotated_2d", "gaussian_3d"}
    figures = {"figure1_gaussians_1d", "figure2_gaussians_2d"}
    others = {"mixture_1d", "power_cost_1d", "power_cost_1d_low", "four_bumps_2d", "ring_2d"}
    data = {"image_2d", "samples_2d"}
    assert gaussians | figures | others | data <= set(shipped.names())
    rotated = read_case("gaussian_rotated_2d").settings
    a, b = np.array(rotated.P.cov), np.array(rotated.Q.cov)
    assert np.abs(a @ b - b @ a).max() > 1e-3
    assert read_case("ring_2d.toml").problem().Q.min() == 0.0


def test_an_unknown_name_says_how_to_find_a_case():
    for name in ("no_such_case", "no/such.toml", "x" * 5000, "a\0b", "../cases", "tests"):
        with pytest.raises(CaseError) as caught:
            read_case(name)
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(CaseError, match="`mfgprox cases` lists those"):
        read_case("no_such_case")


def test_the_file_of_a_shipped_case_is_named_with_its_suffix():
    with pytest.raises(CaseError, match=r"^gaussian_1d\.toml:13: P = .*5\.9.* the box cuts off"):
        load_case("gaussian_1d", ["P.mean=[5.9]"])


def test_the_package_carries_every_file_of_the_cases():
    root = Path(mfgprox.__file__).parents[1]
    setup = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "mfgprox.cases" in setup["packages"]
    assert setup["package-dir"]["mfgprox.cases"] == "cases"
    carried = {p for g in setup["package-data"]["mfgprox.cases"] for p in (root / "cases").glob(g)}
    assert carried == {p for p in (root / "cases").rglob("*") if p.is_file()}
    for path in carried:
        assert path.stat().st_size < 30_000


def test_installed_cases_lie_inside_the_package(tmp_path, monkeypatch):
    root = Path(mfgprox.__file__).parents[1]
    package = tmp_path / "site" / "mfgprox"
    shutil.copytree(root / "cases", package / "cases")
    monkeypatch.setattr(mfgprox, "__file__", str(package / "__init__.py"))
    assert shipped.directory() == package / "cases"
    assert read_case("image_2d").problem().Q.shape == (128, 128)


def test_memory_of_the_largest_shipped_case_is_sane():
    assert estimate_memory(read_case("gaussian_3d")) < 2 * 10**9
    assert memory.free() is None or memory.free() > 0


def test_load_case_is_public():
    assert mfgprox.load_case("gaussian_1d").grid.cells == (256,)


def test_reading_a_case_stays_light():
    code = (
        "import sys, mfgprox.case\n"
        "mfgprox.case.read_case('gaussian_1d')\n"
        "heavy = {'numba', 'scipy', 'matplotlib', 'h5py', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""Densities from arrays and points in files."""

import h5py
import numpy as np
import pytest
from density_grids import SQUARE
from PIL import Image as Pillow

from mfgprox.density import ArrayDensity, DensityError, Image, Samples, sample
from mfgprox.density import samples as samples_module
from mfgprox.grid import Grid


def test_paths_may_be_text(tmp_path):
    path, grid = str(tmp_path / "file.npy"), Grid((0, 0), (1, 1), (2, 2))
    np.save(path, np.ones((2, 2)))
    assert Samples.read(path, axes=2).points.shape == (2, 2)
    assert ArrayDensity.read(path, grid).log_density(grid).shape == (2, 2)
    Pillow.new("L", (2, 2)).save(tmp_path / "file.png")
    assert Image.read(str(tmp_path / "file.png")).values.shape == (2, 2)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("suffix", ["npy", "npz", "h5"])
def test_arrays_in_files(tmp_path, d, suffix):
    grid = Grid((0.0,) * d, (1.0, 2.0, 3.0)[:d], (4, 5, 6)[:d])
    values = np.random.default_rng(d).random(grid.shape).astype(np.float32)
    values.flat[2] = 0.0
    path = tmp_path / f"a.{suffix}"
    if suffix == "npy":
        np.save(path, values)
    elif suffix == "npz":
        np.savez(path, other=np.ones(3), density=values)
    else:
        with h5py.File(path, "w") as file:
            file["group/density"] = values
    dataset = {"npy": None, "npz": "density", "h5": "group/density"}[suffix]
    found = sample(ArrayDensity.read(path, grid, dataset), grid)
    exact = values.astype(float) / (values.astype(float).sum() * grid.cell_volume)
    assert found.values == pytest.approx(exact, rel=1e-12)
    assert found.values.flat[2] == 0.0
    assert np.isneginf(found.log_values.flat[2])


def test_arrays_that_cannot_be_read(tmp_path):
    grid = SQUARE
    np.save(tmp_path / "shape.npy", np.ones((5, 4)))
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "nan.npy", np.full((4, 4), np.nan))
    np.savez(tmp_path / "two.npz", a=np.ones((4, 4)), b=np.ones((4, 4)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "shape.npy").read_bytes()[:140])
    for name in ("no.npy", "no.npz", "no.h5"):
        (tmp_path / name).write_text("nothing")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/x"] = np.ones((4, 4))
        file["text"] = "a"
    for name, dataset, reason in (
        ("shape.npy", None, r"\(5, 4\).*\(4, 4\)"),
        ("object.npy", None, "cannot be read"),
        ("nan.npy", None, "not finite"),
        ("two.npz", None, "a, b"),
        ("two.npz", "c", "a, b"),
        ("cut.npy", None, "cannot be read"),
        ("no.npy", None, "cannot be read"),
        ("no.npz", None, "cannot be read"),
        ("no.h5", "x", "cannot be read"),
        ("a.h5", "y", "group/x"),
        ("a.h5", "group", "group/x"),
        ("a.h5", "text", "shape"),
        ("missing.npy", None, "does not exist"),
    ):
        with pytest.raises(DensityError, match=reason):
            ArrayDensity.read(tmp_path / name, grid, dataset)


def test_a_compressed_bomb_is_not_unpacked(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(50_000_000))
    with pytest.raises(DensityError, match="has shape"):
        ArrayDensity.read(tmp_path / "bomb.npz", SQUARE)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_binned_samples_are_a_histogram(d):
    grid = Grid((-1.0, -2.0, 0.0)[:d], (1.0, 1.0, 1.0)[:d], (5, 4, 3)[:d])
    points = np.random.default_rng(d).uniform(-0.9, 0.9, (200, d))
    points[:, -1] = np.abs(points[:, -1])
    points[0] = grid.upper  # belongs to the last cell
    found = sample(Samples(points), grid)
    edges = [grid.edges(i) for i in range(d)]
    counts, _ = np.histogramdd(points, edges)
    assert found.values * grid.cell_volume == pytest.approx(counts.T / 200)
    assert not found.smooth
    assert np.array_equal(np.isneginf(found.log_values), counts.T == 0)


def test_points_outside_count_as_cut_off():
    grid = Grid((0.0,), (1.0,), (4,))
    points = np.array([0.1, 0.2, 0.5, 1.5, -3.0])
    assert Samples(points).cut_off(grid) == pytest.approx(0.4)
    far = Samples(points, 0.01)
    assert far.cut_off(grid) == pytest.approx(0.4, abs=1e-12)
    edge = Samples([[0.0]], 0.1)
    assert edge.cut_off(grid) == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_smoothed_samples_are_a_mixture_of_gaussians(d):
    grid = Grid((-3.0,) * d, (3.0,) * d, (24, 20, 22)[:d])
    points = np.random.default_rng(d).uniform(-1, 1, (30, d))
    found = sample(Samples(points, 0.4), grid)
    exact = np.zeros(grid.shape)
    for point in points:
        square = sum((x - c) ** 2 for x, c in zip(grid.coordinates(), point, strict=True))
        exact += np.exp(-square / (2 * 0.16)) / (2 * np.pi * 0.16) ** (d / 2) / 30
    assert np.abs(found.values - exact).max() < 1e-4 * exact.max()
    assert found.smooth
    assert np.all(np.isfinite(found.log_values))


def test_smoothed_samples_keep_their_tails():
    grid = Grid((-100.0,), (100.0,), (400,))
    log_values = sample(Samples([[0.0], [1.0]], 0.4), grid).log_values
    assert log_values[0] - log_values[1] == pytest.approx(
        -((99.75**2 - 99.25**2) / 2 / 0.16), rel=1e-6
    )


@pytest.mark.parametrize(("boxes", "accuracy"), [(4, 1e-4), (1, 1e-2)])
def test_many_samples_are_gathered_first(monkeypatch, boxes, accuracy):
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(-1, 0.5, (3000, 2)), rng.normal(1, 0.3, (3000, 2))])
    samples, grid = Samples(points, 0.5), Grid((-4.0, -4.0), (4.0, 4.0), (20, 20))
    direct = sample(samples, grid).values
    gathered = len(samples._gathered(0.5 / boxes)[0])
    assert gathered < 1000
    monkeypatch.setattr(samples_module, "MAX_DIRECT", gathered * 400)
    assert len(samples._kernels(400)[0]) == gathered
    assert np.abs(sample(samples, grid).values - direct).max() < accuracy * direct.max()


@pytest.mark.parametrize(
    "text",
    [
        "x,y\n1,2\n3,4\n",
        "1,2\n3,4\n",
        "# x y\n1 2\n3 4\n",
        "1 2\n3 4",
        "\ufefflength;width\r\n1;2\r\n3;4\r\n",
        "x\ty\n1\t2\n3\t4\n",
        '"x","y"\n"1","2"\n3, 4\n',
        "# made by hand\n\nx y\n\n 1  2e0 # one\n\n3 4\n\n",
    ],
)
def test_samples_in_text(tmp_path, text):
    (tmp_path / "s.csv").write_bytes(text.encode())
    assert np.array_equal(Samples.read(tmp_path / "s.csv", 2).points, [[1, 2], [3, 4]])


def test_samples_that_cannot_be_read(tmp_path):
    np.save(tmp_path / "three.npy", np.ones((4, 3)))
    np.save(tmp_path / "inf.npy", np.full((4, 2), np.inf))
    np.save(tmp_path / "empty.npy", np.ones((0, 2)))
    np.save(tmp_path / "text.npy", np.array(["a"]))
    for name, text in (
        ("bad.csv", "1,2\n3,x\n"),
        ("empty.csv", ""),
        ("ragged.csv", "1,2\n3\n"),
        ("decimal.csv", "x;y\n1,5;2\n"),
        ("index.csv", ",x,y\n0,1,2\n1,3,4\n"),
        ("nan.csv", "x,y\n1,2\n3,nan\n"),
        ("trailing.csv", "1,2,\n3,4,\n"),
    ):
        (tmp_path / name).write_text(text)
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\x01")
    for name, reason in (
        ("three.npy", "3 columns, the grid 2 axes"),
        ("inf.npy", "not finite"),
        ("empty.npy", "rows"),
        ("text.npy", "real numbers"),
        ("bad.csv", 'line 2, column 2: "x" is not a number'),
        ("empty.csv", "rows"),
        ("ragged.csv", "line 2 has 1 columns, those before it 2"),
        ("decimal.csv", 'line 2, column 1: "1,5" has a decimal comma'),
        ("index.csv", "one column per axis and nothing else"),
        ("nan.csv", 'line 3, column 2: "nan" is not finite'),
        ("trailing.csv", "line 1, column 3: nothing"),
        ("bytes.csv", "cannot be read"),
        ("missing.csv", "does not exist"),
    ):
        with pytest.raises(DensityError, match=reason):
            Samples.read(tmp_path / name, 2)
    with pytest.raises(DensityError, match="bandwidth"):
        Samples([[1.0]], -1.0)

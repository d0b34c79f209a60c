"""Result files and exports in other people's tools: every number is compared."""

import csv
import re
import shutil
import subprocess
import warnings
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from gaussian_solutions import gaussian_solution

from mfgprox.export import arrays_of, export, numbers_of

CELLS = [(40,), (12, 9), (7, 6, 5)]
FIELDS = ("rho", "U", "P", "Q", "R", "first_variation")


@pytest.fixture(params=CELLS, ids=str, scope="module")
def solution(request):
    return gaussian_solution(request.param, 4)


@pytest.fixture(scope="module")
def result(solution, tmp_path_factory):
    return solution.save(tmp_path_factory.mktemp("result") / "out.h5")


def space(solution):
    return ("z", "y", "x")[3 - solution.problem.grid.dimension :]


def three_axes(values, solution, in_time):
    """(time, z, y, x), axes of one cell where the case has none."""
    missing = 3 - solution.problem.grid.dimension
    values = values if in_time else values[None]
    return values.reshape(values.shape[0], *(1,) * missing, *values.shape[1:])


def opened(result, engine):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip({"netcdf4": "netCDF4"}.get(engine, engine))
    with warnings.catch_warnings():
        # The wheel of netCDF4 is built against another NumPy, which is fine and says so.
        warnings.filterwarnings("ignore", message="numpy.ndarray size changed")
        return xarray.open_dataset(result, engine=engine)


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_xarray_reads_every_number(solution, result, engine):
    with opened(result, engine) as found:
        for name, values in arrays_of(solution).items():
            assert np.array_equal(found[name].values, values), name
        assert found["rho"].dims == ("time", *space(solution))
        assert found["R"].dims == space(solution)
        for name, value in numbers_of(solution).items():
            assert found.attrs[name] == value, name


def test_a_dataset_without_a_file(solution):
    pytest.importorskip("xarray")
    found = solution.to_xarray()
    for name, values in arrays_of(solution).items():
        assert np.array_equal(found[name].values, values), name
    assert found["U"].dims == ("time", *space(solution))
    assert found.attrs["divergence"] == solution.divergence
    middle = found["rho"].sel(time=0.5).sum().item() * solution.problem.grid.cell_volume
    assert middle == pytest.approx(1.0, abs=1e-12)


def test_ncdump_reads_every_number(solution, result):
    tool = shutil.which("ncdump")
    if tool is None:
        pytest.skip("there is no ncdump on this machine")
    called = subprocess.run([tool, "-p", "9,17", result], capture_output=True, text=True)
    assert called.returncode == 0, called.stderr
    data = called.stdout.split("\ndata:\n", 1)[1]
    for name, values in arrays_of(solution).items():
        block = re.search(rf"\n {name} =(.*?);", data, re.S)[1]
        found = np.array([float(word) for word in block.replace("Infinity", "inf").split(",")])
        assert np.array_equal(found, values.ravel()), name


def test_vtk_reads_every_number_of_a_result_file(solution, result):
    reader = vtk("vtkIOHDF").vtkHDFReader()
    reader.SetFileName(str(result))
    reader.UpdateInformation()
    assert reader.GetNumberOfSteps() == len(solution.times)
    for k in range(len(solution.times)):
        reader.SetStep(k)
        reader.Update()
        image = reader.GetOutput()
        assert_image(image, solution)
        for name in ("rho", "U"):
            values = three_axes(getattr(solution, name), solution, True)[k]
            assert np.array_equal(cell_data(image, name), values), (name, k)


def test_vtk_reads_every_number_of_an_export(solution, tmp_path):
    written = export(solution, tmp_path / "out.pvd")
    entries = ElementTree.parse(written[0]).getroot().findall("Collection/DataSet")
    assert [float(e.get("timestep")) for e in entries] == solution.times.tolist()
    fields = vtk("vtkIOXML")
    for k, entry in enumerate(entries):
        image = read_image(fields, tmp_path / entry.get("file"))
        assert_image(image, solution)
        for name in ("rho", "U"):
            values = three_axes(getattr(solution, name), solution, True)[k]
            assert np.array_equal(cell_data(image, name), values)
    image = read_image(fields, written[-1])
    for name in ("P", "Q", "R", "first_variation"):
        values = three_axes(arrays_of(solution)[name], solution, False)[0]
        assert np.array_equal(cell_data(image, name), values)


def vtk(module):
    pytest.importorskip("vtkmodules")
    return pytest.importorskip(f"vtkmodules.{module}")


def read_image(module, path):
    reader = module.vtkXMLImageDataReader()
    reader.SetFileName(str(path))
    reader.Update()
    return reader.GetOutput()


def assert_image(image, solution):
    grid, missing = solution.problem.grid, 3 - solution.problem.grid.dimension
    assert image.GetDimensions() == tuple(n + 1 for n in grid.cells + (1,) * missing)
    assert image.GetOrigin()[: grid.dimension] == pytest.approx(grid.lower, abs=1e-15)
    assert image.GetSpacing()[: grid.dimension] == pytest.approx(grid.spacing, rel=1e-15)


def cell_data(image, name):
    """(z, y, x): VTK's x is fastest too."""
    array = image.GetCellData().GetArray(name)
    assert array is not None, name
    nx, ny, nz = (n - 1 for n in image.GetDimensions())
    values = [array.GetTuple1(i) for i in range(array.GetNumberOfTuples())]
    return np.array(values).reshape(nz, ny, nx)


def test_npz_holds_every_number(solution, tmp_path):
    (path,) = export(solution, tmp_path / "out.npz")
    with np.load(path) as found:
        for name, values in arrays_of(solution).items():
            assert np.array_equal(found[name], values), name
        for name, value in numbers_of(solution).items():
            assert found[name].item() == value, name
    (again,) = export(solution, tmp_path / "again.npz")
    assert path.read_bytes() == again.read_bytes()


def test_csv_holds_every_number(solution, tmp_path):
    path, beside = export(solution, tmp_path / "out.csv")
    arrays, axes = arrays_of(solution), space(solution)
    for table, names in ((path, ("rho", "U")), (beside, FIELDS[2:])):
        with table.open() as file:
            rows = list(csv.DictReader(file))
        shape = arrays[names[0]].shape
        assert len(rows) == np.prod(shape)
        for name in names:
            column = np.array([float(row[name]) for row in rows]).reshape(shape)
            assert np.array_equal(column, arrays[name]), name
        leading = ("time", *axes) if table == path else axes
        for place, axis in enumerate(leading):
            column = np.array([float(row[axis]) for row in rows]).reshape(shape)
            others = tuple(i for i in range(len(shape)) if i != place)
            assert np.array_equal(np.unique(column), arrays[axis])
            assert (np.ptp(column, axis=others) == 0.0).all()


def test_infinite_potentials_survive(tmp_path):
    solution = gaussian_solution((8,), 2)
    solution.U[1, 3] = -np.inf
    export(solution, tmp_path / "out.csv")
    assert "-inf" in (tmp_path / "out.csv").read_text()
    (path,) = export(solution, tmp_path / "out.npz")
    with np.load(path) as found:
        assert np.isneginf(found["U"][1, 3])


def test_other_names_are_refused(tmp_path):
    solution = gaussian_solution((8,), 2)
    for name, kind in (("out.xls", None), ("out.csv", "npz"), ("out", None)):
        with pytest.raises(ValueError, match=r"must end in \.pvd for vtk, \.npz for npz"):
            export(solution, tmp_path / name, kind)
    assert list(tmp_path.iterdir()) == []

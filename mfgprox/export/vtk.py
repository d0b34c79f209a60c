"""VTK XML files: a .pvd collection of .vti images, which every version of VTK and ParaView reads.

Cell data of an image of three axes; an axis that the case does not have is one cell wide, centred
at 0, as in the group VTKHDF of result files.
"""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np

from mfgprox import atomic
from mfgprox.export.arrays import IN_SPACE, IN_TIME, arrays_of
from mfgprox.grid import Grid
from mfgprox.solution import Solution

HEAD = '<?xml version="1.0"?>\n'
VERSION = 'version="1.0" byte_order="LittleEndian" header_type="UInt64"'


def write_vtk(solution: Solution, path: Path) -> list[Path]:
    """The collection and its images: rho and U at each time, and one with P, Q, R."""
    folder = path.with_suffix("")
    folder.mkdir(exist_ok=True)
    arrays, grid = arrays_of(solution), solution.problem.grid
    written, entries = [], []
    for k, time in enumerate(solution.times):
        name = f"{folder.name}_{k:05d}.vti"
        content = _image(grid, {n: arrays[n][k] for n in IN_TIME})
        written.append(atomic.write_bytes(folder / name, content))
        entries.append(
            f'    <DataSet timestep="{float(time)!r}" file="{_quoted(folder.name, name)}"/>'
        )
    densities = _image(grid, {n: arrays[n] for n in IN_SPACE})
    written.append(atomic.write_bytes(folder / f"{folder.name}_densities.vti", densities))
    lines = [f'<VTKFile type="Collection" {VERSION}>', "  <Collection>", *entries]
    text = HEAD + "\n".join([*lines, "  </Collection>", "</VTKFile>"]) + "\n"
    return [atomic.write_bytes(path, text.encode()), *written]


def _quoted(*parts: str) -> str:
    from xml.sax.saxutils import escape

    return escape("/".join(parts), {'"': "&quot;"})


def _image(grid: Grid, fields: dict[str, np.ndarray]) -> bytes:
    missing = 3 - grid.dimension
    width = min(grid.spacing)
    cells = grid.cells + (1,) * missing
    extent = " ".join(f"0 {n}" for n in cells)
    origin = " ".join(map(repr, grid.lower + (-0.5 * width,) * missing))
    spacing = " ".join(map(repr, grid.spacing + (width,) * missing))
    lines = [
        f'<VTKFile type="ImageData" {VERSION}>',
        f'  <ImageData WholeExtent="{extent}" Origin="{origin}" Spacing="{spacing}">',
        f'    <Piece Extent="{extent}">',
        "      <PointData/>",
        "      <CellData>",
        *(_array(name, values) for name, values in fields.items()),
        "      </CellData>",
        "    </Piece>",
        "  </ImageData>",
        "</VTKFile>",
    ]
    return (HEAD + "\n".join(lines) + "\n").encode()


def _array(name: str, values: np.ndarray) -> str:
    content = np.ascontiguousarray(values, "<f8").tobytes()
    text = base64.b64encode(len(content).to_bytes(8, "little") + content).decode()
    head = f'<DataArray type="Float64" Name="{name}" format="binary">'
    return f"        {head}{text}</DataArray>"

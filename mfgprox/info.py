"""What is in a result file or a checkpoint, as text for a terminal."""

from __future__ import annotations

import json
import math
from pathlib import Path

import h5py
import numpy as np

from mfgprox import checkpoint, hdf5, layout
from mfgprox.flows.files import FLOW_FORMAT
from mfgprox.hdf5 import attribute
from mfgprox.restore import restore_grid, restore_transport_axes
from mfgprox.storage import StorageError

Rows = list[tuple[str, str]]
FLOW_NAMES = {
    "R": "the last density",
    "U": "first variation of the energy at rho_t",
    "first_variation": "first variation of the energy at P",
    "flow/energy": "energy at each time",
}
"""What datasets mean in a flow, where it differs from a result."""


def describe(path: str | Path) -> str:
    """The contents of a file: its case, status, values, certificate and datasets.

    Nothing is recomputed. Raises StorageError for a file that this package did not write.
    """
    with hdf5.reading(path, StorageError) as file:
        match hdf5.format_of(file):
            case layout.FORMAT | "mfgprox flow":
                dimension = restore_grid(file).dimension
                flow = hdf5.format_of(file) == FLOW_FORMAT
                meanings = layout.NAMES | (FLOW_NAMES if flow else {})
                rows = [*_result(file), ("", ""), *_datasets(file, dimension, meanings)]
            case checkpoint.FORMAT:
                rows = [*_checkpoint(file), ("", ""), *_datasets(file)]
            case _:
                raise StorageError("neither a result file nor a checkpoint of mfgprox")
        rows = [("file", f"{path}, {_size(Path(path).stat().st_size)}"), *rows]
        case = attribute(file, "case", str)
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {text}".rstrip() for name, text in rows]
    if case:
        lines += ["", "case as it was run:", *(f"    {line}" for line in case.splitlines())]
    return "\n".join(_printable(line) for line in lines)


def _result(file: h5py.File) -> Rows:
    grid = restore_grid(file)
    cells = "×".join(map(str, grid.cells))
    box = " × ".join(f"[{a:g}, {b:g}]" for a, b in zip(grid.lower, grid.upper, strict=True))
    value = {name: attribute(file, name, float) for name in layout.VALUES}
    epsilon, error = attribute(file, "epsilon", float), value["divergence_error"]
    divergence = f"{value['divergence']:.10g}"
    flow = hdf5.format_of(file) == FLOW_FORMAT
    steps = hdf5.dataset(file, "time").shape[0] - 1 if flow else grid.time_steps
    rows = [
        ("written by", f"mfgprox {attribute(file, 'mfgprox_version', str)}"),
        ("case", attribute(file, "title", str) or "untitled"),
        ("grid", f"{cells} cells on {box}, {steps} time steps"),
        ("problem", f"epsilon {epsilon:g}, {_cost(file)}, {attribute(file, 'f_divergence', str)}"),
        *_transport(file),
        ("solver", _solver(file)),
        ("status", attribute(file, "status", str)),
    ]
    if flow:
        return [*rows, *_flow(file, value["mass_error"]), *_inputs(file)]
    rows += [
        ("D(P‖Q)", divergence + (f" ± {error:.1e}" if math.isfinite(error) else "")),
        ("  transport cost", f"{value['transport_cost']:.10g}"),
        ("  information", f"{epsilon:g} × {value['information_divergence']:.10g}"),
        ("discrete primal", f"{value['primal_value']:.10g}"),
        ("discrete dual", f"{value['dual_value']:.10g}"),
        ("discrete gap", f"{value['gap']:.2e}"),
        ("bounds of D", f"{_bound(value['lower_bound'])} … {_bound(value['upper_bound'])}"),
        ("certificate", attribute(file, "certificate", str) or "none"),
        ("mass error", f"{value['mass_error']:.1e}"),
        ("∫|rho_1 - R|", f"{value['terminal_mismatch']:.1e}"),
    ]
    rows += [("note", str(note)) for note in json.loads(attribute(file, "notes", str))]
    return [*rows, *_inputs(file)]


def _inputs(file: h5py.File) -> Rows:
    inputs = json.loads(attribute(file, "inputs", str))
    return [("input file", f"{name}, SHA-256 {inputs[name]}") for name in inputs]


def _flow(file: h5py.File, mass_error: float) -> Rows:
    """What a flow has instead of a value and its certificate."""
    kind = attribute(file, "kind", str)
    times, energy = hdf5.dataset(file, "time"), hdf5.dataset(file["flow"], "energy")
    name = {"jko": "D_f(rho_t‖Q)", "gradient": "D(rho_t‖Q)"}.get(kind, "energy")
    return [
        ("flow", f"{kind}, from t = 0 to t = {times[-1]:g}"),
        (f"  {name}", f"{energy[0]:.10g} at first, {energy[-1]:.10g} at last"),
        ("mass error", f"{mass_error:.1e}"),
    ]


def _transport(file: h5py.File) -> Rows:
    axes = restore_transport_axes(file)
    return [("transport", f"along {' and '.join(axes)} only")] if axes else []


def _checkpoint(file: h5py.File) -> Rows:
    return [
        ("written by", f"mfgprox {attribute(file, 'mfgprox_version', str)}"),
        ("kind", "checkpoint of an unfinished run, continued by `run CASE --resume`"),
        ("solver", _solver(file)),
    ]


def _cost(file: h5py.File) -> str:
    p, norm = attribute(file, "p", float), attribute(file, "cost", str)
    return f"cost Σ|x_i - y_i|^{p:g}" if norm == "separable" else f"cost |x - y|^{p:g}"


def _solver(file: h5py.File) -> str:
    iterations = attribute(file, "iterations", int)
    return f"{attribute(file, 'solver', str)}, {iterations} iterations"


def _datasets(file: h5py.File, dimension: int = 0, meanings: dict[str, str] = layout.NAMES) -> Rows:
    """Name, shape with the names of its axes, and meaning of what lies in the root and below.

    The group VTKHDF is named and not entered: its virtual datasets lie in heaps without checksums.
    """
    rows: Rows = []
    for name in file:
        if name == "VTKHDF":
            rows.append((name, "rho and U in time, as ParaView reads them"))
            continue
        inner = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
        names = [f"{name}/{part}" for part in inner] if isinstance(inner, h5py.Group) else [name]
        rows += [
            (each, _described(hdf5.dataset(file, each), each, dimension, meanings))
            for each in names
        ]
    return rows


def _described(found: h5py.Dataset, name: str, dimension: int, meanings: dict[str, str]) -> str:
    axes = layout.axes_of(name, dimension)
    named = axes if len(axes) == found.ndim else [""] * found.ndim
    shape = ", ".join(f"{a} {n}".strip() for a, n in zip(named, found.shape, strict=True))
    return f"({shape}) {found.dtype}  {meanings.get(name, '')}".rstrip()


def _bound(value: float) -> str:
    return f"{value:.10g}" if np.isfinite(value) else "none"


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.1f} KiB"


def _printable(line: str) -> str:
    """Without control characters: a file must not steer the terminal that it is printed on."""
    return "".join(c if c.isprintable() else "�" for c in line.expandtabs(4))

"""The commands `new` and `cases`: a case file to begin from, and those that are shipped."""

from __future__ import annotations

import tomllib
from pathlib import Path

from mfgprox.exits import BadInput, CannotWrite, Exit, did_you_mean
from mfgprox.outputs import require_writable, writing

POINTS = 400
SIDE = 96
LINE = 100


def write_case(kind: str, output: Path, axes: int, file: Path | None, force: bool) -> Exit:
    """Write a commented case; and, where its kind reads a file and none is named, an example."""
    from mfgprox import atomic
    from mfgprox.case.template import FILES, KINDS, TemplateError, template

    if kind not in KINDS:
        listed = ", ".join(KINDS)
        raise BadInput(f"KIND must be one of {listed}; got {kind!r}{did_you_mean(kind, KINDS)}")
    if file is not None and kind not in FILES:
        raise BadInput(f"--file: a case of kind {kind} reads no file; {', '.join(FILES)} do")
    if output.suffix != ".toml":
        raise BadInput(f"{output}: the name of a case ends in .toml")
    require_writable(output)
    if output.exists() and not force:
        raise BadInput(f"{output} exists; give another name with -o, or --force")
    example = output.parent / FILES[kind] if kind in FILES and file is None else None
    named = file or (Path(example.name) if example else None)
    try:
        text = template(kind, axes, str(named) if named else None)
    except TemplateError as error:
        raise BadInput(f"--axes: {error}") from error
    with writing(output):
        atomic.write_bytes(output, text.encode())
    if example is not None and not example.exists():
        with writing(example):
            atomic.write_bytes(example, _example(kind, axes))
        print(f"{example}, an example to be replaced by your own")
    print(f"{output}; next: mfgprox run {output}")
    return Exit.OK


def list_cases() -> Exit:
    """Print the shipped cases, one line each."""
    from mfgprox.case import shipped

    root = shipped.directory()
    if root is None:
        raise CannotWrite("this installation has no shipped cases")
    names = shipped.names()
    width = max(map(len, names))
    for name in names:
        data = tomllib.loads((root / f"{name}.toml").read_text("utf-8"))
        cells = "×".join(map(str, data["grid"]["cells"]))
        line = f"{name:<{width}}  {cells:>8}  {data.get('title', '')}"
        print(line if len(line) <= LINE else f"{line[: LINE - 1]}…")
    print("\nrun one: mfgprox run NAME     begin your own: mfgprox new KIND")
    return Exit.OK


def _example(kind: str, axes: int) -> bytes:
    """A small file of the kind: a disc, two bumps, points on a spiral."""
    import io

    import numpy as np

    buffer = io.BytesIO()
    if kind == "image":
        from PIL import Image

        y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
        shade = np.where(np.hypot(x - 0.2, y) < 0.5, 0, 255).astype(np.uint8)
        Image.fromarray(shade).save(buffer, "png")
    elif kind == "array":
        from mfgprox.case.template import CELLS

        at = np.meshgrid(*[np.linspace(-3, 3, CELLS[axes])] * axes, indexing="ij", sparse=True)
        bump = np.exp(-sum((a - 0.5) ** 2 for a in at) / 0.5)
        np.save(buffer, bump + np.exp(-sum((a + 1.0) ** 2 for a in at) / 0.3))
    else:
        turn = np.linspace(0.5, 3.0, POINTS)
        spiral = [0.5 * turn * np.cos(3 * turn), 0.5 * turn * np.sin(3 * turn), 0.5 * turn - 0.9]
        rows = np.stack(spiral[:axes], axis=1)
        text = [",".join("xyz"[:axes]), *(",".join(f"{v:.5f}" for v in row) for row in rows)]
        buffer.write(("\n".join(text) + "\n").encode())
    return buffer.getvalue()

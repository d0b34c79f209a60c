"""The commands `report` and `export`: a result file in, a page or files of other tools out."""

from __future__ import annotations

from pathlib import Path

from mfgprox.draw import load_result
from mfgprox.exits import BadInput, Exit, did_you_mean
from mfgprox.outputs import require_suffix, require_writable, writing

PAGES = (".html", ".htm")


def write_page(result: Path, output: Path | None) -> Exit:
    """Write the page of a result; default: its name with .html, in the working directory."""
    output = output or Path(result.with_suffix(".html").name)
    require_suffix(output, PAGES)
    require_writable(output)
    solution = load_result(result)
    from mfgprox.report import write_report

    with writing(output):
        write_report(solution, output)
    print(output)
    return Exit.OK


def export_files(result: Path, kind: str, output: Path | None) -> Exit:
    """Write a result for another tool; default: its name with the suffix of the kind, here."""
    from mfgprox.export import SUFFIXES, export

    suffix = SUFFIXES.get(kind)
    if suffix is None:
        listed = ", ".join(SUFFIXES)
        raise BadInput(f"--to must be one of {listed}; got {kind!r}{did_you_mean(kind, SUFFIXES)}")
    output = output or Path(result.with_suffix(suffix).name)
    require_suffix(output, (suffix,))
    require_writable(output)
    solution = load_result(result)
    with writing(output):
        written = export(solution, output, kind)
    print(written[0] if len(written) == 1 else f"{written[0]} and {len(written) - 1} beside it")
    return Exit.OK

"""The command: `python -m benchmarks PART|all [--quick] [--output DIR]`."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

PARTS = ("peers", "scaling", "kernels", "runs", "startup")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", choices=(*PARTS, "all"))
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), metavar="DIR")
    parser.add_argument("--draw", action="store_true", help="only redraw what was measured before")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="move the pictures there")
    parser.add_argument(
        "--problems", nargs="+", default=(), metavar="NAME", help="of peers: these; other rows stay"
    )
    given = parser.parse_args()
    if given.problems and given.part != "peers":
        parser.error("--problems belongs to peers")
    given.output.mkdir(parents=True, exist_ok=True)
    for name in PARTS if given.part == "all" else (given.part,):
        part = import_module(f"benchmarks.{name}")
        path = given.output / f"{part.NAME}.json"
        if not given.draw:
            only = {"only": tuple(given.problems)} if given.problems else {}
            path = part.run(given.output, given.quick, **only)
        path.with_suffix(".md").write_text(part.table(path))
        for figure in part.plot(path):
            if given.figures is not None:
                figure = figure.replace(given.figures / figure.name)
            print(f"drew {figure}")
        print(path.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()

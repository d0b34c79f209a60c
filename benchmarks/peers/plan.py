"""Who solves what, on which grids, with which settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.problems import CONTESTS, Contest

REPETITIONS = 3
LIMIT = 60.0
"""Wall seconds that one solve may take; preparing it (compiling, looking for settings) may too."""
LONG = 4.0
"""Processor seconds from which a solve is not repeated."""
WIDE = ("mixtures-0.5", "gaussians-2")
"""Problems on which the others get all grids that they can take; elsewhere a few tell enough."""
BRIEF = ("mixtures-0.05", "mixtures-10", "gaussians-0.05", "gaussians-0.5", "gaussians-10")
"""Problems on which the others get small grids only."""
QUICK = ("mixtures-0.5", "gaussians-2", "bumps-2")
SMALL = 64
OTHERS: tuple[tuple[str, str, dict[str, Any], tuple[int, ...], tuple[int, ...]], ...] = (
    ("OTT-JAX kernel", "OTT-JAX", {"reg": 0.2, "mode": "kernel"}, (32,), ()),
    ("OTT-JAX kernel", "OTT-JAX", {"reg": 0.1, "mode": "kernel"}, (32, 64), ()),
    ("OTT-JAX kernel", "OTT-JAX", {"reg": 0.05, "mode": "kernel"}, (32, 64, 128), (256, 512, 1024)),
    ("OTT-JAX kernel", "OTT-JAX", {"reg": 0.02, "mode": "kernel"}, (32, 64, 128), (256, 512)),
    ("OTT-JAX kernel", "OTT-JAX", {"reg": 0.01, "mode": "kernel"}, (64, 128), (256,)),
    ("OTT-JAX kernel", "OTT-JAX", {"reg": 0.005, "mode": "kernel"}, (64, 128), (256,)),
    ("OTT-JAX log", "OTT-JAX", {"reg": 0.02, "mode": "log"}, (64,), (128,)),
    ("OTT-JAX log", "OTT-JAX", {"reg": 0.01, "mode": "log"}, (64,), ()),
    ("OTT-JAX log", "OTT-JAX", {"reg": 0.005, "mode": "log"}, (64,), (128,)),
    ("POT", "POT", {"reg": 0.05}, (32, 64), ()),
    ("POT", "POT", {"reg": 0.02}, (32, 64), ()),
    ("MultiScaleOT", "MultiScaleOT", {"reg": 0.02, "goal": 0.1, "inner": 30}, (32, 64), ()),
    ("MultiScaleOT", "MultiScaleOT", {"reg": 0.01, "goal": 0.1, "inner": 30}, (64,), (128,)),
    ("MultiScaleOT", "MultiScaleOT", {"reg": 0.005, "goal": 0.1, "inner": 100}, (64,), (128,)),
    ("GeomLoss (R given)", "GeomLoss", {"scaling": 0.5, "debias": True}, (64, 128), (256,)),
    ("GeomLoss (R given)", "GeomLoss", {"scaling": 0.9, "debias": True}, (64,), (128, 256)),
    ("Clarabel", "Clarabel", {}, (16,), ()),
)
"""Series, package, setting, grids, and further grids on the WIDE problems; reg on a box of 6²."""
WARM: dict[str, dict[str, Any]] = {
    "mfgprox": {
        "n": 16,
        "settings": [
            {"solver": name, "time_steps": 4}
            for name in (
                "newton",
                "semi-discrete",
                "back-and-forth",
                "auto",
                "primal-dual",
                "fictitious-play",
            )
        ],
    },
    "POT": {"n": 16, "settings": [{"reg": 0.2}]},
    "OTT-JAX": {"n": 16, "settings": [{"reg": 0.2, "mode": "kernel"}, {"reg": 0.2, "mode": "log"}]},
    "MultiScaleOT": {"n": 16, "settings": [{"reg": 0.2, "goal": 0.1, "inner": 30}]},
    "GeomLoss": {"n": 16, "settings": [{"scaling": 0.5, "debias": True}]},
    "Clarabel": {"n": 8, "settings": [{}]},
}
"""What a method solves first, so that memory is counted from where it is loaded and compiled."""


@dataclass(frozen=True)
class Entry:
    """A method with one setting, and the grids (cells an axis) that it is tried on.

    series: the name under which it is drawn; several settings share one.
    """

    series: str
    peer: str
    cells: tuple[int, ...]
    setting: dict[str, Any] = field(default_factory=dict)


def contests(quick: bool, only: Iterable[str] = ()) -> list[Contest]:
    names = tuple(only) or (QUICK if quick else tuple(CONTESTS))
    return [CONTESTS[name] for name in names]


def entries(contest: Contest, quick: bool) -> list[Entry]:
    wide = contest.name in WIDE
    scale = 1.0 / 36.0 if contest.name.startswith("pictures") else 1.0
    found = [
        *(_smooth() if contest.smooth else _rough()),
        *_in_time((32, 64, 128) if wide or not contest.smooth else (32, 64)),
        *(
            Entry(series, peer, cells + (further if wide else ()), _scaled(setting, scale))
            for series, peer, setting, cells, further in OTHERS
        ),
    ]
    if contest.name in BRIEF:
        found = [_small(e) if e.peer != "mfgprox" else e for e in found if e.peer != "POT"]
    return [_small(e) for e in found] if quick else found


def _smooth() -> list[Entry]:
    cells = (16, 24, 32, 64, 128, 256, 512)
    fast = {"solver": "newton", "bounds": False}
    return [
        Entry("mfgprox newton", "mfgprox", (*cells, 1024), fast),
        Entry("mfgprox newton, bounds", "mfgprox", cells, {"solver": "newton"}),
    ]


def _rough() -> list[Entry]:
    cells = (32, 64, 128, 256)
    found = [
        Entry(f"mfgprox {name}", "mfgprox", cells, {"solver": name, "bounds": False})
        for name in ("semi-discrete", "back-and-forth")
    ]
    return [*found, Entry("mfgprox auto, bounds", "mfgprox", cells, {"solver": "auto"})]


def _in_time(cells: tuple[int, ...]) -> list[Entry]:
    """The solvers that compute the whole evolution."""
    return [
        Entry(f"mfgprox {name}", "mfgprox", cells, {"solver": name, "time_steps": 16})
        for name in ("primal-dual", "fictitious-play")
    ]


def _small(entry: Entry) -> Entry:
    return replace(entry, cells=tuple(n for n in entry.cells if n <= SMALL))


def _scaled(setting: dict[str, Any], scale: float) -> dict[str, Any]:
    """reg and goal have the units of the cost."""
    return {k: v * scale if k in ("reg", "goal") else v for k, v in setting.items()}

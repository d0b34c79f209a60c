"""Who solves what, on which grids, with which settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.problems import CONTESTS, Contest

REPETITIONS = 3
LIMIT = 60.0
"""Wall seconds that one solve may take; preparing it (compiling, looking for settings) may too."""
LONG = 8.0
"""Processor seconds from which a solve is not repeated."""
WIDE = ("mixtures-0.5", "gaussians-2")
"""Problems on which the others are tried on all grids that they can take, however long it lasts."""
QUICK = ("mixtures-0.5", "gaussians-2", "bumps-2")


WARM: dict[str, dict[str, Any]] = {
    "mfgprox": {
        "n": 16,
        "settings": [
            {"solver": name, "time_steps": 4}
            for name in ("newton", "auto", "primal-dual", "fictitious-play")
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
    found = [
        *(_smooth(contest) if contest.smooth else _rough(contest)),
        *_sinkhorn(contest),
        *_others(contest),
    ]
    if quick:
        found = [
            Entry(e.series, e.peer, tuple(n for n in e.cells if n <= 64), e.setting) for e in found
        ]
    return found


def _smooth(contest: Contest) -> list[Entry]:
    fast = {"solver": "newton", "bounds": False}
    return [
        Entry("mfgprox newton", "mfgprox", (16, 24, 32, 64, 128, 256, 512, 1024), fast),
        Entry(
            "mfgprox newton, bounds",
            "mfgprox",
            (16, 24, 32, 64, 128, 256, 512),
            {"solver": "newton"},
        ),
        *_in_time(contest),
    ]


def _rough(contest: Contest) -> list[Entry]:
    return [
        Entry(
            "mfgprox auto, bounds", "mfgprox", (32, 64, 128), {"solver": "auto", "time_steps": 16}
        ),
        *_in_time(contest),
    ]


def _in_time(contest: Contest) -> list[Entry]:
    """The solvers that compute the whole evolution."""
    cells = (32, 64) if contest.smooth and contest.name not in WIDE else (32, 64, 128)
    return [
        Entry(f"mfgprox {name}", "mfgprox", cells, {"solver": name, "time_steps": 16})
        for name in ("primal-dual", "fictitious-play")
    ]


def _sinkhorn(contest: Contest) -> list[Entry]:
    """reg in units of the cost, scaled with the square of the box: 1/36 for pictures."""
    scale = 1.0 / 36.0 if contest.name.startswith("pictures") else 1.0
    wide = contest.name in WIDE
    finest = (256, 512, 1024) if wide else (256,)
    kernel = [
        ((32,), 0.2),
        ((32, 64), 0.1),
        ((32, 64, 128, *finest), 0.05),
        ((32, 64, 128, *finest), 0.02),
        ((64, 128), 0.01),
        ((64, 128), 0.005),
    ]
    log = [((64, 128), 0.02), ((64,), 0.01), ((64, 128) if wide else (64,), 0.005)]
    dense = [((32, 64), 0.05), ((32, 64), 0.02)]
    sparse = [((32, 64), 0.02, 30), ((64, 128) if wide else (64,), 0.01, 30), ((64,), 0.005, 100)]
    return [
        *(
            Entry("OTT-JAX kernel", "OTT-JAX", cells, {"reg": reg * scale, "mode": "kernel"})
            for cells, reg in kernel
        ),
        *(
            Entry("OTT-JAX log", "OTT-JAX", cells, {"reg": reg * scale, "mode": "log"})
            for cells, reg in log
        ),
        *(Entry("POT", "POT", cells, {"reg": reg * scale}) for cells, reg in dense),
        *(
            Entry(
                "MultiScaleOT",
                "MultiScaleOT",
                cells,
                {"reg": reg * scale, "goal": 0.1 * scale, "inner": inner},
            )
            for cells, reg, inner in sparse
        ),
    ]


def _others(contest: Contest) -> list[Entry]:
    finest = (256,) if contest.name in WIDE else ()
    given = [((64, 128, *finest), 0.5), ((64, 128, *finest), 0.9)]
    return [
        *(
            Entry("GeomLoss (R given)", "GeomLoss", cells, {"scaling": scaling, "debias": True})
            for cells, scaling in given
        ),
        Entry("Clarabel", "Clarabel", (16,)),
    ]

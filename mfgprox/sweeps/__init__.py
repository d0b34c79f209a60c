"""Sweeps over epsilon and p: warm-started chains, anywhere, to the same bits."""

from mfgprox.sweeps.chain import Event
from mfgprox.sweeps.family import Sweep, sweep
from mfgprox.sweeps.limits import Limits
from mfgprox.sweeps.rows import Row
from mfgprox.sweeps.values import SweepError

__all__ = ["Event", "Limits", "Row", "Sweep", "SweepError", "sweep"]

"""Pictures of solutions: a figure, figures as files, films. Matplotlib is imported here only."""

from mfgprox.plot.animation import animate
from mfgprox.plot.overview import figure, save_figure

__all__ = ["animate", "figure", "save_figure"]

"""Films of the path rho_t, as GIF or MP4."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import matplotlib
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter

from mfgprox import atomic
from mfgprox.plot.frames import film_of
from mfgprox.plot.style import styled
from mfgprox.solution import Solution

SUFFIXES = (".gif", ".mp4")
MAX_FPS = 50.0
"""What viewers of GIFs still honour: hundredths of a second, at least two."""
HOLD = (0.5, 1.0)
"""Seconds for which the first and the last frame stand."""
MP4_OPTIONS = [
    *("-pix_fmt", "yuv420p", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"),
    *("-crf", "18", "-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact"),
]


def animate(
    solution: Solution,
    path: str | Path,
    *,
    fps: float = 12.0,
    dpi: float = 120.0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Draw a film of all time levels into a .gif or .mp4 file and return its path.

    1-D: rho_t over P, Q and R, and U_t; 2-D: rho_t with contours of Q and R; 3-D: its three
    projections. fps: frames a second, at most 50. progress(done, total) is called after every
    frame. Raises ValueError for another suffix or rate, OSError where the system refuses.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: a film's name must end in {' or '.join(SUFFIXES)}")
    if not (math.isfinite(fps) and 0.0 < fps <= MAX_FPS):
        raise ValueError(f"fps must be above 0 and at most {MAX_FPS:g}; got {fps}")
    with styled(), atomic.replacing(path) as temporary:
        try:
            _film(solution, temporary, suffix, fps, dpi, progress or (lambda done, total: None))
        except subprocess.CalledProcessError as error:
            raise OSError(f"{path}: ffmpeg failed with status {error.returncode}") from error
    return path


def _film(
    solution: Solution,
    temporary: Path,
    suffix: str,
    fps: float,
    dpi: float,
    progress: Callable[[int, int], None],
) -> None:
    figure, show = film_of(solution)
    frames = _frames(len(solution.times), fps)
    show(0)
    figure.draw_without_rendering()
    # The layout stands still while the picture moves.
    figure.set_layout_engine("none")
    writer = _writer(suffix, fps)
    with writer.saving(figure, str(temporary), dpi):
        for done, k in enumerate(frames, start=1):
            show(k)
            writer.grab_frame()
            progress(done, len(frames))


def _frames(levels: int, fps: float) -> list[int]:
    """The time level of each frame."""
    first, last = (round(seconds * fps) for seconds in HOLD)
    return [0] * first + list(range(levels)) + [levels - 1] * last


def _writer(suffix: str, fps: float) -> AbstractMovieWriter:
    if suffix == ".gif":
        return PillowWriter(fps=fps)  # type: ignore[arg-type]
    import imageio_ffmpeg

    matplotlib.rcParams["animation.ffmpeg_path"] = imageio_ffmpeg.get_ffmpeg_exe()
    return FFMpegWriter(fps=fps, codec="h264", extra_args=MP4_OPTIONS)  # type: ignore[arg-type]

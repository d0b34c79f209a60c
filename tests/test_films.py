"""Films: their frames and rates, their kinds of file, and what is left of one broken off."""

import dataclasses
import itertools

import numpy as np
import pytest
from gaussian_solutions import gaussian_solution
from PIL import Image

from mfgprox.plot import animate
from mfgprox.plot.animation import HOLD


@pytest.mark.parametrize("fps", [0.0, -1.0, 51.0, float("nan")])
def test_an_impossible_rate_is_refused(fps, tmp_path):
    with pytest.raises(ValueError, match="fps"):
        animate(gaussian_solution((8,), 2), tmp_path / "film.gif", fps=fps)


@pytest.mark.parametrize("cells", [(64,), (24, 20), (12, 10, 14)], ids=str)
def test_films(cells, tmp_path):
    whole = gaussian_solution(cells)
    solution = dataclasses.replace(
        whole, rho=whole.rho[::4], U=whole.U[::4], written_times=whole.times[::4]
    )
    calls = []
    path = animate(
        solution, tmp_path / "f.gif", fps=4.0, dpi=40.0, progress=lambda *done: calls.append(done)
    )
    frames = 3 + sum(round(4.0 * s) for s in HOLD)
    assert calls == [(k + 1, frames) for k in range(frames)]
    with Image.open(path) as film:
        pictures, milliseconds = [], 0
        for k in range(film.n_frames):
            film.seek(k)
            pictures.append(np.asarray(film.convert("RGB"), float))
            milliseconds += film.info["duration"]
        assert film.info["loop"] == 0
    assert milliseconds == pytest.approx(250 * frames, rel=0.01)
    assert len(pictures) >= 3
    assert all(np.abs(a - b).max() > 50 for a, b in itertools.pairwise(pictures))
    assert [p.name for p in tmp_path.iterdir()] == ["f.gif"]


def test_films_as_mp4(tmp_path):
    import imageio_ffmpeg

    solution = gaussian_solution((24, 20), 4)
    path = animate(solution, tmp_path / "film.mp4", fps=8.0, dpi=53.0)
    assert path.read_bytes()[4:8] == b"ftyp"
    count, seconds = imageio_ffmpeg.count_frames_and_secs(path)
    assert count == 5 + sum(round(8.0 * s) for s in HOLD)
    assert seconds == pytest.approx(count / 8.0, abs=0.01)
    assert (
        path.read_bytes() == animate(solution, tmp_path / "b.mp4", fps=8.0, dpi=53.0).read_bytes()
    )


def test_a_film_that_is_broken_off_leaves_nothing(tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    for name in ("film.gif", "film.mp4"):
        with pytest.raises(KeyboardInterrupt):
            animate(gaussian_solution((8,), 2), tmp_path / name, dpi=40.0, progress=stop)
    assert not list(tmp_path.iterdir())

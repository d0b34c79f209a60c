"""The corpus that fuzzing has gathered, read again: `fuzzing/fuzz.py` says how it is made."""

from pathlib import Path

import pytest
from fuzzing.seeds import seeds
from fuzzing.targets import TARGETS

CORPUS = Path(__file__).parent / "fuzzing" / "corpus"


@pytest.mark.parametrize("target", TARGETS)
def test_each_input_is_read_or_refused_in_a_line(target, tmp_path):
    inputs = sorted((CORPUS / target).iterdir())
    accepted = [TARGETS[target](path.read_bytes(), tmp_path) for path in inputs]
    assert not all(accepted)
    assert any(accepted) or target == "result"  # a sound one is too large for the corpus


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_are_sound(target, tmp_path):
    accepted = [TARGETS[target](content, tmp_path) for content in seeds(target, tmp_path)]
    # One of the arrays has another shape than the grid, one formula is nowhere without z.
    assert all(accepted) or (target in ("npy", "npz") and sum(accepted) >= 2)


def test_the_corpus_is_small_and_whole():
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
    assert sum(path.stat().st_size for path in CORPUS.glob("*/*")) < 300_000

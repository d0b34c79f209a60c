"""Checkpoints: the same tree to the same bits, for the same case and solver only, never pickle."""

import json
import sys
import types
from dataclasses import dataclass, field

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mfgprox import checkpoint
from mfgprox.checkpoint import CheckpointError, load, path_for, save
from mfgprox.info import describe
from mfgprox.solution import Certificate
from mfgprox.solvers.iterate import TRANSIENT, Progress
from mfgprox.tolerance import Status, Tolerance
from mfgprox.tree import TreeError, put_together, take_apart

OWNER = {"case_text": "epsilon = 2.0", "solver": "primal-dual", "settings": {"step": 10.0}}


@dataclass
class Level:
    potential: np.ndarray
    steps: int
    ratio: float = 0.5
    workspace: np.ndarray | None = field(default=None, metadata=TRANSIENT)
    cache: dict = field(default_factory=dict, metadata=TRANSIENT)


@pytest.fixture(autouse=True)
def package_type(monkeypatch):
    """Level as a type of the package, as a solver's state is."""
    module = types.ModuleType("mfgprox.solvers.level_state")
    module.Level = Level
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(Level, "__module__", module.__name__)


def same(a, b) -> bool:
    if isinstance(a, np.ndarray | np.generic):
        return (
            type(a) is type(b)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and a.tobytes() == b.tobytes()
        )
    if type(a) is float:
        return type(b) is float and np.float64(a).tobytes() == np.float64(b).tobytes()
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


def make_progress():
    random = np.random.default_rng(0)
    field_ = random.normal(size=(5, 4, 3))
    state = {
        "levels": [Level(field_, 3, 0.1 + 0.2, np.ones(3), {"a": 1}), Level(np.empty((0, 2)), 0)],
        "best": field_,
        "pair": (1, 2.5, None, True, "U_1 ∂ψ"),
        "odd": [np.nan, -0.0, np.inf, 5e-324, 2**80],
        "numbers": {1: np.float32(0.1), 2.5: np.int8(-3), "b": np.bool_(True)},
        "arrays": [
            random.integers(0, 9, 4),
            np.array([True, False]),
            np.array(3.5),
            np.array([1j]),
        ],
        "status": Status.STALLED,
        "tolerance": Tolerance(1e-7),
        "certificate": Certificate(1.0, 0.5),
    }
    return Progress(state, [[0.0, 1.5, 1.4, 0.1, float("nan"), -0.0]] * 3)


def test_a_state_comes_back_to_the_bit(tmp_path):
    progress = make_progress()
    back = load(save(progress, tmp_path / "out.checkpoint.h5", **OWNER), **OWNER)
    assert type(back) is Progress
    assert same(back.rows, progress.rows)
    for name in ("best", "pair", "odd", "numbers", "arrays", "status", "tolerance"):
        assert same(back.state[name], progress.state[name]), name
    assert back.state["certificate"].dual_value == 0.5
    first, second = back.state["levels"]
    assert same(first.potential, progress.state["levels"][0].potential)
    assert (first.steps, first.ratio) == (3, 0.1 + 0.2)
    assert second.potential.shape == (0, 2)
    assert back.state["best"] is first.potential
    assert first.workspace is None
    assert first.cache == {}
    assert back.iterations == 3


def test_arrays_keep_their_order_in_memory_and_can_be_written_to(tmp_path):
    columns = np.asfortranarray(np.random.default_rng(0).normal(size=(7, 5, 3)))
    progress = Progress([columns, columns[0, ::2]], [])
    back = load(save(progress, tmp_path / "c.h5", **OWNER), **OWNER).state
    assert back[0].flags.f_contiguous
    assert np.array_equal(back[0], columns)
    assert np.array_equal(back[1], columns[0, ::2])
    back[0][0] = 1.0


def test_the_same_bytes_twice(tmp_path):
    a = save(make_progress(), tmp_path / "a.h5", **OWNER)
    b = save(load(a, **OWNER), tmp_path / "b.h5", **OWNER)
    assert a.read_bytes() == b.read_bytes()


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ARRAYS = hnp.arrays(
    st.sampled_from(["f8", "f4", "i8", "u1", "?", "c16"]), hnp.array_shapes(min_dims=0, min_side=0)
)
TREES = st.recursive(
    PLAIN | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(TREES)
@settings(max_examples=200, deadline=None)
def test_any_tree(tree):
    document, arrays = take_apart(tree)
    assert same(put_together(json.loads(json.dumps(document)), arrays), tree)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"case_text": "epsilon = 3.0"}, "another case"),
        ({"solver": "fictitious-play"}, "another solver: primal-dual, not fictitious-play"),
        ({"settings": {"step": 11.0}}, "another settings"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(change, named, tmp_path):
    path = save(make_progress(), tmp_path / "c.h5", **OWNER)
    with pytest.raises(CheckpointError, match=named):
        load(path, **{**OWNER, **change})


def test_unreadable_checkpoints_are_refused_in_one_sentence(tmp_path):
    path = save(make_progress(), tmp_path / "c.h5", **OWNER)
    content = path.read_bytes()
    for damaged in (b"", b"text", content[:-1], content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"c\.h5") as caught:
            load(path, **OWNER)
        assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match="no such file"):
        load(tmp_path / "missing.h5", **OWNER)


@pytest.mark.parametrize(
    "tree",
    [
        {"object": "os:system", "fields": {}},
        {"object": "mfgprox.__main__:x", "fields": {}},
        {"object": "mfgprox.checkpoint:Path", "fields": {}},
        {"object": "mfgprox.tolerance:Status", "fields": {}},
        {"object": "mfgprox.tolerance:Tolerance", "fields": {"rtol": 1.0}},
        {"object": "mfgprox.nowhere:Tolerance", "fields": {}},
        {"enum": "mfgprox.tolerance:Tolerance", "member": "rtol"},
        {"enum": "mfgprox.tolerance:Status", "member": "FINE"},
        {"array": 99},
        {"array": -1},
        {"array": True},
        {"list": 3},
        {"dict": [1, 2]},
        {"unknown": 1},
        [],
        {},
        17,
    ],
    ids=str,
)
def test_hostile_trees_are_refused(tree, tmp_path):
    path = save(make_progress(), tmp_path / "c.h5", **OWNER)
    with h5py.File(path, "r+") as file:
        del file["tree"]
        file["tree"] = np.frombuffer(json.dumps(tree).encode(), "u1")
    with pytest.raises(CheckpointError, match=r"c\.h5"):
        load(path, **OWNER)


def test_deeply_nested_trees_are_refused(tmp_path):
    path = save(make_progress(), tmp_path / "c.h5", **OWNER)
    text = b'{"list":[' * 20_000 + b"1" + b"]}" * 20_000
    with h5py.File(path, "r+") as file:
        del file["tree"]
        file["tree"] = np.frombuffer(text, "u1")
    with pytest.raises(CheckpointError):
        load(path, **OWNER)


def test_what_cannot_be_stored_is_named_with_its_place(tmp_path):
    for bad in (object(), {1, 2}, np.array([object()]), lambda: 0):
        progress = Progress({"levels": [Level(bad, 0)]}, [])
        with pytest.raises(CheckpointError, match=r"state\.state\['levels'\]\[0\]\.potential"):
            save(progress, tmp_path / "c.h5", **OWNER)
    assert not list(tmp_path.iterdir())


@dataclass
class Stranger:
    value: int


def test_types_from_elsewhere_are_refused():
    with pytest.raises(TreeError, match="Stranger"):
        take_apart(Stranger(1))


def test_the_name_beside_the_result():
    assert path_for("runs/out.h5").as_posix() == "runs/out.checkpoint.h5"
    assert path_for("runs/a.b.h5").as_posix() == "runs/a.b.checkpoint.h5"
    assert path_for("out").as_posix() == "out.checkpoint.h5"


def test_describe_a_checkpoint(tmp_path):
    text = describe(save(make_progress(), tmp_path / "c.h5", **OWNER))
    assert "checkpoint of an unfinished run" in text
    assert "primal-dual, 3 iterations" in text
    assert "epsilon = 2.0" in text
    assert checkpoint.FORMAT == "mfgprox checkpoint"

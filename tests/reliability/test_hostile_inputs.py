"""Files that a case names and nobody would draw: refused in a sentence, with bounded memory."""

import pickle
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from mfgprox.density import ArrayDensity, DensityError, Image, Samples
from mfgprox.grid import Grid

LINE, PLANE = Grid((0.0,), (1.0,), (8,)), Grid((0.0, 0.0), (1.0, 1.0), (8, 8))


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A grey picture that claims to be so large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("size", [(2**31 - 1, 2**31 - 1), (60_000, 60_000), (10**8 + 1, 1), (0, 0)])
def test_pictures_that_claim_to_be_huge(size, tmp_path):
    (tmp_path / "a.png").write_bytes(png(*size))
    with pytest.raises(DensityError) as caught:
        Image.read(tmp_path / "a.png")
    assert "\n" not in str(caught.value)


class Bomb:
    """Unpickling it would make a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("kind", [ArrayDensity, Samples])
def test_pickles_are_never_opened(kind, tmp_path):
    made = tmp_path / "made"
    np.save(tmp_path / "a.npy", np.array([Bomb(made)], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", np.array([Bomb(made)], dtype=object))
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Bomb(made)))
    for name in ("a.npy", "b.npy") + (("a.npz",) if kind is ArrayDensity else ()):
        with pytest.raises(DensityError):
            read(kind, tmp_path / name)
    assert not made.exists()


def read(kind, path):
    return kind.read(path, LINE) if kind is ArrayDensity else kind.read(path, axes=1)


HEADERS = [
    "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (-8,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (8, 0), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (8,), }",
    "{'descr': '|V0', 'fortran_order': False, 'shape': (8,), }",
    "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (8,), }",
    "{'descr': '<c16', 'fortran_order': False, 'shape': (4,), }",
    "{'descr': '<U2', 'fortran_order': False, 'shape': (8,), }",
    "__import__('os').abort()",
    "[" * 3000,
    "{}",
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
@pytest.mark.parametrize("kind", [ArrayDensity, Samples])
def test_headers_of_arrays(kind, header, tmp_path):
    text = header.encode() + b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\0" * 64
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DensityError) as caught:
        read(kind, tmp_path / "a.npy")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("1," * 100_000, "line 1 has 65536 bytes or more"),
        ("1" * 100_000, "line 1 has 65536"),
        ("#" * 100_000 + "\n1\n2\n", "line 1 has 65536"),
        ("1\n" + "2" * 100_000, "line 2 has 65536"),
        ('"1\n' * 1000, "could not convert"),
        ("1\n" * 1000 + "1 2\n", "line 1001 has 2 columns"),
        ("1e999\n", "not finite"),
        ("nan\n", "not finite"),
        ("\0\n", "NUL characters"),
        ("#\n" * 1000, "no rows"),
    ],
)
def test_points_in_text(content, said, tmp_path):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DensityError, match=said) as caught:
        Samples.read(tmp_path / "a.csv", axes=1)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def mutated(content: bytes, rng: random.Random) -> bytes:
    made = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(made) + 1)
        match rng.randrange(4):
            case 0:
                made[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del made[at : at + rng.randint(1, 40)]
            case 2:
                made[at:at] = rng.choice([b"\0", b"\n", b",", b"-", b"9" * 30, b"#", b'"', b"\xff"])
            case 3:
                other = rng.randrange(len(made) + 1)
                made[at:at] = made[other : other + rng.randint(1, 40)]
    return bytes(made)


def check_mutants(folder: Path, count: int, seed: int) -> int:
    """Read mutants of files of every kind; how many of them were refused."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    np.save(folder / "a.npy", numbers.random(8))
    np.savez(folder / "a.npz", numbers.random(8))
    np.savetxt(folder / "a.csv", numbers.random((8, 1)), header="x", delimiter=",")
    (folder / "a.png").write_bytes(png(8, 8, b"".join(b"\0" + bytes(range(8)) for _ in range(8))))
    whole = {path: path.read_bytes() for path in sorted(folder.glob("a.*"))}
    refused = 0
    for number in range(count):
        path = list(whole)[number % len(whole)]
        mutant = folder / f"mutant{path.suffix}"
        mutant.write_bytes(mutated(whole[path], rng))
        try:
            if path.suffix == ".png":
                found = Image.read(mutant).log_density(PLANE)
            elif path.suffix == ".csv":
                found = Samples.read(mutant, axes=1).points
            else:
                found = ArrayDensity.read(mutant, LINE).log_density(LINE)
        except DensityError as error:
            refused += 1
            assert str(error) and "\n" not in str(error)
        else:
            assert not np.isnan(found).any()
    return refused


@pytest.mark.filterwarnings("ignore")
def test_mutants_are_refused_or_read(tmp_path):
    assert 50 < check_mutants(tmp_path, 400, seed=1) < 400


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_thousands_of_mutants(tmp_path):
    assert check_mutants(tmp_path, 20_000, seed=2)


@pytest.mark.slow
@pytest.mark.parametrize("line", ["1\n", "0.123456789012345678901234567890\n", "1 2 3\n"])
def test_a_huge_table_takes_no_more_memory_than_its_numbers(line, tmp_path):
    """A tenth of a gigabyte of text: the numbers twice at most, beside the interpreter."""
    count = 10**8 // len(line)
    with (tmp_path / "a.csv").open("w") as file:
        for _ in range(100):
            file.write(line * (count // 100))
    code = (
        "import resource, sys; from mfgprox.density import Samples;"
        "print(Samples.read(sys.argv[1], axes=int(sys.argv[2])).points.size,"
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    axes = len(line.split())
    command = [sys.executable, "-c", code, str(tmp_path / "a.csv"), str(axes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    size, peak = map(int, done.stdout.split())
    assert size == axes * (count // 100 * 100)
    assert peak * 1024 < 120 * 2**20 + 2.2 * 8 * size

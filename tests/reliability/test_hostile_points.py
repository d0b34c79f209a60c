"""Text of points as nobody should send it: refused before it is read into memory, or read."""

import gzip
import io
import random
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from mfgprox.density import DensityError, Samples, files, points_text

TEXT = "x,y\n0.5,0.25\n1e-3,-2\n"
POINTS = [[0.5, 0.25], [1e-3, -2.0]]


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("a.csv", TEXT)
    return file.getvalue()


def array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones((2, 2)))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(gzip.compress(TEXT.encode()), "it is compressed; unpack it", id="gzip"),
        pytest.param(archive(), "zip archive or a spreadsheet", id="zip"),
        pytest.param(array(), "NumPy array; give its file the ending .npy", id="npy"),
        pytest.param(TEXT.encode("utf-16"), "it is UTF-16 text; save it as UTF-8", id="utf-16"),
        pytest.param(b"\xfe\xff" + TEXT.encode("utf-16-be"), "it is UTF-16 text", id="utf-16-be"),
        pytest.param(TEXT.encode("utf-16-le"), "NUL characters", id="utf-16-le, unmarked"),
        pytest.param(TEXT.encode("utf-32"), r"UTF-16|NUL", id="utf-32"),
        pytest.param(TEXT.encode() + b"\0", "NUL characters", id="NUL"),
        pytest.param("0.5,0.25 # \xe9\n".encode("latin-1"), "not UTF-8 text", id="latin-1"),
        pytest.param(b"", "no rows of numbers", id="empty"),
        pytest.param(b"\xef\xbb\xbf", "no rows of numbers", id="mark alone"),
    ],
)
def test_what_is_no_text_is_named(content, said, tmp_path):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DensityError, match=said) as caught:
        Samples.read(tmp_path / "a.csv", 2)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=ascii)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "mark"])
def test_ends_of_lines_and_byte_order_marks(end, mark, tmp_path):
    for text in (TEXT, TEXT[:-1], "\n\n" + TEXT + "\n"):
        (tmp_path / "a.csv").write_bytes(mark + text.replace("\n", end).encode())
        assert Samples.read(tmp_path / "a.csv", 2).points.tolist() == POINTS


def test_lines_are_counted_as_python_counts_them(tmp_path, monkeypatch):
    rng, path = random.Random(1), tmp_path / "a.csv"
    for _ in range(300):
        path.write_bytes(bytes(rng.choice(b"\n\r,1") for _ in range(rng.randrange(40))))
        monkeypatch.setattr(points_text, "BLOCK", rng.randint(1, 9))
        monkeypatch.setattr(points_text, "LONGEST", 100)
        with path.open(encoding="utf-8") as file:
            lines = list(file)
        assert points_text._count_lines(path) == len(lines)
        longest = max((len(line.rstrip("\n")) for line in lines), default=0)
        monkeypatch.setattr(points_text, "LONGEST", longest + 1)
        points_text._count_lines(path)
        if longest:
            monkeypatch.setattr(points_text, "LONGEST", longest)
            number = 1 + [len(line.rstrip("\n")) for line in lines].index(longest)
            with pytest.raises(DensityError, match=f"^line {number} has"):
                points_text._count_lines(path)


def test_more_numbers_than_memory_is_given_to(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_NUMBERS", 6)
    np.save(tmp_path / "a.npy", np.ones((4, 2), "u1"))
    (tmp_path / "a.csv").write_text("x y\n" + "1 2\n" * 4)
    for name in ("a.npy", "a.csv"):
        with pytest.raises(DensityError, match="8 coordinates, more than 6; take fewer points"):
            Samples.read(tmp_path / name, 2)
    np.save(tmp_path / "a.npy", np.ones((3, 2), "u1"))
    (tmp_path / "a.csv").write_text("x y\n" + "1 2\n" * 3)
    for name in ("a.npy", "a.csv"):
        assert Samples.read(tmp_path / name, 2).points.shape == (3, 2)


@pytest.mark.parametrize("block", [b"1,", b"2", b"#", b"\0", b'"', b"\xff"], ids=ascii)
@pytest.mark.parametrize("beginning", [b"", b"1\n2\n"], ids=["first", "third"])
def test_an_endless_line_is_not_read_into_memory(block, beginning, tmp_path):
    (tmp_path / "a.csv").write_bytes(beginning + block * (8_000_000 // len(block)))
    tracemalloc.start()
    with pytest.raises(DensityError, match=r"65536 bytes or more|NUL"):
        Samples.read(tmp_path / "a.csv", 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * points_text.BLOCK


PEAK = """
import resource, sys
from mfgprox.density import Samples, DensityError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    found = Samples.read(sys.argv[1], axes=int(sys.argv[2])).points.size
except DensityError as error:
    found = str(error)
print(found, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, sep="|")
"""
GIGABYTES = {
    "numbers of one digit": (b"1\n" * 500_000, 1, "500,000,000 lines"),
    "three columns": (
        b"0.123456789012345678901,-1.23456789012345e-01,12.678901234567890\n" * 15_000,
        3,
        "",
    ),
    "numbers of 57 digits": (b"0." + b"123456789" * 6 + b"1\n", 1, ""),
    "an endless line": (b"1," * 500_000, 1, "line 1 has 65536 bytes"),
    "an endless comment": (b"#" * 1_000_000, 1, "line 1 has 65536 bytes"),
    "NULs": (bytes(1_000_000), 1, "NUL characters"),
    "blank lines": (b"\n" * 1_000_000, 1, "1,000,000,000 lines"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GIGABYTES)
def test_a_gigabyte_of_text(name, tmp_path):
    """Refused, or read in a little more than the numbers twice."""
    block, axes, said = GIGABYTES[name]
    with (tmp_path / "a.csv").open("wb") as file:
        for _ in range(10**9 // len(block)):
            file.write(block)
    command = [sys.executable, "-c", PEAK, str(tmp_path / "a.csv"), str(axes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1200)
    (tmp_path / "a.csv").unlink()
    found, peak = done.stdout.split("|")
    print(f"1 GB, {name}: {found}, {peak.strip()} MiB")
    assert int(peak) < (30 if said else 2.3 * 8 * int(found) / 2**20)
    assert said in found

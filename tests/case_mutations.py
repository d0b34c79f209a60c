"""Mutations of the shipped cases: `python tests/case_mutations.py [--count 100000] [CASE …]`.

Each shipped case is changed so many times: bytes, tokens, types, huge numbers, deep nesting,
Unicode, duplicate keys. Each mutant is read as a file. It is a case, or it is refused by lines
that are fit to print, within half a second of processor time.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mfgprox.case import Case, CaseError, read_case, shipped

SECONDS = 0.5

LITERALS = """0 1 -1 2.5 -0.0 nan inf -inf 1e308 -1e308 5e-324 1e400 0x10 1_000 9223372036854775808
true "" "kl" "gaussian" "mixture" 'x' [] [[]] [1] [1.0,2.0] [1,2,3,4] ["a"] [nan] [true] {} {a=1}
{kind="uniform",lower=[0],upper=[1]} {kind="expression",formula="x"} 1979-05-27 07:32:00
[1000000000] [99999999999999999999] [0] [-3]"""
VALUES = LITERALS.split()
PIECES = ["\n", "=", "[", "]", "{", "}", '"', "'", ",", ".", "#", "\\", "\0", "\t", "é", "[P]\n"]
PIECES += [
    "[[",
    '"""',
    "''",
    "\r",
    "\\u0000",
    "\\ud800",
    "[Q.components]\n",
    "[[P]]\n",
    "a.b.c=1\n",
]
STRANGE = (
    "\u0660\uff11\u0301\u200b\u202e\u2028\x85\ufeff\ufffe\U0001f600\u0130\u00df\x7f\x1b\u3000\u2212"
)
NUMBER = re.compile(r"(?<![\w.])[+-]?\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?")
TOKEN = re.compile(r'"[^"\n]*"|[\w.+-]+|\s+|.')


def byte_changed(rng: random.Random, text: str) -> str:
    """One place in the bytes; those that are no text become surrogates, and bytes again on disk."""
    made = bytearray(text.encode("utf-8", "surrogateescape"))
    at, length = rng.randrange(len(made) + 1), rng.randint(1, 5)
    match rng.randrange(6):
        case 0:
            made[at : at + 1] = bytes([rng.randrange(256)])
        case 1:
            del made[at : at + length]
        case 2:
            made[at:at] = rng.randbytes(length)
        case 3:
            other = rng.randrange(len(made) + 1)
            made[at:at] = made[other : other + 8 * length]
        case 4:
            del made[at:]
        case 5 if at < len(made):
            made[at] ^= 1 << rng.randrange(8)
    return made.decode("utf-8", "surrogateescape")


def token_changed(rng: random.Random, text: str) -> str:
    tokens = TOKEN.findall(text) or [""]
    at, other = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    match rng.randrange(5):
        case 0:
            tokens.insert(at, rng.choice(PIECES))
        case 1:
            del tokens[at]
        case 2:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        case 3:
            tokens[at] = tokens[other]
        case 4:
            tokens[at] = rng.choice(PIECES)
    return "".join(tokens)


def type_changed(rng: random.Random, text: str) -> str:
    """The value of a key, or a bare token, becomes one of another type."""
    rows = text.split("\n")
    row = rng.randrange(len(rows))
    if "=" in rows[row]:
        rows[row] = rows[row].split("=")[0] + "= " + rng.choice(VALUES)
        return "\n".join(rows)
    return text.replace(rng.choice("0123456789[]{}=,"), rng.choice(VALUES), 1)


def huge(rng: random.Random, text: str) -> str:
    """A number becomes one that no program expects."""
    size = rng.choice([1, 3, 20, 300, 400, 5000])
    number = rng.choice([
        "9" * size, "1e" + "9" * min(size, 300), "-" + "9" * size, "0x" + "f" * size,
        "0." + "0" * size + "1", "1" + "_0" * size, "1e-400", "0o" + "7" * size,
        "0b" + "1" * size, f"{rng.uniform(-1, 1) * 10.0 ** rng.randint(-320, 307)!r}",
    ])  # fmt: skip
    places = list(NUMBER.finditer(text))
    if not places:
        return text + number
    place = rng.choice(places)
    return text[: place.start()] + number + text[place.end() :]


def nested(rng: random.Random, text: str) -> str:
    """A value, a key or a header becomes a deep one."""
    depth = rng.choice([2, 5, 30, 33, 60, 70, 100, 200, 400, rng.choice([1500, 12_000])])
    deep = rng.choice([
        "[" * depth + "]" * depth, "[" * depth, "{a=" * depth + "1" + "}" * depth,
        "[[" + "[1]," * depth + "]]", '"' + "(" * depth + "x" + ")" * depth + '"',
        '"' + "x" + "+x" * depth + '"', "[{a=" * depth + "1" + "}]" * depth,
    ])  # fmt: skip
    rows = text.split("\n")
    row = rng.randrange(len(rows))
    key, equals, _ = rows[row].partition("=")
    match rng.randrange(4):
        case 0:
            rows.insert(row, "a" + ".a" * depth + " = 1")
        case 1:
            rows.insert(row, "[a" + ".a" * depth + "]")
        case _ if equals:
            rows[row] = f"{key}= {deep}"
    return "\n".join(rows)


def unicode_changed(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    code = rng.choice([rng.randrange(128), rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)])
    strange = rng.choice([rng.choice(STRANGE), chr(code)]) * rng.choice([1, 1, 1, 50])
    return text[:at] + strange + text[at + rng.randrange(2) :]


def repeated(rng: random.Random, text: str) -> str:
    """A line once more, here or elsewhere, or gone; so keys and tables appear twice."""
    rows = text.split("\n")
    row = rng.randrange(len(rows))
    if rng.randrange(4):
        rows.insert(rng.randrange(len(rows) + 1), rows[row])
    else:
        del rows[row]
    return "\n".join(rows)


CHANGES: tuple[Callable[[random.Random, str], str], ...] = (
    byte_changed, token_changed, type_changed, huge, nested, unicode_changed, repeated,
)  # fmt: skip


def mutant(rng: random.Random, text: str) -> bytes:
    """The text with one to three changes, as it would lie on a disk."""
    for _ in range(rng.randint(1, 3)):
        text = rng.choice(CHANGES)(rng, text)
    return text.encode("utf-8", "surrogateescape")


def answered(
    found: Callable[[], Case], name: str, limit: float = SECONDS
) -> tuple[Case | str, float]:
    """The case, or the message, and the seconds that it took. Raises AssertionError where they are
    too many or the message is not fit to print, and whatever is no CaseError."""
    leaked: list[object] = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda it: leaked.append(repr(it.exc_value))
    began = time.process_time()
    try:
        answer: Case | str = found()
    except CaseError as error:
        answer = str(error)
    finally:
        sys.unraisablehook = hook
    seconds = time.process_time() - began
    assert not leaked, f"printed beside the message: {leaked}"
    assert seconds < limit, f"{seconds:.2f} s"
    if isinstance(answer, str):
        lines = answer.split("\n")
        assert answer and len(lines) <= 50
        assert all(len(line) < 1000 and line.isprintable() for line in lines), ascii(answer)
        assert all(line.startswith((name, "--set ")) for line in lines), ascii(answer)
    return answer, seconds


@dataclass(frozen=True)
class Met:
    """What became of so many mutants."""

    count: int
    accepted: int
    worst: float
    seconds: float


def meet(case: str, count: int, seed: int, folder: Path) -> Met:
    """Read so many mutants of a shipped case, as files in `folder`.

    Raises AssertionError, with the mutant left in the folder, for one that is not met as it should.
    """
    rng, text = random.Random(f"{case} {seed}"), read_case(case).text
    path = folder / "mutant.toml"
    accepted, worst, total = 0, 0.0, 0.0
    for number in range(count):
        path.write_bytes(mutant(rng, text))
        try:
            found, seconds = answered(lambda: read_case(path), str(path))
        except Exception as error:
            raise AssertionError(f"mutant {number} of {case}, seed {seed}: {error!r}") from error
        accepted += not isinstance(found, str)
        worst, total = max(worst, seconds), total + seconds
    return Met(count, accepted, worst, total)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=2)
    given = parser.parse_args()
    memory = Path("/dev/shm")  # where there is one: a disk would take most of the time
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        for case in given.cases or shipped.names():
            met = meet(case, given.count, given.seed, Path(folder))
            print(
                f"{case}: {met.count:,} mutants, {met.accepted:,} are cases, {met.seconds:.0f} s, "
                f"the slowest {1e3 * met.worst:.0f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main()

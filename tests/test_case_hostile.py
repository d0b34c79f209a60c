"""Case files that nobody writes by hand: always a case or one clear message, and soon."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfgprox.case import CaseError, parse_case, read_case, shipped
from mfgprox.case.toml import MAX_BYTES

BASE = read_case("mixture_1d").text
SECONDS = 0.5


def answer(text, overrides=()):
    """The case, or the message; fails if it takes too long, leaks, or is not fit to print."""
    began = time.process_time()
    try:
        found = parse_case(text, ".", "my.toml", overrides)
    except CaseError as error:
        found = str(error)
        assert found
        assert all(len(line) < 1000 and line.isprintable() for line in found.split("\n"))
        assert all(line.startswith(("my.toml", "--set ")) for line in found.split("\n"))
        assert len(found.split("\n")) <= 50
    assert time.process_time() - began < SECONDS
    return found


HOSTILE = {
    "dotted key": "a" + ".a" * 20_000 + " = 1",
    "dotted header": "[a" + ".a" * 20_000 + "]",
    "spaced dots": "a" + " . a" * 10_000 + " = 1",
    "quoted dots": '"a"' + '."a"' * 10_000 + " = 1",
    "many dotted keys": "\n".join(f"k{i}" + ".a" * 31 + " = 1" for i in range(900)),
    "nested arrays": "a = " + "[" * 30_000,
    "closed arrays": "a = " + "[" * 30_000 + "]" * 30_000,
    "shallow arrays": "epsilon = " + "[" * 90 + "]" * 90,
    "nested tables": "a = " + "{a=" * 15_000,
    "nested tables closed": "P = " + "{a=" * 150 + "1" + "}" * 150,
    "decimal digits": "epsilon = " + "9" * 60_000,
    "hexadecimal digits": "epsilon = 0x" + "f" * 60_000,
    "exponent": "epsilon = 1e" + "9" * 10_000,
    "long bare word": "a" * 65_000,
    "quotes": '"' * 65_000,
    "single quotes": "'" * 65_000,
    "backslashes": 'a = "' + "\\\\" * 30_000 + '"',
    "open string": 'a = """' + "x" * 60_000,
    "too long": "#" * (MAX_BYTES + 1),
    "comment lines": "#\n" * 30_000,
    "blank": "",
    "spaces": " " * 65_000,
    "unknown keys": "\n".join(f"key{i} = {i}" for i in range(4000)),
    "unknown long keys": "\n".join(f"{'k' * 300}{i} = {i}" for i in range(200)),
    "components": BASE + "[[Q.components]]\n",
    "many components": "[Q]\nkind = 'mixture'\ncomponents = [" + "{kind='ring'}," * 4000 + "]",
    "strange components": "[Q]\nkind = 'mixture'\ncomponents = [" + "{kind='z'}," * 5000 + "]",
    "control character": "a = \x01",
    "nul": "a = 1\0",
    "escapes": 'epsilon = "\\u001b[31mred\\u0000\\n\\u202e"',
    "strange key": '"\\u001b[2J\\n" = 1',
    "long key": '"' + "é" * 20_000 + '" = 1',
    "surrogate": "a = '\ud800'",
    "dates": "epsilon = 1979-05-27T07:32:00Z\ngrid = 07:32:00",
    "twice": "epsilon = 1\nepsilon = 2",
    "kind is a table": BASE.replace('kind = "gaussian"', "kind = {}", 1),
    "kind is a list": BASE.replace('kind = "gaussian"', "kind = [[]]", 1),
    "kind is a number": BASE.replace('kind = "mixture"', "kind = 3", 1),
    "name of a model": BASE.replace("std = [0.35]", "std = [0.35]\ngaussian = 3\nmixture = {}"),
    "empty names": '"" = 1\n[""]\n"" = 2',
    "options": BASE + "[solver]\noptions = { " + ", ".join(f"a{i} = 1" for i in range(60)) + " }",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_toml_is_refused_in_time(name):
    assert isinstance(answer(HOSTILE[name]), str)


def test_hostile_files(tmp_path):
    for name, content in (
        ("binary", bytes(range(256)) * 4),
        ("latin", "title = 'é'".encode("latin-1")),
        ("utf16", BASE.encode("utf-16")),
        ("large", b"#" * 10_000_000),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CaseError, match=name):
            read_case(tmp_path / name)
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbf" + BASE.encode())
    assert read_case(tmp_path / "bom.toml").settings == parse_case(BASE).settings
    (tmp_path / "dos.toml").write_bytes(BASE.replace("\n", "\r\n").encode())
    assert read_case(tmp_path / "dos.toml").settings == parse_case(BASE).settings
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(CaseError, match="is a directory"):
        read_case(tmp_path / "folder.toml")


@pytest.mark.parametrize(
    "override",
    [
        "epsilon=" + "9" * 5000,
        "epsilon=" + "[" * 30_000,
        "a" * 60_000 + "=1",
        "P=" + "{a=" * 10_000,
        "epsilon=\x1b[31m",
        "epsilon=1e999",
        'title="""' + "x" * 1000,
        "=",
        "",
        "x" * 100_000,
    ],
    ids=range(10),
)
def test_hostile_overrides(override):
    assert isinstance(answer(BASE, [override]), str)


LITERALS = """0 1 -1 2.5 -0.0 nan inf -inf 1e308 -1e308 5e-324 1e400 0x10 1_000 9223372036854775808
true "" "kl" "gaussian" "mixture" 'x' [] [[]] [1] [1.0,2.0] [1,2,3,4] ["a"] [nan] [true] {} {a=1}
{kind="uniform",lower=[0],upper=[1]} {kind="expression",formula="x"} 1979-05-27 07:32:00
[1000000000] [99999999999999999999] [0] [-3]"""
VALUES = LITERALS.split()
PIECES = [
    "\n",
    "=",
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    ",",
    ".",
    "#",
    "\\",
    "\0",
    "\t",
    "é",
    "[P]\n",
    "[[",
]


def mutated(rng, text):
    for _ in range(rng.randint(1, 3)):
        kind, rows = rng.randrange(7), text.split("\n")
        at, row = rng.randrange(len(text) + 1), rng.randrange(len(rows))
        if kind == 0:
            text = text[:at] + rng.choice(PIECES) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + rng.randint(1, 5) :]
        elif kind == 2:
            text = (
                text[:at] + chr(rng.choice([rng.randrange(128), rng.randrange(0xD7FF)])) + text[at:]
            )
        elif kind == 3 and "=" in rows[row]:
            rows[row] = rows[row].split("=")[0] + "= " + rng.choice(VALUES)
            text = "\n".join(rows)
        elif kind == 4:
            rows.insert(rng.randrange(len(rows)), rows[row])
            text = "\n".join(rows)
        elif kind == 5:
            del rows[row]
            text = "\n".join(rows) or "\n"
        else:
            text = text.replace(rng.choice("0123456789[]{}=,"), rng.choice(VALUES), 1)
    return text


def check_mutations(seed, count):
    rng = random.Random(seed)
    texts = [read_case(name).text for name in shipped.names()]
    accepted = 0
    for _ in range(count):
        text = mutated(rng, rng.choice(texts))
        found = answer(text)
        accepted += not isinstance(found, str)
    return accepted


def test_mutations_of_the_shipped_cases():
    accepted = check_mutations(1, 600)
    assert 20 < accepted < 500  # the mutations are neither harmless nor all fatal


@pytest.mark.slow
def test_a_hundred_thousand_mutations():
    check_mutations(2, 100_000)


@settings(max_examples=200, deadline=2000)
@given(st.lists(st.sampled_from([*VALUES, "3", "2", "0.5"]), min_size=6, max_size=6))
def test_any_values_give_a_problem_or_messages(values):
    keys = ("epsilon", "p", "grid.upper", "P.mean", "P.std", "Q.components")
    overrides = ["grid.cells=[16]", *(f"{k}={v}" for k, v in zip(keys, values, strict=True))]
    found = answer(BASE, overrides[: 1 + len(values)])
    if not isinstance(found, str):
        try:
            found.problem()
        except CaseError as error:
            assert str(error).startswith(("my.toml:", "--set"))

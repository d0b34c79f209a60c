"""Case files that nobody writes by hand: always a case or one clear message, and soon."""

import random

import pytest
from case_mutations import CHANGES, VALUES, answered, meet
from hypothesis import given, settings
from hypothesis import strategies as st

from mfgprox.case import CaseError, parse_case, read_case, shipped
from mfgprox.case.toml import MAX_BYTES

BASE = read_case("mixture_1d").text


def answer(text, overrides=()):
    """The case, or the message; fails if it takes too long, leaks, or is not fit to print."""
    return answered(lambda: parse_case(text, ".", "my.toml", overrides), "my.toml")[0]


HOSTILE = {
    "dotted key": "a" + ".a" * 20_000 + " = 1",
    "dotted header": "[a" + ".a" * 20_000 + "]",
    "spaced dots": "a" + " . a" * 10_000 + " = 1",
    "quoted dots": '"a"' + '."a"' * 10_000 + " = 1",
    "many dotted keys": "\n".join(f"k{i}" + ".a" * 31 + " = 1" for i in range(900)),
    "dotted keys of a dotted header": "[h"
    + ".a" * 32
    + "]\n"
    + "\n".join(f"k{i}" + ".a" * 31 + " = 1" for i in range(890)),
    "many quoted keys": "[h"
    + '.""' * 32
    + "]\n"
    + "\n".join(f"k{i}" + '.""' * 31 + " = 1" for i in range(600)),
    "keys of one dot": "[h" + ".a" * 32 + "]\n" + "\n".join(f"k{i}.b=1" for i in range(6000)),
    "quotes that open": '\\"""\n' * 13_000,
    "quotes that open in a line": '"' + '\\"' * 32_000,
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
    "towers of powers": "[Q]\nkind='mixture'\ncomponents=["
    + ("{kind='expression',formula='" + "1**" * 47 + "9**9'},") * 180
    + "]",
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
    "kind is a huge number": BASE.replace('kind = "mixture"', "kind = 0x" + "f" * 5000, 1),
    "kind holds a huge number": BASE.replace('"mixture"', "[{ a = 0x" + "f" * 5000 + " }]", 1),
    "component of huge kind": "[Q]\nkind = 'mixture'\ncomponents = [{kind=0x" + "f" * 5000 + "}]",
    "name of a model": BASE.replace("std = [0.35]", "std = [0.35]\ngaussian = 3\nmixture = {}"),
    "empty names": '"" = 1\n[""]\n"" = 2',
    "options": BASE + "[solver]\noptions = { " + ", ".join(f"a{i} = 1" for i in range(60)) + " }",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_toml_is_refused_in_time(name):
    assert isinstance(answer(HOSTILE[name]), str)


DOTS = ".a" * 40


@pytest.mark.parametrize(
    "held",
    [
        f"# a{DOTS} \"a{DOTS} '''",
        f'title = "a{DOTS} # \\" b{DOTS}"',
        f"title = 'a{DOTS} \"'",
        f'title = """a{DOTS}\n"" b{DOTS}"""',
        f"title = '''a{DOTS}\n'' b{DOTS}'''",
    ],
)
def test_dots_that_are_in_no_key_may_be_any_number(held):
    text = "\n".join([held, BASE.replace("title", "# title"), *["# a.b.c.d"] * 1000])
    assert not isinstance(answer(text), str)


def test_the_dots_of_keys_are_counted():
    assert answer(f"a = 1\n'b'{DOTS} = 2") == "my.toml:2: a key has at most 32 dots"
    many = "\n".join(f'k{i} . "b.#\\"".a.a.a = 1.5' for i in range(251))
    assert answer(many) == "my.toml:251: keys of several dots have at most 1000 in all"
    assert "is not a key" in answer(many.rpartition("\n")[0])


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


def test_mutations_of_the_shipped_cases(tmp_path):
    met = [meet(name, 60, 1, tmp_path) for name in shipped.names()]
    # The mutations are neither harmless nor all fatal.
    assert 0.05 < sum(m.accepted for m in met) / sum(m.count for m in met) < 0.5


def test_a_key_that_is_called_as_the_kind_of_its_table():
    part = '[Q]\nkind = "mixture"\ncomponents = [{ kind = "gaussian", gaussian = [1], std = [1] }]'
    text = BASE.partition("[Q]")[0] + part
    line = text.count("\n") + 1
    assert answer(text) == (
        f"my.toml:{line}: Q.components[0].mean: is missing; Q.components[0] requires kind, mean\n"
        f"my.toml:{line}: Q.components[0].gaussian = [1]: is not a key of Q.components[0]; "
        "accepted: kind, mean, std, cov"
    )
    assert "P.mixture = 1: is not a key of P" in answer(BASE, ["P.mixture=1"])


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped.names())
def test_a_hundred_thousand_mutations(name, tmp_path):
    assert meet(name, 100_000, 2, tmp_path).accepted


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_each_change_does(change):
    """Each changes the text, and some of what it makes is refused."""
    rng = random.Random(1)
    made = [change(rng, BASE) for _ in range(60)]
    assert sum(text != BASE for text in made) > 30
    assert any(isinstance(answer(text), str) for text in made)


@settings(max_examples=200)
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

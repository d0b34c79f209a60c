"""Keys that are set from outside, and the TOML that a case is read from and written to."""

import pytest
from case_texts import BASE, message

from mfgprox.case import parse_case
from mfgprox.case.lines import lines_of
from mfgprox.case.toml import dump, parse


def test_overrides_change_the_case_and_its_text():
    overrides = [
        "epsilon=0.5",
        "grid.cells=[32]",
        "solver.method=fictitious-play",
        "Q.components.1.mean=[2.0]",
        "P.mean=[0.1]",
        'title = "quoted = # []"',
    ]
    case = parse_case(BASE, override=overrides)
    assert case.settings.epsilon == 0.5
    assert case.grid().cells == (32,)
    assert case.solver.method == "fictitious-play"
    assert case.settings.Q.components[1].mean == (2.0,)
    again = parse_case(case.text)
    assert again.settings == case.settings
    assert again.title == "quoted = # []"
    assert parse_case(again.text, override=["epsilon=0.5"]).text == again.text


def test_an_override_can_open_a_divergence_given_by_name():
    text = BASE.replace("p = 2.0", 'p = 2.0\nf_divergence = "kl"')
    problem = parse_case(text, override=["f_divergence.lipschitz=2.0"]).problem()
    assert problem.divergence.name == "lipschitz(kl, 2.0)"


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("epsilon=-1", "--set epsilon=-1: epsilon = -1: must be a finite number above 0"),
        ("epsilon", "--set epsilon: must be KEY=VALUE"),
        ("=3", "must be KEY=VALUE"),
        ("epsilon.x=3", "epsilon is a single value"),
        ("Q.components.5.std=[1.0]", "list of 2 entries"),
        ("Q.components.a.std=[1.0]", "list of 2 entries"),
        (
            "P.sdt=[1.0]",
            '--set P.sdt=[1.0]: P.sdt = [1.0]: is not a key of P (did you mean "std"?)',
        ),
        ("epsilon=1\nfoo=2", "--set epsilon=1�foo=2"),
        ("a" + ".b" * 40 + "=1", "KEY=VALUE"),
    ],
)
def test_bad_overrides_name_themselves(override, part):
    assert part in message(BASE, override)


def test_settings_table_shows_defaults_and_values():
    rows = parse_case(BASE, override=["solver.rtol=1e-6"]).settings_table()
    assert ("solver.rtol", "1e-06", True) in rows
    assert ("solver.method", '"auto"', False) in rows
    assert ("output.snapshots", "all", False) in rows
    assert ("grid.cells", "[64]", True) in rows
    assert dict(row[:2] for row in rows)["Q.components"].endswith("std = [0.4] }]")
    assert len(rows) == len({row[0] for row in rows})


def test_lines_of_every_kind_of_toml():
    text = '''# comment "with = quotes"
a = 1
"b c".d = """
x = [
"""
[t.u]
v = [ # comment ]
  [1, 2], { w = 'a]', z.y = 3 },

  "}" ]
[[m]]
n = 1
[[m]]
n = { "q" = \'\'\'
\'\'\' , r = 2 }
[m.o]
s = 1979-05-27 07:32:00
'''
    found = lines_of(text)
    parse(text, "x")
    assert found["a",] == 2
    assert found["b c", "d"] == 3
    assert found["t", "u"] == 6
    assert found["t", "u", "v"] == 7
    assert found["t", "u", "v", 0, 1] == 8
    assert found["t", "u", "v", 1, "w"] == found["t", "u", "v", 1, "z", "y"] == 8
    assert found["t", "u", "v", 2] == 10
    assert (found["m", 0, "n"], found["m", 1, "n"], found["m", 1, "n", "r"]) == (12, 14, 15)
    assert found["m", 1, "o", "s"] == 17
    crlf = text.replace("\n", "\r\n")
    assert lines_of(crlf) == found


def test_dump_is_read_back():
    data = {
        "a": [1, 2.5, 1e-300, -0.0, True, 'x"\\\n\t\x01\x7fé\U0001f600', [[], {}]],
        "b": {"c d": 1, "": {"e": [{"f": "g"}]}},
        "big": 10**200,
    }
    assert parse(dump(data), "x") == data

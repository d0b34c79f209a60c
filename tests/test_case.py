"""Case files: what they give, and what a user reads when one is wrong."""

import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import mfgprox
from mfgprox.case import (
    CaseError,
    estimate_memory,
    load_case,
    memory,
    parse_case,
    read_case,
    schema,
    shipped,
)
from mfgprox.case.toml import dump, lines, parse

BASE = """\
title = "A case"
epsilon = 2
p = 2.0

[grid]
lower = [-6]
upper = [6.0]
cells = [64]
time_steps = 8

[P]
kind = "gaussian"
mean = [-0.8]
std = [0.35]

[Q]
kind = "mixture"
weights = [0.5, 0.5]
components = [
    { kind = "gaussian", mean = [-1.5], std = [0.4] },
    { kind = "gaussian", mean = [1.5], std = [0.4] },
]
"""
PLANE = """\
epsilon = 1.0
p = 2.0
[grid]
lower = [-3.0, -3.0]
upper = [3.0, 3.0]
cells = [16, 16]
[P]
kind = "gaussian"
mean = [0.0, 0.0]
std = [0.5, 0.5]
[Q]
"""


def message(text=BASE, *overrides, base="."):
    with pytest.raises(CaseError) as caught:
        parse_case(text, base, "my.toml", overrides)
    return str(caught.value)


def build_message(text, base="."):
    with pytest.raises(CaseError) as caught:
        parse_case(text, base, "my.toml").problem()
    return str(caught.value)


def test_a_case_gives_its_problem():
    case = parse_case(BASE)
    problem = case.problem()
    assert problem.grid.shape == (64,)
    assert problem.grid.time_steps == 8
    assert (problem.epsilon, problem.p, problem.cost.norm) == (2.0, 2.0, "euclidean")
    assert problem.divergence.name == "kl"
    assert problem.title == "A case"
    assert problem.case is case
    assert case.text == BASE
    x = problem.grid.centers(0)
    assert problem.grid.integrate(problem.P * x) == pytest.approx(-0.8, abs=1e-9)


def test_defaults():
    case = parse_case(BASE)
    assert case.solver.method == "auto"
    assert case.output.path is True
    assert case.solver.options() == {}
    tolerance = case.solver.tolerance()
    assert (tolerance.rtol, tolerance.atol, tolerance.max_iterations) == (1e-4, 1e-12, 2000)
    assert case.output.snapshots is None
    assert case.output.momentum is False
    assert parse_case(BASE.replace("time_steps = 8\n", "")).grid().time_steps == 32


def test_everything_that_can_be_set():
    text = (
        BASE.replace("p = 2.0", 'p = 3\nf_divergence = { kind = "kl" }\ncost = "separable"')
        + '[solver]\nmethod = "fictitious-play"\nrtol = 1e-6\natol = 0\nmax_iterations = 7\n'
        + 'options = { update = "classical" }\n'
        + "[output]\nsnapshots = 5\nmomentum = true\n"
    )
    case = parse_case(text)
    assert case.problem().cost.norm == "separable"
    assert case.problem().p == 3.0
    assert case.solver.options() == {"update": "classical"}
    assert case.solver.tolerance().max_iterations == 7
    assert (case.output.snapshots, case.output.momentum) == (5, True)


def test_settings_table_shows_defaults_and_values():
    rows = parse_case(BASE, override=["solver.rtol=1e-6"]).settings_table()
    assert ("solver.rtol", "1e-06", True) in rows
    assert ("solver.method", '"auto"', False) in rows
    assert ("output.snapshots", "all", False) in rows
    assert ("grid.cells", "[64]", True) in rows
    assert dict(row[:2] for row in rows)["Q.components"].endswith("std = [0.4] }]")
    assert len(rows) == len({row[0] for row in rows})


def test_names_agree_with_the_tables_that_they_stand_for():
    from mfgprox.divergence import DIVERGENCES

    assert set(schema.DIVERGENCE_KINDS) == {*DIVERGENCES, "alpha"}


def test_solver_names_agree_with_the_solvers():
    from mfgprox.solvers import SOLVERS, make_solver

    assert set(schema.SOLVER_METHODS) == set(SOLVERS) == set(schema.SOLVER_OPTIONS)
    for method, options in schema.SOLVER_OPTIONS.items():
        for option, values in options.items():
            for value in values:
                assert getattr(make_solver(method, **{option: value}), option) == value


# Overrides ---------------------------------------------------------------------------------------


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


def test_divergences_by_name_and_by_number():
    text = BASE.replace("p = 2.0", 'p = 2.0\nf_divergence = "jensen-shannon"')
    assert parse_case(text).problem().divergence.name == "jensen-shannon"
    text = BASE.replace("p = 2.0", 'p = 2.0\nf_divergence = { kind = "alpha", alpha = 0.5 }')
    assert parse_case(text).problem().divergence.alpha == 0.5


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


# Messages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("epsilon = 2", "epsilon = 0", "my.toml:2: epsilon = 0: must be a finite number above 0"),
        ("epsilon = 2", "epsilon = inf", "my.toml:2: epsilon = inf: must be a finite number"),
        ("epsilon = 2", "epsilon = nan", "my.toml:2: epsilon = nan: must be a finite number"),
        ("epsilon = 2", "epsilon = 1e308", "my.toml:2: epsilon = 1e+308: must be a finite"),
        ("epsilon = 2", "epsilon = 5e-324", "my.toml:2: epsilon = 5e-324: must be a finite"),
        ("epsilon = 2", 'epsilon = "2"', 'my.toml:2: epsilon = "2": must be a finite number'),
        ("epsilon = 2", "epsilon = true", "my.toml:2: epsilon = true: must be a finite number"),
        ("epsilon = 2", "epsilon = 1979-05-27", "my.toml:2: epsilon = 1979-05-27: must be"),
        ("epsilon = 2\n", "", "my.toml: epsilon: is missing; the case requires epsilon, p, grid"),
        ("p = 2.0", "p = 1.0", "my.toml:3: p = 1.0: must be a finite number above 1"),
        ("p = 2.0", "p = 1e308", "my.toml:3: p = 1e+308: must be a finite number above 1"),
        ("[64]", "[0]", "my.toml:8: grid.cells = [0]: must be a list of one whole number per"),
        ("[64]", "[64.0]", "my.toml:8: grid.cells = [64.0]: must be a list of one whole number"),
        ("[64]", "64", "my.toml:8: grid.cells = 64: must be a list of one whole number per axis"),
        ("[64]", "[]", "my.toml:8: grid.cells = []: must be a list of one whole number per axis"),
        ("[64]", "[1000000000]", "1,000,000,000 cells and 8 time steps need about"),
        ("[64]", "[8, 8]", "my.toml:5: grid = {lower = [-6], upper = [6.0], cells = [8, 8]"),
        ("steps = 8", "steps = 0", "my.toml:9: grid.time_steps = 0: must be a whole number"),
        ("steps = 8", "steps = 900000000", "900,000,000 time steps need about"),
        ("[6.0]", "[-6.0]", "my.toml:7: grid.upper = [-6.0]: must be above grid.lower"),
        ("[6.0]", "[inf]", "my.toml:7: grid.upper = [inf]: must be a list of one finite number"),
        ("[-6]", "[5.99999999999999]", "my.toml:8: grid.cells = [64]: must leave cells that"),
        ("[0.35]", "[-0.35]", "my.toml:14: P.std = [-0.35]: must be a list of one number above 0"),
        ("[0.35]", "[0.3, 0.3]", "my.toml:14: P.std = [0.3, 0.3]: must have one entry per axis"),
        ("[-0.8]", "[nan]", "my.toml:13: P.mean = [nan]: must be a list of one finite number"),
        ("std = [0.35]\n", "", 'my.toml:11: P = {kind = "gaussian", mean = [-0.8]}: must have'),
        ("[P]", "[R]", "my.toml: P: is missing"),
        ("[P]\nkind =", "[P]\nknd =", "my.toml:11: P.kind: is missing; must be one of"),
        ("1.5], std = [0.4] },\n]", "1.5], sdt = [0.4] },\n]", "my.toml:21: Q.components[1].sdt"),
        ("0.5, 0.5]", "0.5, 0.0]", "my.toml:18: Q.weights = [0.5, 0.0]: must be a list of one"),
        ("0.5, 0.5]", "1]", "my.toml:18: Q.weights = [1]: must have one number per component, 2"),
    ],
)
def test_messages_name_file_line_key_value_and_what_is_accepted(old, new, expected):
    assert old in BASE
    found = message(BASE.replace(old, new, 1))
    assert any(line.startswith(expected) or expected in line for line in found.splitlines()), found


def test_all_errors_of_a_file_are_reported_at_once():
    text = (
        BASE.replace("epsilon = 2", "epsilom = -1")
        .replace("p = 2.0", "p = 1")
        .replace("[64]", "[0]")
    )
    found = message(text).splitlines()
    assert [line.split(": ")[0] for line in found] == [
        "my.toml",
        "my.toml:3",
        "my.toml:8",
        "my.toml:2",
    ]
    assert 'did you mean "epsilon"?' in found[-1]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('f_divergence = "alpha"\n', "α is missing"),
        ('f_divergence = { kind = "kl", alpha = 2.0 }\n', "alpha = 2.0: is not a key of kl"),
        ('f_divergence = "kul"\n', 'f_divergence = "kul": must be one of "kl", "reverse-kl"'),
        ("f_divergence = 1\n", "must be the name of an f-divergence or a table"),
        ('f_divergence = { kind = "kl", lipschitz = 0.0 }\n', "lipschitz = 0.0: must be a finite"),
        ("lipschitz = 1.0\n", "lipschitz = 1.0: belongs to the divergence: f_divergence = {"),
        ("transport = [0]\n", "transport = [0]: must be a table"),
        ("[transport]\n", "transport.axes: is missing; transport requires axes"),
        ("[transport]\naxes = []\n", "axes = []: must be a list of one or more of the axes"),
        ('[transport]\naxes = "x"\n', 'axes = "x": must be a list of one or more of the axes'),
        ('[transport]\naxes = ["y"]\n', 'axes = ["y"]: must be one or more of "x"'),
        ('[transport]\naxes = ["x", "x"]\n', 'axes = ["x", "x"]: must name each axis once'),
        ('[transport]\naxis = ["x"]\n', 'transport.axis = ["x"]: is not a key of transport (did'),
        ('cost = "cityblock"\n', 'must be one of "euclidean", "separable"'),
        ("solver = 3\n", "solver = 3: must be a table"),
        ('[solver]\nmethod = "simplex"\n', '"simplex": must be one of "auto", "newton"'),
        ("[solver]\nrtol = -1.0\n", "rtol = -1.0: must be a number from 0"),
        ("[solver]\nmax_iterations = 0\n", "max_iterations = 0: must be a whole number"),
        ("[solver]\nmax_iter = 10\n", 'did you mean "max_iterations"?'),
        ("[solver]\noptions = { a = 1 }\n", "is not an option of auto, which has none"),
        (
            '[solver]\nmethod = "fictitious-play"\noptions = { update = "n" }\n',
            'solver.options.update = "n": must be one of newton, line-search, classical',
        ),
        ("[solver]\noptions = { a = [1] }\n", "must be a table of settings of the method"),
        ("[output]\nsnapshots = 1\n", "must be a whole number from 2"),
        ("[output]\nsnapshots = 10\n", "must be a whole number from 2 to 9"),
        ("[output]\nmomentum = 1\n", "must be true or false"),
    ],
)
def test_other_keys(text, part):
    where = BASE.replace("p = 2.0\n", "p = 2.0\n" + text, 1) if "[s" not in text else BASE + text
    where = BASE + text if text.startswith("[") else where
    found = message(where)
    assert part in found
    assert found.startswith("my.toml:")


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ('kind = "gausian"', 'Q.kind = "gausian": must be one of "gaussian", "mixture"'),
        ('kind = "gausian"', 'did you mean "gaussian"?'),
        (
            'kind = "uniform"\nlower = [0.0, 0.0]',
            "Q.upper: is missing; Q requires kind, lower",
        ),
        ('kind = "uniform"\nlower = [0.0, 0.0]\nupper = [1.0, 0.0]', "must be above lower"),
        (
            'kind = "ring"\ncenter = [0, 0]\ninner = 2\nouter = 1',
            "outer = 1: must be above inner",
        ),
        ('kind = "ring"\ncenter = [0]\ninner = 1\nouter = 2', "must have one entry per axis"),
        ('kind = "gaussian"\nmean = [0, 0]\ncov = [[1, 2], [2, 1]]', "positive definite"),
        ('kind = "gaussian"\nmean = [0, 0]\ncov = [[1, 0], [0.5, 1]]', "symmetric"),
        ('kind = "gaussian"\nmean = [0, 0]\ncov = [[1, 0], [0]]', "2 rows of 2 numbers"),
        ('kind = "gaussian"\nmean = [0, 0]\nstd = [1, 1]\ncov = [[1, 0], [0, 1]]', "either std or"),
        ('kind = "image"\nfile = "a.png"\nmass = "grey"', 'must be one of "dark", "light"'),
        ('kind = "array"\nfile = "a.mat"', ".npy, .npz, .h5"),
        ('kind = "array"\nfile = "a.h5"', "needs the key dataset"),
        ('kind = "samples"\nfile = "a.csv"\nbandwidth = -1', "must be 0 (points are counted"),
        ('kind = "expression"\nformula = "z"', "z is used, but the grid has only the axes x, y"),
        ('kind = "expression"\nformula = "open(1)"', 'the function "open" is not known'),
        ('kind = "expression"\nformula = 3', "must be a formula"),
        ('kind = "mixture"\ncomponents = []', "must be a list of tables"),
        ('kind = "mixture"\ncomponents = [1]', "Q.components[0] = 1: must be a table"),
        ('kind = "mixture"\ncomponents = [{ kind = "mixture" }]', "Q.components[0].kind"),
    ],
)
def test_density_tables(table, part):
    found = message(PLANE + table + "\n")
    assert part in found, found
    assert found.startswith("my.toml:")


# Faults that show when densities are made --------------------------------------------------------


def test_density_faults_name_file_line_key_and_value(tmp_path):
    np.save(tmp_path / "negative.npy", -np.ones((16, 16)))
    np.save(tmp_path / "zero.npy", np.zeros((16, 16)))
    np.save(tmp_path / "shape.npy", np.ones((8, 16)))
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "points.csv").write_text("1,2,3\n")
    (tmp_path / "far.csv").write_text("0,0\n9,9\n")
    for table, start in (
        ('kind = "image"\nfile = "none.png"', 'my.toml:13: Q.file = "none.png": the file does not'),
        ('kind = "image"\nfile = "text.png"', 'my.toml:13: Q.file = "text.png": the file cannot'),
        ('kind = "image"\nfile = "/dev/zero"', 'my.toml:13: Q.file = "/dev/zero": this is not a'),
        ('kind = "array"\nfile = "negative.npy"', 'my.toml:13: Q.file = "negative.npy": the array'),
        ('kind = "array"\nfile = "zero.npy"', 'my.toml:13: Q.file = "zero.npy": the array has no'),
        (
            'kind = "array"\nfile = "shape.npy"',
            'my.toml:13: Q.file = "shape.npy": the array ha',
        ),
        ('kind = "samples"\nfile = "points.csv"', 'my.toml:13: Q.file = "points.csv": the points'),
        (
            'kind = "samples"\nfile = "far.csv"',
            'my.toml:13: Q.file = "far.csv": the box cuts off',
        ),
        ('kind = "expression"\nformula = "x"', 'my.toml:11: Q = {kind = "expression", formula = '),
        ('kind = "expression"\nformula = "0*x"', "my.toml:11: Q = "),
        ('kind = "uniform"\nlower = [9, 9]\nupper = [10, 10]', "my.toml:11: Q = "),
        ('kind = "gaussian"\nmean = [2.9, 0]\nstd = [1, 1]', "my.toml:11: Q = "),
    ):
        found = build_message(PLANE + table + "\n", tmp_path)
        assert found.startswith(start), found
        assert len(found.splitlines()) == 1


def test_cut_off_is_an_error_above_one_percent():
    table = 'kind = "gaussian"\nmean = [0.0, 0.0]\nstd = [1.2, 0.5]\n'
    found = build_message(PLANE + table)
    assert "the box cuts off 1.24% of its mass, more than 1%; enlarge grid.lower" in found
    parse_case(PLANE + table.replace("1.2", "1.1")).problem()


def test_inputs_are_hashed(tmp_path):
    Pillow.new("L", (4, 4), 0).save(tmp_path / "a.png")
    (tmp_path / "my.toml").write_text(PLANE + 'kind = "image"\nfile = "a.png"\n')
    case = read_case(tmp_path / "my.toml")
    assert case.inputs() == {"a.png": hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()}
    assert case.problem().Q.shape == (16, 16)
    (tmp_path / "a.png").unlink()
    with pytest.raises(CaseError, match=r"my\.toml:13: Q\.file = \"a\.png\": cannot be read"):
        case.inputs()


def test_errors_found_elsewhere_find_their_line():
    case = parse_case(BASE, name="my.toml")
    assert str(case.error("P.std", "is too narrow")) == "my.toml:14: P.std = [0.35]: is too narrow"


# Memory ------------------------------------------------------------------------------------------


def test_memory_is_estimated_before_anything_is_made(monkeypatch):
    case = parse_case(BASE)
    assert 200 * 2**20 < estimate_memory(case) < 2**30
    monkeypatch.setattr(memory, "free", lambda: 100 * 2**20)
    assert "MiB of memory, 100 MiB are free" in message(BASE)
    monkeypatch.setattr(memory, "free", lambda: None)
    parse_case(BASE)


def test_memory_of_the_largest_shipped_case_is_sane():
    assert estimate_memory(read_case("gaussian_3d")) < 2 * 10**9
    assert memory.free() is None or memory.free() > 0


# Shipped cases -----------------------------------------------------------------------------------

SMALL = {1: "[48]", 2: "[24, 20]", 3: "[12, 10, 14]"}


@pytest.mark.parametrize("name", shipped.names())
def test_shipped_cases_build(name):
    case = read_case(name)
    assert case.path.read_text().startswith("# ")
    assert case.title != name
    problem = case.problem()
    assert problem.P.sum() * problem.grid.cell_volume == pytest.approx(1.0, abs=1e-12)
    assert problem.Q.sum() * problem.grid.cell_volume == pytest.approx(1.0, abs=1e-12)
    # With transport along some axes the box chooses slices: the others are no part of the problem.
    assert max(problem.cut_off) < (1e-5 if problem.split is None else 1e-3)
    small = load_case(name, [f"grid.cells={SMALL[problem.grid.dimension]}", "grid.time_steps=4"])
    assert np.all(small.P >= 0.0)
    assert pytest.approx(small.Q, abs=1e-12) == problem.on(small.grid).Q
    assert parse_case(small.case.text, case.base_path).settings == small.case.settings


def test_shipped_cases_that_others_rely_on():
    gaussians = {"gaussian_1d", "gaussian_2d", "gaussian_rotated_2d", "gaussian_3d"}
    figures = {"figure1_gaussians_1d", "figure2_gaussians_2d"}
    others = {"mixture_1d", "power_cost_1d", "power_cost_1d_low", "four_bumps_2d", "ring_2d"}
    data = {"image_2d", "samples_2d"}
    assert gaussians | figures | others | data <= set(shipped.names())
    rotated = read_case("gaussian_rotated_2d").settings
    a, b = np.array(rotated.P.cov), np.array(rotated.Q.cov)
    assert np.abs(a @ b - b @ a).max() > 1e-3
    assert read_case("ring_2d.toml").problem().Q.min() == 0.0


def test_an_unknown_name_says_how_to_find_a_case():
    for name in ("no_such_case", "no/such.toml", "x" * 5000, "a\0b", "../cases", "tests"):
        with pytest.raises(CaseError) as caught:
            read_case(name)
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(CaseError, match="`mfgprox cases` lists those"):
        read_case("no_such_case")


def test_the_file_of_a_shipped_case_is_named_with_its_suffix():
    with pytest.raises(CaseError, match=r"^gaussian_1d\.toml:13: P = .*5\.9.* the box cuts off"):
        load_case("gaussian_1d", ["P.mean=[5.9]"])


def test_the_package_carries_every_file_of_the_cases():
    root = Path(mfgprox.__file__).parents[1]
    setup = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "mfgprox.cases" in setup["packages"]
    assert setup["package-dir"]["mfgprox.cases"] == "cases"
    carried = {p for g in setup["package-data"]["mfgprox.cases"] for p in (root / "cases").glob(g)}
    assert carried == {p for p in (root / "cases").rglob("*") if p.is_file()}
    for path in carried:
        assert path.stat().st_size < 30_000


def test_installed_cases_lie_inside_the_package(tmp_path, monkeypatch):
    root = Path(mfgprox.__file__).parents[1]
    package = tmp_path / "site" / "mfgprox"
    shutil.copytree(root / "cases", package / "cases")
    monkeypatch.setattr(mfgprox, "__file__", str(package / "__init__.py"))
    assert shipped.directory() == package / "cases"
    assert read_case("image_2d").problem().Q.shape == (128, 128)


def test_load_case_is_public():
    assert mfgprox.load_case("gaussian_1d").grid.cells == (256,)


def test_reading_a_case_stays_light():
    code = (
        "import sys, mfgprox.case\n"
        "mfgprox.case.read_case('gaussian_1d')\n"
        "heavy = {'numba', 'scipy', 'matplotlib', 'h5py', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# TOML --------------------------------------------------------------------------------------------


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
    found = lines(text)
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
    assert lines(crlf) == found


def test_dump_is_read_back():
    data = {
        "a": [1, 2.5, 1e-300, -0.0, True, 'x"\\\n\t\x01\x7fé\U0001f600', [[], {}]],
        "b": {"c d": 1, "": {"e": [{"f": "g"}]}},
        "big": 10**200,
    }
    assert parse(dump(data), "x") == data

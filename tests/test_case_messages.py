"""What a user reads when a case file is wrong: file, line, key, value, what is accepted."""

import numpy as np
import pytest
from case_texts import BASE, PLANE, message

from mfgprox.case import CaseError, parse_case


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


def build_message(text, base="."):
    with pytest.raises(CaseError) as caught:
        parse_case(text, base, "my.toml").problem()
    return str(caught.value)


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


def test_errors_found_elsewhere_find_their_line():
    case = parse_case(BASE, name="my.toml")
    assert str(case.error("P.std", "is too narrow")) == "my.toml:14: P.std = [0.35]: is too narrow"

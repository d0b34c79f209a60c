"""Imports point one way: case → problem → solver → solution → storage, plots → commands."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = [
    {
        "grid",
        "split",
        "cost",
        "divergence",
        "tolerance",
        "kernels",
        "atomic",
        "claim",
        "hdf5",
        "tree",
        "audit",
        "points",
    },
    {"density"},
    {"problem", "slices"},
    {"solution", "transform", "quadrature", "enclosure", "centre_sums", "map_images", "slopes"},
    {"splines"},
    {"sensitivity", "capped_cost", "plan_pairs", "open_cells"},
    {"rearrangement", "competitor", "dyadic", "plan", "pushforward", "smooth_sums"},
    {"smooth_bounds", "rough_bounds"},
    {"certificate", "lipschitz_bounds", "dynamic"},
    {"sampling"},
    {"certified"},
    {"solvers"},
    {"exact"},
    {"case"},
    {"vtkhdf", "layout", "restore"},
    {"storage", "checkpoint"},
    {"flows"},
    {"sweeps"},
    {"plot", "report", "export", "advice", "info", "recheck", "validation"},
    {"exits", "interruption", "notebook", "outputs", "progress", "summary", "estimate", "suite"},
    {"run", "run_flow", "run_sample", "run_particles", "run_sweep", "sweep_progress"},
    {"validate", "draw"},
    {"begin", "deliver"},
    {"cli_options"},
    {"cli_extras", "cli_flow", "cli_sample", "cli_sweep"},
    {"cli"},
    {"__main__", "__init__"},
]
LAYER_OF = {name: i for i, names in enumerate(LAYERS) for name in names}


def modules():
    for path in [*ROOT.glob("mfgprox/*.py"), *ROOT.glob("mfgprox/[a-z]*/**/*.py")]:
        if "solvers" not in path.parts:
            yield path, path.relative_to(ROOT / "mfgprox").parts[0].removesuffix(".py")
    for path in ROOT.glob("solvers/*.py"):
        yield path, "solvers"


def top(name: str) -> str:
    return name.split("_")[0] if name.startswith("case_") else name


def run_time_imports(tree: ast.Module):
    """Imports that run when the module is imported: not inside functions or TYPE_CHECKING."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mfgprox"):
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [a.name for a in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("mfgprox."):
                    yield alias.name.split(".")[1]


@pytest.mark.parametrize(("path", "module"), list(modules()), ids=lambda v: str(v)[-40:])
def test_imports_point_down(path, module):
    tree = ast.parse(path.read_text())
    for imported in run_time_imports(tree):
        if imported == "__version__":
            continue
        assert top(imported) in LAYER_OF, f"{imported} has no layer"
        assert LAYER_OF[top(imported)] <= LAYER_OF[top(module)], f"{path} imports {imported}"


def test_nobody_imports_solvers_twice():
    for path, _ in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module is None or node.module.split(".")[0] != "solvers"
            elif isinstance(node, ast.Import):
                assert all(a.name.split(".")[0] != "solvers" for a in node.names)


def test_solvers_are_a_link_to_the_top_level():
    link = ROOT / "mfgprox" / "solvers"
    assert link.is_symlink()
    assert link.resolve() == ROOT / "solvers"

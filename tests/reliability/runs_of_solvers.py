"""Runs of a second or less, for every solver and flow, 1-D and 2-D: method, case, overrides."""

LINE = ("gaussian_1d", "grid.cells=[192]", "grid.time_steps=16")
PLANE = ("gaussian_2d", "grid.cells=[40,40]", "grid.time_steps=8")
ROUGH = ("mixtures_1d", "grid.cells=[192]", "grid.time_steps=8")
RING = ("ring_2d", "grid.cells=[40,40]", "grid.time_steps=8")
SLICES = ("bayesian_inverse_2d", "grid.cells=[40,40]", "grid.time_steps=8")
CIRCLE = ("lipschitz_circle_2d", "grid.cells=[32,32]", "grid.time_steps=8")
SHORT = ("solver.max_iterations=150", "solver.rtol=1e-9")
RUNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "auto 1-D": ("auto", ROUGH),
    "auto 2-D": ("auto", RING),
    "newton 1-D": ("newton", LINE),
    "newton 2-D": ("newton", PLANE),
    "semi-discrete 1-D": ("semi-discrete", ROUGH),
    "semi-discrete 2-D": ("semi-discrete", RING),
    "back-and-forth 1-D": ("back-and-forth", ROUGH),
    "back-and-forth 2-D": ("back-and-forth", RING),
    "primal-dual 1-D": ("primal-dual", (*LINE, *SHORT)),
    "primal-dual 2-D": ("primal-dual", (*PLANE, *SHORT)),
    "fictitious-play 1-D": ("fictitious-play", LINE),
    "fictitious-play 2-D": ("fictitious-play", PLANE),
    "conditional 2-D": ("auto", SLICES),
    "lipschitz 2-D": ("back-and-forth", CIRCLE),
    "jko 1-D": ("jko", LINE),
    "jko 2-D": ("jko", PLANE),
    "gradient 1-D": ("gradient", LINE),
}
FLOWS = ("jko", "gradient")

"""Short runs for every solver and flow, 1-D and 2-D: method, case, overrides.

With compiled kernels loaded, each takes a fraction of a second of processor time.
"""

LINE = ("gaussian_1d", "grid.cells=[192]", "grid.time_steps=16")
FINE = ("gaussian_1d", "grid.cells=[2048]", "grid.time_steps=16")
PLANE = ("gaussian_2d", "grid.cells=[20,20]", "grid.time_steps=4")
FINE_PLANE = ("gaussian_2d", "grid.cells=[96,96]", "grid.time_steps=8")
ROUGH = ("mixtures_1d", "grid.cells=[192]", "grid.time_steps=8")
FINE_ROUGH = ("mixtures_1d", "grid.cells=[384]", "grid.time_steps=16")
RING = ("ring_2d", "grid.cells=[32,32]", "grid.time_steps=8")
SLICES = ("bayesian_inverse_2d", "grid.cells=[24,4]", "grid.time_steps=4")
CIRCLE = ("lipschitz_circle_2d", "grid.cells=[16,16]", "grid.time_steps=4")
SHORT = ("solver.max_iterations=30", "solver.rtol=1e-9")
RUNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "auto 1-D": ("auto", FINE_ROUGH),
    "auto 2-D": ("auto", RING),
    "newton 1-D": ("newton", FINE),
    "newton 2-D": ("newton", FINE_PLANE),
    "semi-discrete 1-D": ("semi-discrete", FINE_ROUGH),
    "semi-discrete 2-D": ("semi-discrete", RING),
    "back-and-forth 1-D": ("back-and-forth", ROUGH),
    "back-and-forth 2-D": ("back-and-forth", RING),
    "primal-dual 1-D": ("primal-dual", (*LINE, *SHORT)),
    "primal-dual 2-D": ("primal-dual", (*PLANE, *SHORT)),
    "fictitious-play 1-D": ("fictitious-play", LINE),
    "fictitious-play 2-D": ("fictitious-play", PLANE),
    "conditional 2-D": ("auto", SLICES),
    "lipschitz 2-D": ("back-and-forth", CIRCLE),
    "jko 1-D": ("jko", FINE_ROUGH),
    "jko 2-D": ("jko", FINE_PLANE),
    "gradient 1-D": ("gradient", FINE_ROUGH),
}
FLOWS = ("jko", "gradient")

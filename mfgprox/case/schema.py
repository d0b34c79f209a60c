"""What a case file may contain: every key, its type, its range and its default.

The sentence beside a type is what the user reads when a value is refused. Tables are closed:
a key that is not listed is an error.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mfgprox.case.accept import Lengths, PerAxis, Rows, accept, as_tuple, one_of

SOLVER_METHODS: tuple[str, ...] = (
    "auto", "newton", "primal-dual", "fictitious-play", "back-and-forth", "semi-discrete",
)  # fmt: skip
"""Names that `mfgprox.solvers.SOLVERS` knows; listed here since that table needs the compiler."""
SOLVER_OPTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "auto": {},
    "newton": {},
    "primal-dual": {},
    "back-and-forth": {},
    "semi-discrete": {},
    "fictitious-play": {"update": ("newton", "line-search", "classical")},
}
"""What `solver.options` may hold: for each method the fields of its class, and their values."""
DIVERGENCE_KINDS: tuple[str, ...] = (
    "kl", "reverse-kl", "pearson", "neyman", "hellinger", "jensen-shannon", "alpha",
)  # fmt: skip
"""Names that `mfgprox.divergence.DIVERGENCES` knows, and the one that takes a number."""
MAX_FORMULA = 1000


class Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class GridSettings(Table):
    lower: PerAxis
    upper: PerAxis
    cells: Annotated[
        tuple[Annotated[int, Field(ge=1, le=10**12)], ...],
        BeforeValidator(as_tuple),
        Field(min_length=1, max_length=3),
        accept("a list of one whole number per axis, each at least 1, in the order x, y, z"),
    ]
    time_steps: Annotated[int, Field(ge=1, le=10**9), accept("a whole number, at least 1")] = 32


class GaussianSettings(Table):
    kind: Literal["gaussian"]
    mean: PerAxis
    std: Lengths | None = None
    cov: Rows | None = None


class UniformSettings(Table):
    kind: Literal["uniform"]
    lower: PerAxis
    upper: PerAxis


class RingSettings(Table):
    kind: Literal["ring"]
    center: PerAxis
    inner: Annotated[float, Field(ge=0, le=1e9), accept("a radius, a number from 0 to 1e9")]
    outer: Annotated[float, Field(ge=1e-9, le=1e9), accept("a radius above inner, up to 1e9")]


class ExpressionSettings(Table):
    kind: Literal["expression"]
    formula: Annotated[
        str,
        Field(min_length=1, max_length=MAX_FORMULA),
        accept(f"a formula in x, y, z as a string of at most {MAX_FORMULA} characters"),
    ]


class ImageSettings(Table):
    kind: Literal["image"]
    file: Annotated[str, Field(min_length=1, max_length=4096), accept("the path of an image file")]
    mass: one_of(("dark", "light")) = "dark"  # type: ignore[valid-type]


class ArraySettings(Table):
    kind: Literal["array"]
    file: Annotated[
        str,
        Field(min_length=1, max_length=4096, pattern=r"\.(npy|npz|h5|hdf5)$"),
        accept("the path of a .npy, .npz, .h5 or .hdf5 file"),
    ]
    dataset: Annotated[str | None, accept("the name of an array in the file, a string")] = None


class SamplesSettings(Table):
    kind: Literal["samples"]
    file: Annotated[
        str,
        Field(min_length=1, max_length=4096, pattern=r"\.(npy|csv|txt)$"),
        accept("the path of a .npy, .csv or .txt file of points, one row for each"),
    ]
    bandwidth: Annotated[
        float, Field(ge=0, le=1e9), accept("0 (points are counted in cells) or a length above 0")
    ] = 0.0


Single = (
    GaussianSettings
    | UniformSettings
    | RingSettings
    | ExpressionSettings
    | ImageSettings
    | ArraySettings
    | SamplesSettings
)
Component = Annotated[Single, Field(discriminator="kind")]


class MixtureSettings(Table):
    kind: Literal["mixture"]
    components: Annotated[
        tuple[Component, ...], BeforeValidator(as_tuple), Field(min_length=1, max_length=1000)
    ]
    weights: Annotated[
        tuple[Annotated[float, Field(gt=1e-300, le=1e9)], ...] | None,
        BeforeValidator(as_tuple),
        accept("a list of one number above 0 per component"),
    ] = None


DensitySettings = Annotated[Single | MixtureSettings, Field(discriminator="kind")]


class DivergenceSettings(Table):
    kind: one_of(DIVERGENCE_KINDS) = "kl"  # type: ignore[valid-type]
    alpha: Annotated[float | None, Field(ge=-20, le=20), accept("a number from -20 to 20")] = None
    lipschitz: Annotated[
        float | None, Field(ge=1e-9, le=1e9), accept("a finite number above 0 (1e-9 to 1e9)")
    ] = None

    @property
    def name(self) -> str:
        """As `mfgprox.divergence.by_name` takes it."""
        plain = self.kind if self.alpha is None else f"{self.kind}({self.alpha!r})"
        return plain if self.lipschitz is None else f"lipschitz({plain}, {self.lipschitz!r})"


class TransportSettings(Table):
    axes: Annotated[
        tuple[str, ...],
        BeforeValidator(as_tuple),
        Field(min_length=1, max_length=3),
        accept('a list of one or more of the axes of the grid, such as ["x"]'),
    ]


class SolverSettings(Table):
    method: one_of(SOLVER_METHODS) = "auto"  # type: ignore[valid-type]
    rtol: Annotated[float, Field(ge=0, lt=1), accept("a number from 0 to below 1")] = 1e-4
    atol: Annotated[float, Field(ge=0, le=1e9), accept("a finite number, at least 0")] = 1e-12
    max_iterations: Annotated[int, Field(ge=1, le=10**9), accept("a whole number, at least 1")] = (
        2000
    )
    options: Annotated[
        dict[str, bool | int | float | str],
        Field(max_length=50),
        accept("a table of settings of the method: booleans, finite numbers and strings"),
    ] = {}


class OutputSettings(Table):
    path: Annotated[bool, accept("true or false")] = True
    snapshots: Annotated[
        int | None, Field(ge=2, le=10**9), accept("a whole number from 2 to grid.time_steps + 1")
    ] = None
    momentum: Annotated[bool, accept("true or false")] = False


def _divergence_table(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


class CaseSettings(Table):
    """A whole case file."""

    title: Annotated[str, Field(max_length=1000), accept("a string of at most 1000 characters")] = (
        ""
    )
    epsilon: Annotated[
        float, Field(ge=1e-9, le=1e9), accept("a finite number above 0 (1e-9 to 1e9)")
    ]
    p: Annotated[float, Field(ge=1.01, le=64), accept("a finite number above 1 (1.01 to 64)")]
    f_divergence: Annotated[DivergenceSettings, BeforeValidator(_divergence_table)] = (
        DivergenceSettings()
    )
    cost: one_of(("euclidean", "separable")) = "euclidean"  # type: ignore[valid-type]
    grid: GridSettings
    transport: TransportSettings | None = None
    P: DensitySettings
    Q: DensitySettings
    solver: SolverSettings = SolverSettings()
    output: OutputSettings = OutputSettings()


DENSITIES: dict[str, type[Table]] = {
    "gaussian": GaussianSettings,
    "mixture": MixtureSettings,
    "uniform": UniformSettings,
    "ring": RingSettings,
    "expression": ExpressionSettings,
    "image": ImageSettings,
    "array": ArraySettings,
    "samples": SamplesSettings,
}

MISPLACED = {
    ("lipschitz",): 'belongs to the divergence: f_divergence = { kind = "kl", lipschitz = … }',
}
"""Keys that are looked for in a wrong place, and where that is said."""

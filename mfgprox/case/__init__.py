"""Case files: TOML text → validated `Case` → `Problem`."""

from mfgprox.case.case import Case, estimate_memory, parse_case
from mfgprox.case.errors import CaseError
from mfgprox.case.read import load_case, read_case

__all__ = ["Case", "CaseError", "estimate_memory", "load_case", "parse_case", "read_case"]

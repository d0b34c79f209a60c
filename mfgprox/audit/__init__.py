"""A certificate recomputed from nothing but arrays: P, Q, psi and (rho, m).

Nothing is imported from the solvers, their kernels or the certificate that they report; NumPy and
SciPy do all the work, in the plainest way that is still affordable.
"""

from __future__ import annotations

from mfgprox.audit.recompute import Recomputed, recompute_certificate

__all__ = ["Recomputed", "recompute_certificate"]

"""The dynamic pair (rho_t, m_t), U_t of a static optimum, and the action of such a pair."""

from mfgprox.dynamic.pair import DynamicPair, dynamic_pair, with_path

__all__ = ["DynamicPair", "dynamic_pair", "with_path"]

"""The dynamic pair (rho_t, m_t), U_t of a static optimum, and the action of such a pair."""

from mfgprox.dynamic.action import action, plain_action
from mfgprox.dynamic.pair import DynamicPair, dynamic_pair, with_path

__all__ = ["DynamicPair", "action", "dynamic_pair", "plain_action", "with_path"]

"""Flows of densities: JKO steps, and the gradient flow of the divergence itself."""

from mfgprox.flows.files import load_flow
from mfgprox.flows.flow import Flow, FlowError
from mfgprox.flows.gradient import gradient_flow
from mfgprox.flows.steps import jko

__all__ = ["Flow", "FlowError", "gradient_flow", "jko", "load_flow"]

"""Flows: JKO steps, and the gradient flow of D itself, of densities and of particles."""

from mfgprox.flows.files import load_flow
from mfgprox.flows.flow import Flow, FlowError
from mfgprox.flows.gradient import gradient_flow
from mfgprox.flows.particles import ParticleFlow, particle_flow
from mfgprox.flows.steps import jko

__all__ = [
    "Flow",
    "FlowError",
    "ParticleFlow",
    "gradient_flow",
    "jko",
    "load_flow",
    "particle_flow",
]

"""Uncertainty-aware Instruction Tuning: a language model learns from its own samples to say how sure it is."""

__version__ = "0.1.0"

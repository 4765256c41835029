"""Activation functions of config.json (`hidden_act`; transformers, activations.py)."""

from __future__ import annotations

from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.layers import gelu, gelu_by_tanh

ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "quick_gelu", "relu")


def activation(g: GraphBuilder, x: str, name: str) -> str:
    """`name` of `ACTIVATIONS` over `x`, element by element."""
    if name == "gelu":
        return gelu(g, x)
    if name in ("gelu_new", "gelu_pytorch_tanh"):
        return gelu_by_tanh(g, x)
    if name == "quick_gelu":
        return g.node("Mul", x, g.node("Sigmoid", g.node("Mul", x, g.scalar(1.702))))
    if name == "relu":
        return g.node("Relu", x)
    raise ValueError(f"unknown activation {name}")

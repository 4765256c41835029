"""Settings of decoder-only language models, whichever file they come from.

References: transformers, models/{llama,qwen2,qwen3,gemma3}/modeling_*.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.llm.rotary import Rotary

FAMILIES = ("llama", "qwen2", "qwen3", "gemma3")

DEFAULT_CONTEXT = 8192
"""Largest default context: a longer one needs larger tables of the rotary embedding, and is of little use on a board."""


@dataclass(frozen=True)
class LlmConfig:
    family: str
    vocab_size: int
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate_size: int
    epsilon: float
    """Epsilon of every normalisation."""
    activation: str
    """`silu` or `gelu_pytorch_tanh`, of the gated layer."""
    context: int
    """Most positions: prompt and answer together."""
    rotaries: tuple[Rotary, ...]
    """By layer."""
    windows: tuple[int | None, ...]
    """By layer: positions that a position attends to, itself included; `None` for all before it."""
    scale: float
    """Factor of attention scores."""
    qk_norm: bool = False
    """Whether each head of query and key is normalised."""
    sandwich: bool = False
    """Whether the output of attention and of the gated layer is normalised, too."""
    norm_offset: float = 0.0
    """Added to the stored scale of a normalisation."""
    embedding_scale: float = 1.0

    @property
    def query_size(self) -> int:
        return self.heads * self.head_dim

    @property
    def kv_size(self) -> int:
        return self.kv_heads * self.head_dim


def check(config: LlmConfig, place: str) -> None:
    """Raises ExportError, which names the file `place`, for sizes that no model has."""
    sizes = {
        "vocabulary": (config.vocab_size, 1 << 20),
        "hidden size": (config.hidden_size, 1 << 16),
        "number of layers": (config.layers, 256),
        "number of heads": (config.heads, 1 << 10),
        "number of key-value heads": (config.kv_heads, 1 << 10),
        "head size": (config.head_dim, 1 << 10),
        "size of the gated layer": (config.intermediate_size, 1 << 18),
        "context": (config.context, 1 << 24),
    }
    for what, (size, most) in sizes.items():
        if not 1 <= size <= most:
            raise ExportError(f"{place}: the {what} is {size}; expected 1 to {most}")
    if config.heads % config.kv_heads:
        raise ExportError(f"{place}: {config.heads} heads are no multiple of {config.kv_heads} key-value heads")
    if config.head_dim % 2:
        raise ExportError(f"{place}: the head size {config.head_dim} is odd; the rotary embedding needs pairs")


def chosen_context(most: int, wanted: int | None, place: str) -> int:
    """The context of the exported model: `wanted`, or the model's own up to `DEFAULT_CONTEXT`."""
    if wanted is None:
        return min(most, DEFAULT_CONTEXT)
    if not 2 <= wanted <= most:
        raise ExportError(f"{place}: --context {wanted}: the model supports 2 to {most} positions")
    return wanted

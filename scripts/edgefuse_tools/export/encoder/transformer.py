"""Vision transformers and the towers of CLIP and SigLIP: pre-norm layers whose weights have different names.

Shapes: `tokens` of a picture are its patches, after a class token if there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools.export.blip.config import config_fields
from edgefuse_tools.export.checkpoints.checkpoint import to_float32
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.activations import ACTIVATIONS, activation
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.section import Section, layer_norm_of, linear_after_gelu_of, linear_of

Attend = Callable[[str, str, str], str]
"""query, key, value [batch, tokens, hidden] -> context [batch, tokens, hidden]"""


@dataclass(frozen=True)
class Tower:
    """Sizes of a tower, as in config.json."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    hidden_act: str
    layer_norm_eps: float

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads


@dataclass(frozen=True)
class VisionTower(Tower):
    image_size: int
    patch_size: int

    @property
    def patches(self) -> int:
        return int((self.image_size // self.patch_size) ** 2)


@dataclass(frozen=True)
class TextTower(Tower):
    vocab_size: int
    max_position_embeddings: int


@dataclass(frozen=True)
class Names:
    """Names of the parts of a layer."""

    norm1: str
    query: str
    key: str
    value: str
    out: str
    norm2: str
    wide: str
    narrow: str
    scales: tuple[str, str] | None = None
    """Factors of each channel, after the attention and after the feed-forward network."""


def read_tower(path: Path, config: dict[str, Any], part: str, defaults: dict[str, Any], kind: type[Any]) -> Any:
    """A tower of type `kind` from `config[part]`; `defaults` are those of its configuration class."""
    tower = kind(**config_fields(path, config, part, defaults))
    if tower.hidden_act not in ACTIVATIONS:
        raise ExportError(f"{path}: hidden_act is {tower.hidden_act}; supported: {', '.join(ACTIVATIONS)}")
    if tower.hidden_size % tower.num_attention_heads:
        raise ExportError(f"{path}: hidden_size is not a multiple of num_attention_heads")
    return tower


def layer(g: GraphBuilder, w: Section, tower: Tower, names: Names, x: str, attend: Attend) -> str:
    """One layer over `x` [batch, tokens, hidden]."""
    hidden, inner, epsilon = tower.hidden_size, tower.intermediate_size, tower.layer_norm_eps
    normal = layer_norm_of(g, w, x, names.norm1, hidden, epsilon)
    query, key, value = (
        linear_of(g, w, normal, part, hidden, hidden) for part in (names.query, names.key, names.value)
    )
    found = linear_of(g, w, attend(query, key, value), names.out, hidden, hidden)
    x = g.node("Add", x, _scaled(g, w, names, 0, found, hidden))
    wide = linear_of(g, w, layer_norm_of(g, w, x, names.norm2, hidden, epsilon), names.wide, inner, hidden)
    found = linear_after_gelu_of(g, w, activation(g, wide, tower.hidden_act), names.narrow, hidden, inner)
    return g.node("Add", x, _scaled(g, w, names, 1, found, hidden))


def _scaled(g: GraphBuilder, w: Section, names: Names, at: int, x: str, hidden: int) -> str:
    if names.scales is None:
        return x
    name = names.scales[at]
    return g.node("Mul", x, g.weight(w.name(name), w.tensor(name, hidden)))


def patches(
    g: GraphBuilder,
    w: Section,
    tower: VisionTower,
    pixels: str,
    projection: str,
    positions: np.ndarray,
    first: np.ndarray | None,
) -> str:
    """The embedded patches of `pixels` [pictures, 3, side, side], behind the class token `first` [hidden] if there is
    one, plus `positions` [tokens, hidden]: [pictures, tokens, hidden]."""
    hidden, patch = tower.hidden_size, tower.patch_size
    weights = [g.weight(w.name(f"{projection}.weight"), w.tensor(f"{projection}.weight", hidden, 3, patch, patch))]
    if f"{projection}.bias" in w:
        weights.append(g.weight(w.name(f"{projection}.bias"), w.tensor(f"{projection}.bias", hidden)))
    grid = g.node("Conv", pixels, *weights, kernel_shape=[patch, patch], strides=[patch, patch])
    x = g.node("Transpose", g.node("Reshape", grid, g.integers(0, 0, -1)), perm=[0, 2, 1])
    table = to_float32(positions).copy()
    if first is not None:
        # The same for every picture: adding it to its position here avoids an Expand to the batch.
        table[0] += to_float32(first)
        x = g.node("Pad", x, g.integers(0, 1, 0, 0, 0, 0))
    return g.node("Add", x, g.weight(w.name("positions"), table[None]))

"""Whisper's weights with an equivalent encoder in rotated coordinates, for integer precisions (see `rotation`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.checkpoints.checkpoint import to_float32
from edgefuse_tools.export.graphs.rotation import by_head, reading, rotation, writing
from edgefuse_tools.export.whisper.weights import WhisperWeights

Array = NDArray[Any]


def rotated_encoder(weights: WhisperWeights) -> WhisperWeights:
    """`weights` with the encoder's residual stream rotated, and the attention values within each head.

    The output of the convolutions must be multiplied by `rotation` of the result. All tensors of the encoder's layers,
    and of the decoder's layers that read it, have other values of the same shapes, and keys have a bias. They are in
    memory, not on disk.
    """
    rotate = _Rotated(weights)
    rotate.rows("encoder.embed_positions.weight", weights.encoder_positions)
    for layer in range(weights.encoder_layers):
        name = f"encoder.layers.{layer}"
        attention = f"{name}.self_attn"
        rotate.normalised(f"{attention}_layer_norm", [f"{attention}.{part}_proj" for part in "qkv"])
        rotate.values(f"{attention}.v_proj", f"{attention}.out_proj")
        rotate.written(f"{attention}.out_proj", weights.hidden)
        rotate.normalised(f"{name}.final_layer_norm", [f"{name}.fc1"], weights.inner_size(name))
        rotate.written(f"{name}.fc2", weights.inner_size(name))
    readers = [
        f"decoder.layers.{layer}.encoder_attn.{part}_proj" for layer in range(weights.decoder_layers) for part in "kv"
    ]
    rotate.normalised("encoder.layer_norm", readers)
    return weights.changed(rotate.tensors, rotate.residual)


class _Rotated:
    """The tensors that are rotated, by name."""

    def __init__(self, weights: WhisperWeights) -> None:
        self.tensors: dict[str, Array] = {}
        self.residual = rotation(weights.hidden)
        self._heads = by_head(weights.hidden, weights.encoder_heads)
        self._weights = weights

    def rows(self, name: str, count: int) -> None:
        """A table [count, hidden] that is added to the residual stream."""
        self.tensors[name] = to_float32(self._weights.tensor(name, count, self._weights.hidden)) @ self.residual

    def normalised(self, norm: str, readers: list[str], outputs: int | None = None) -> None:
        """The layers [outputs, hidden] that read the residual stream after the normalisation `norm`."""
        hidden = self._weights.hidden
        gamma, beta = self._weights.norm(norm)
        for name in readers:
            # Whisper's keys have no bias; these get one from `beta`.
            weight, bias = self._weights.linear(name, outputs or hidden, hidden, bias=not name.endswith(".k_proj"))
            self.tensors[f"{name}.weight"] = reading(weight, gamma, self.residual)
            shift = to_float32(weight) @ to_float32(beta)
            self.tensors[f"{name}.bias"] = shift if bias is None else shift + to_float32(bias)
        self.tensors[f"{norm}.weight"], self.tensors[f"{norm}.bias"] = np.ones_like(gamma), np.zeros_like(beta)

    def values(self, value: str, output: str) -> None:
        """The values of an attention, already in `tensors`, and the layer that reads their weighted sum."""
        for name in (f"{value}.weight", f"{value}.bias"):
            self.tensors[name] = writing(self.tensors[name], self._heads)
        weight, bias = self._weights.linear(output, self._weights.hidden, self._weights.hidden)
        assert bias is not None
        self.tensors[f"{output}.weight"], self.tensors[f"{output}.bias"] = to_float32(weight) @ self._heads, bias

    def written(self, name: str, inputs: int) -> None:
        """A layer [hidden, inputs] whose result is added to the residual stream."""
        weight, bias = self._weights.linear(name, self._weights.hidden, inputs)
        assert bias is not None
        weight, bias = self.tensors.get(f"{name}.weight", weight), self.tensors.get(f"{name}.bias", bias)
        self.tensors[f"{name}.weight"] = writing(weight, self.residual)
        self.tensors[f"{name}.bias"] = writing(bias, self.residual)

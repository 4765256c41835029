"""The student's ONNX graph, built from its weights: plain operators, opset 17, every batch, token and frame count."""

from __future__ import annotations

import math

import numpy as np
import torch

from export.graph import Dialect, GraphBuilder
from student.model import HIDDEN_FROM_ATTENTION, MODALITIES, Sizes

_LOWEST_FRAME = -2.0
_EPSILON = 1e-5  # of the layer norms
_SHORTEST = 1e-12  # below this a vector is not scaled to length 1


def build(weights: dict[str, torch.Tensor], sizes: Sizes) -> GraphBuilder:
    """The graph of a ``Student`` with these ``weights`` (its ``state_dict``)."""
    return _StudentGraph(weights, sizes).build()


class _StudentGraph:
    """Follows ``student.model`` method by method; the shapes are told there."""

    def __init__(self, weights: dict[str, torch.Tensor], sizes: Sizes) -> None:
        self._sizes = sizes
        self._arrays = {name: tensor.numpy() for name, tensor in weights.items()}
        self._added: set[str] = set()
        self._g = GraphBuilder("student", Dialect.STANDARD)

    def build(self) -> GraphBuilder:
        g, sizes = self._g, self._sizes
        side, hidden = sizes.image, sizes.hidden
        image = g.input("image", "float32", ["batch", 3, side, side])
        input_ids = g.input("input_ids", "int64", ["batch", "tokens"])
        attention_mask = g.input("attention_mask", "int64", ["batch", "tokens"])
        log_mel = g.input("log_mel", "float32", ["batch", sizes.mels, "frames"])
        presence = g.input("presence", "float32", ["batch", len(MODALITIES)])
        self._batch = g.node("Shape", presence, start=0, end=1)
        own = [self._image_states(image), self._text_states(input_ids, attention_mask), self._audio_states(log_mel)]
        columns = [g.node("Slice", presence, *map(g.integers, (i, i + 1, 1))) for i in range(len(MODALITIES))]
        logits, embedding = self._fuse(own, columns)
        g.output("logits", logits, "float32", ["batch", sizes.answers])
        g.output("embedding", embedding, "float32", ["batch", hidden])
        for index, ((states, _), present) in enumerate(zip(own, columns, strict=True)):
            summary = self._project_to_unit(self._first(states), "summary_norm", f"summary_projections.{index}")
            g.output(f"{MODALITIES[index]}_embedding", g.node("Mul", summary, present), "float32", ["batch", hidden])
        return g

    def _image_states(self, image: str) -> tuple[str, str]:
        g, patch = self._g, self._sizes.patch
        kernel = [self._weight("patches.weight"), self._weight("patches.bias")]
        patches = g.node("Conv", image, *kernel, strides=[patch, patch], kernel_shape=[patch, patch])
        flat = g.node("Reshape", patches, g.integers(0, 0, -1))
        tokens = g.node("Concat", self._start("image_start"), g.node("Transpose", flat, perm=[0, 2, 1]), axis=1)
        tokens = g.node("Add", tokens, self._weight("image_positions"))
        count = (self._sizes.image // patch) ** 2 + 1
        return self._own(tokens, None, modality=0), self._ones(count)

    def _text_states(self, input_ids: str, attention_mask: str) -> tuple[str, str]:
        g = self._g
        words = g.node("Gather", self._weight("words"), input_ids)
        length = g.node("Shape", input_ids, start=1, end=2)
        positions = g.node("Slice", self._weight("text_positions"), g.integers(0), length, g.integers(0))
        real = g.node("Cast", attention_mask, to=1)
        return self._own(g.node("Add", words, positions), real, modality=1), real

    def _audio_states(self, log_mel: str) -> tuple[str, str]:
        g, sizes = self._g, self._sizes
        lowest_band = g.node("Slice", log_mel, g.integers(0), g.integers(1), g.integers(1))
        real = g.node("Cast", g.node("Greater", lowest_band, g.scalar(_LOWEST_FRAME)), to=1)
        states = g.node("Mul", log_mel, real)
        for index in range(3):
            name = f"audio.convolutions.{index}"
            kernel = [self._weight(f"{name}.weight"), self._weight(f"{name}.bias")]
            states = g.node("Conv", states, *kernel, strides=[2], pads=[1, 1], kernel_shape=[3])
            end = g.integers(np.iinfo(np.int64).max)
            real = g.node("Slice", real, g.integers(0), end, g.integers(2), g.integers(2))
            states = g.node("Mul", self._gelu(states), real)
        heard = g.node("Transpose", states, perm=[0, 2, 1])
        zero, one = (g.constant(np.array(value, dtype=np.int64)) for value in (0, 1))
        length = g.node("Squeeze", g.node("Shape", heard, start=1, end=2), g.integers(0))
        last = g.constant(np.array(sizes.audio_positions - 1, dtype=np.int64))
        place = g.node("Min", g.node("Range", zero, length, one), last)
        heard = g.node("Add", heard, g.node("Gather", self._weight("audio_positions"), place))
        tokens = g.node("Concat", self._start("audio_start"), heard, axis=1)
        real = g.node("Concat", self._ones(1), g.node("Squeeze", real, g.integers(1)), axis=1)
        return self._own(tokens, real, modality=2), real

    def _own(self, tokens: str, real: str | None, modality: int) -> str:
        g = self._g
        mark = g.constant(self._arrays["modalities"][modality])
        tokens = g.node("Add", tokens, mark)
        bias = None if real is None else self._bias(real)
        for index in range(self._sizes.own_layers):
            tokens = self._layer(tokens, bias, f"own.{index}", wanted=None)
        return tokens

    def _fuse(self, own: list[tuple[str, str]], columns: list[str]) -> tuple[str, str]:
        """The logits and the fused embedding."""
        g, last = self._g, self._sizes.fused_layers - 1
        seen = [g.node("Mul", real, present) for (_, real), present in zip(own, columns, strict=True)]
        bias = self._bias(g.node("Concat", self._ones(1), *seen, axis=1))
        tokens = g.node("Concat", self._start("fusion_start"), *(states for states, _ in own), axis=1)
        for index in range(last + 1):
            tokens = self._layer(tokens, bias, f"fused.{index}", wanted=1 if index == last else None)
        embedding = self._project_to_unit(self._first(tokens), "fusion_norm", "fusion_projection")
        return self._linear(embedding, "classifier"), embedding

    def _layer(self, tokens: str, bias: str | None, name: str, wanted: int | None) -> str:
        g, hidden = self._g, self._sizes.hidden
        normed = self._norm(tokens, f"{name}.attention_norm")
        asking = normed
        if wanted is not None:
            asking, tokens = (g.node("Slice", x, *map(g.integers, (0, wanted, 1))) for x in (normed, tokens))
        parts = [
            self._linear(source, f"{name}.query_key_value", rows=slice(part * hidden, (part + 1) * hidden))
            for part, source in enumerate((asking, normed, normed))
        ]
        query, key, value = map(self._split, parts)
        scale = 1.0 / math.sqrt(hidden / self._sizes.heads)
        scores = g.node("MatMul", g.node("Mul", query, g.scalar(scale)), g.node("Transpose", key, perm=[0, 1, 3, 2]))
        if bias is not None:
            scores = g.node("Add", scores, bias)
        context = g.node("MatMul", g.node("Softmax", scores, axis=-1), value)
        context = g.node("Reshape", g.node("Transpose", context, perm=[0, 2, 1, 3]), g.integers(0, 0, hidden))
        tokens = g.node("Add", tokens, self._linear(context, f"{name}.projection"))
        wide = self._gelu(self._linear(self._norm(tokens, f"{name}.feed_forward_norm"), f"{name}.widen"))
        return g.node("Add", tokens, self._linear(wide, f"{name}.narrow"))

    def _project_to_unit(self, x: str, norm: str, projection: str) -> str:
        g = self._g
        projected = self._linear(self._norm(x, norm), projection)
        length = g.node("ReduceL2", projected, axes=[1], keepdims=1)
        return g.node("Div", projected, g.node("Max", length, g.scalar(_SHORTEST)))

    def _first(self, tokens: str) -> str:
        return self._g.node("Gather", tokens, self._g.constant(np.array(0, dtype=np.int64)), axis=1)

    def _start(self, name: str) -> str:
        """The start token ``name`` for each sample of the batch."""
        g = self._g
        shape = g.node("Concat", self._batch, g.integers(1, self._sizes.hidden), axis=0)
        return g.node("Expand", self._weight(name), shape)

    def _ones(self, count: int) -> str:
        """[batch, count] of 1."""
        g = self._g
        return g.node("Expand", g.scalar(1.0), g.node("Concat", self._batch, g.integers(count), axis=0))

    def _bias(self, seen: str) -> str:
        g = self._g
        hidden = g.node("Mul", g.node("Sub", g.scalar(1.0), seen), g.scalar(HIDDEN_FROM_ATTENTION))
        return g.node("Unsqueeze", hidden, g.integers(1, 2))

    def _split(self, x: str) -> str:
        g, heads = self._g, self._sizes.heads
        shape = g.integers(0, 0, heads, self._sizes.hidden // heads)
        return g.node("Transpose", g.node("Reshape", x, shape), perm=[0, 2, 1, 3])

    def _linear(self, x: str, name: str, rows: slice = slice(None)) -> str:
        """The linear layer ``name``, or the part of it that gives the outputs ``rows``."""
        g = self._g
        suffix = "" if rows == slice(None) else f".{rows.start}"
        weight = self._add(f"{name}.weight{suffix}", self._arrays[f"{name}.weight"][rows].T)
        bias = self._add(f"{name}.bias{suffix}", self._arrays[f"{name}.bias"][rows])
        return g.node("Add", g.node("MatMul", x, weight), bias)

    def _norm(self, x: str, name: str) -> str:
        scale, shift = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return self._g.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=_EPSILON)

    def _gelu(self, x: str) -> str:
        g = self._g
        erf = g.node("Erf", g.node("Mul", x, g.scalar(math.sqrt(0.5))))
        return g.node("Mul", g.node("Mul", x, g.scalar(0.5)), g.node("Add", erf, g.scalar(1.0)))

    def _weight(self, name: str) -> str:
        return self._add(name, self._arrays[name])

    def _add(self, name: str, array: np.ndarray) -> str:
        """Adds a weight once, however many of the modalities use it."""
        if name not in self._added:
            self._added.add(name)
            self._g.weight(name, array)
        return name

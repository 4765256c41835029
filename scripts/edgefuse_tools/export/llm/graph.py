"""The decoder graph of a language model: token ids in, logits of the last position out, with the cache in and out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.checkpoints.checkpoint import to_float32
from edgefuse_tools.export.graphs.blocks import BlockWeights, Matrix, stacked
from edgefuse_tools.export.graphs.graph import MICROSOFT, Dialect, Dimension, GraphBuilder
from edgefuse_tools.export.graphs.layers import gelu_by_tanh
from edgefuse_tools.export.graphs.linear import EmbeddingTable, linear
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.export.llm.attention import Attended, Cache, attend
from edgefuse_tools.export.llm.config import LlmConfig
from edgefuse_tools.export.llm.weights import Weights, names_of_layer

Array = NDArray[Any]

PROJECTIONS = ("q_proj", "k_proj", "v_proj")


Embed = Callable[[GraphBuilder, str, Callable[[str], str]], str]
"""graph, ids [batch, tokens] and the lookup of ids -> embeddings [batch, tokens, hidden]"""


def decoder_graph(
    g: GraphBuilder, config: LlmConfig, weights: Weights, own: Precision | None, embed: Embed | None = None
) -> None:
    """Fills `decoder`. In the precision `own`, matrices in blocks are taken over as they are. `embed` replaces the plain
    lookup of ids."""
    _Decoder(g, config, weights, g.precision is own, embed).fill()


@dataclass
class _Decoder:
    g: GraphBuilder
    config: LlmConfig
    weights: Weights
    as_stored: bool
    """Whether matrices in blocks keep them."""
    embed: Embed | None

    def fill(self) -> None:
        g, config = self.g, self.config
        ids = g.input("input_ids", "int64", ["batch", "tokens"])
        if g.dialect is Dialect.ORT:
            # The cache may be a buffer with room for later positions, so its size does not tell how full it is.
            g.input("total_length", "int64", ["batch"])
        shape: list[Dimension] = ["batch", config.kv_heads, "past", config.head_dim]
        past_keys = g.layer_inputs("past_key", config.layers, "float32", shape)
        past_values = g.layer_inputs("past_value", config.layers, "float32", shape)

        table = self.weights.matrix("model.embed_tokens.weight", config.vocab_size, config.hidden_size)
        embedded, table_logits = self._embedding(table)
        x = embedded(ids) if self.embed is None else self.embed(g, ids, embedded)
        if config.embedding_scale != 1.0:
            x = g.node("Mul", x, g.scalar(config.embedding_scale))
        x = g.node("Reshape", x, g.integers(-1, config.hidden_size))
        normal = self._norm(x, "model.layers.0.input_layernorm")
        present_keys, present_values = [], []
        for layer in range(config.layers):
            attended = self._attention(layer, normal, Cache(past_keys[layer], past_values[layer]), ids)
            present_keys.append(attended.key)
            present_values.append(attended.value)
            x, context = self._needed(layer, x, attended.context)
            x, normal = self._gated_block(layer, x, context)
        head = self._untied(table)
        logits = table_logits(normal) if head is None else self._product(normal, "lm_head", head)
        g.output("logits", logits, "float32", ["batch", config.vocab_size])
        grown: list[Dimension] = ["batch", config.kv_heads, "total", config.head_dim]
        g.layer_outputs("present_key", present_keys, "float32", grown)
        g.layer_outputs("present_value", present_values, "float32", grown)

    def _attention(self, layer: int, normal: str, cache: Cache, ids: str) -> Attended:
        """Self-attention over `normal` [batch * tokens, hidden], without its output projection."""
        g, config = self.g, self.config
        sizes = (config.query_size, config.kv_size, config.kv_size)
        names = names_of_layer([f"self_attn.{name}" for name in PROJECTIONS], layer)
        matrices = [self.weights.matrix(f"{name}.weight", size, config.hidden_size) for name, size in zip(names, sizes)]
        biases = [
            to_float32(self.weights.vector(f"{name}.bias", size)) if f"{name}.bias" in self.weights else None
            for name, size in zip(names, sizes)
        ]
        outputs = self._joined(normal, names, matrices, biases)
        packed = len(outputs) == 1
        if packed and config.qk_norm:
            ends = np.cumsum(sizes).tolist()
            starts = [0, *ends[:-1]]
            outputs = [
                g.node("Slice", outputs[0], g.integers(start), g.integers(end), g.integers(1))
                for start, end in zip(starts, ends)
            ]
            packed = False
        if packed:
            return attend(g, config, layer, self._positions(outputs[0], ids, sum(sizes)), "", "", "", cache)
        query, key, value = outputs
        if config.qk_norm:
            query = self._head_norm(query, f"{names[0][:-6]}q_norm", config.query_size)
            key = self._head_norm(key, f"{names[1][:-6]}k_norm", config.kv_size)
        query, key, value = (self._positions(part, ids, size) for part, size in zip((query, key, value), sizes))
        return attend(g, config, layer, "", query, key, value, cache)

    def _needed(self, layer: int, x: str, context: str) -> tuple[str, str]:
        """The residual stream and the attention's output as rows; in the last layer only those of the last position,
        the only one whose logits are needed."""
        g, config = self.g, self.config
        if layer < config.layers - 1:
            return x, g.node("Reshape", context, g.integers(-1, config.query_size))
        last = g.constant(np.array(-1, dtype=np.int64))
        # ONNX Runtime before 1.24 takes the output of packed attention to be as wide as its input.
        context = g.node("Reshape", context, g.integers(0, -1, config.query_size))
        shape = g.node("Concat", g.node("Shape", context, start=0, end=2), g.integers(config.hidden_size), axis=0)
        return g.node("Gather", g.node("Reshape", x, shape), last, axis=1), g.node("Gather", context, last, axis=1)

    def _gated_block(self, layer: int, x: str, context: str) -> tuple[str, str]:
        """The rest of a layer after attention: the residual stream, and what the next layer reads."""
        g, config = self.g, self.config
        name = f"model.layers.{layer}."
        after = f"model.layers.{layer + 1}.input_layernorm" if layer + 1 < config.layers else "model.norm"
        output = self.weights.matrix(f"{name}self_attn.o_proj.weight", config.hidden_size, config.query_size)
        attended = self._product(context, f"{name}self_attn.o_proj", output, self._bias(f"{name}self_attn.o_proj"))
        if config.sandwich:
            attended = self._norm(attended, f"{name}post_attention_layernorm")
        middle = "pre_feedforward_layernorm" if config.sandwich else "post_attention_layernorm"
        x, normal = self._sum_and_norm(x, attended, f"{name}{middle}")
        names = [f"{name}mlp.{part}_proj" for part in ("gate", "up")]
        inner = config.intermediate_size
        matrices = [self.weights.matrix(f"{part}.weight", inner, config.hidden_size) for part in names]
        joined = self._joined(normal, names, matrices, [self._bias(part, inner) for part in names])
        gate, up = joined if len(joined) == 2 else g.nodes("Split", joined[0], outputs=2, axis=1)
        down = self.weights.matrix(f"{name}mlp.down_proj.weight", config.hidden_size, inner)
        gated = g.node("Mul", self._activated(gate), up)
        added = self._product(gated, f"{name}mlp.down_proj", down, self._bias(f"{name}mlp.down_proj"))
        if config.sandwich:
            added = self._norm(added, f"{name}post_feedforward_layernorm")
        return self._sum_and_norm(x, added, after)

    def _activated(self, x: str) -> str:
        if self.config.activation == "gelu_pytorch_tanh":
            return gelu_by_tanh(self.g, x)
        if self.g.dialect is Dialect.ORT:
            return self.g.node("QuickGelu", x, domain=MICROSOFT, alpha=1.0)
        return self.g.node("Mul", x, self.g.node("Sigmoid", x))

    def _untied(self, table: Matrix) -> Matrix | None:
        """The output layer, unless it is the embedding table: some checkpoints store a tied one twice."""
        if "lm_head.weight" not in self.weights:
            return None
        head = self.weights.matrix("lm_head.weight", *table.shape)
        return None if np.array_equal(head.floats(), table.floats()) else head

    # Products

    def _joined(self, x: str, names: list[str], matrices: list[Matrix], biases: list[Array | None]) -> list[str]:
        """The products of `x` with several matrices: one result with all of them side by side, if they can be stored
        as one."""
        layouts = {matrix.layout for matrix in matrices} if self.as_stored else {None}
        if len(layouts) > 1:
            parts = zip(names, matrices, biases)
            return [self._product(x, name, matrix, bias) for name, matrix, bias in parts]
        bias = None
        if any(bias is not None for bias in biases):
            sizes = [matrix.shape[0] for matrix in matrices]
            bias = np.concatenate([np.zeros(n, np.float32) if b is None else b for n, b in zip(sizes, biases)])
        head, *others = names
        name = "+".join([head, *(other.rsplit(".", 1)[1] for other in others)])
        return [self._product(x, name, stacked(matrices), bias)]

    def _product(self, x: str, name: str, matrix: Matrix, bias: Array | None = None) -> str:
        """`x` [rows, in] times `matrix` transposed, plus `bias`: [rows, out]."""
        g = self.g
        if not (self.as_stored and matrix.layout):
            values = matrix.floats()
            return linear(g, x, name, values, bias, self._of_floats(values))
        product = BlockWeights(g, name, matrix).product(x)
        return product if bias is None else g.node("Add", product, g.weight(f"{name}.bias", bias))

    def _embedding(self, table: Matrix) -> tuple[Callable[[str], str], Callable[[str], str]]:
        """Lookup of ids, and logits of rows, of the embedding table."""
        if self.as_stored and table.layout:
            rows = BlockWeights(self.g, "model.embed_tokens", table)
            return rows.lookup, rows.product
        values = table.floats()
        words = EmbeddingTable(self.g, "model.embed_tokens", values, self._of_floats(values))
        return words.lookup, words.logits

    def _of_floats(self, values: Array) -> Precision | None:
        """The precision of a matrix that has no blocks: in a file's own precision it keeps its floats."""
        if not self.as_stored:
            return None
        return Precision.FP16 if values.dtype == np.float16 else Precision.FP32

    def _bias(self, name: str, size: int | None = None) -> Array | None:
        if f"{name}.bias" not in self.weights:
            return None
        return to_float32(self.weights.vector(f"{name}.bias", size or self.config.hidden_size))

    # Normalisations

    def _scale(self, name: str, size: int) -> str:
        values = to_float32(self.weights.vector(f"{name}.weight", size)) + np.float32(self.config.norm_offset)
        return self.g.weight(f"{name}.weight", values)

    def _norm(self, x: str, name: str) -> str:
        return self._normalised(x, self._scale(name, self.config.hidden_size))

    def _head_norm(self, x: str, name: str, size: int) -> str:
        """`x` [rows, size] with each head normalised."""
        g, config = self.g, self.config
        heads = g.node("Reshape", x, g.integers(-1, config.head_dim))
        normal = self._normalised(heads, self._scale(name, config.head_dim))
        return g.node("Reshape", normal, g.integers(-1, size))

    def _normalised(self, x: str, scale: str) -> str:
        g, epsilon = self.g, self.config.epsilon
        if g.dialect is Dialect.ORT:
            # ONNX Runtime has it in ONNX's own domain.
            return g.node("SimplifiedLayerNormalization", x, scale, axis=-1, epsilon=epsilon)
        square = g.node("ReduceMean", g.node("Mul", x, x), axes=[-1])
        root = g.node("Sqrt", g.node("Add", square, g.scalar(epsilon)))
        return g.node("Mul", g.node("Div", x, root), scale)

    def _sum_and_norm(self, x: str, added: str, name: str) -> tuple[str, str]:
        """`x` + `added`, and that normalised."""
        g, scale = self.g, self._scale(name, self.config.hidden_size)
        if g.dialect is Dialect.ORT:
            normal, _, _, total = g.nodes(
                "SkipSimplifiedLayerNormalization", x, added, scale,
                outputs=4, unused=(1, 2), domain=MICROSOFT, epsilon=self.config.epsilon,
            )  # fmt: skip
            return total, normal
        total = g.node("Add", x, added)
        return total, self._normalised(total, scale)

    def _positions(self, x: str, ids: str, size: int) -> str:
        """Rows [batch * tokens, size] as [batch, tokens, size]."""
        key = f"positions of {size}"
        if key not in self.g.memo:
            lengths = self.g.node("Shape", ids)
            self.g.memo[key] = self.g.node("Concat", lengths, self.g.integers(size), axis=0)
        return self.g.node("Reshape", x, self.g.memo[key])

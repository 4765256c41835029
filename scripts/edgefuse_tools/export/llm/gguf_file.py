"""Reads GGUF files: settings, tensors and the parts of the tokenizer. Needs the package gguf.

Nothing is executed. A file that is cut off, of an unknown architecture or with absurd counts raises `ExportError`.
"""

from __future__ import annotations

import struct
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.blocks import Matrix
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.export.llm.config import FAMILIES, LlmConfig, check, chosen_context
from edgefuse_tools.export.llm.gguf_blocks import FORMATS
from edgefuse_tools.export.llm.rotary import Rotary, divided, rotary
from edgefuse_tools.export.llm.weights import half_split_rows

Array = NDArray[Any]

MAGIC = b"GGUF"
SMALLEST_TENSOR, SMALLEST_FIELD = 24, 13
"""Bytes that a tensor's or field's description takes at least."""

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
"""Hugging Face's names to GGUF's, without layers and endings."""

SANDWICH_NAMES = {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
"""Those of Gemma 3, whose layers have four normalisations."""


class GgufFile:
    """A GGUF file of a supported architecture."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_counts(path)
        from gguf import GGUFReader

        try:
            reader = GGUFReader(path)
            self._fields = {name: field.contents() for name, field in reader.fields.items()}
        except Exception as error:  # the package raises whatever numpy raises
            raise ExportError(f"{path}: not a complete GGUF file ({type(error).__name__}: {error})") from error
        self._tensors = {str(tensor.name): tensor for tensor in reader.tensors}
        self.family = str(self._fields.get("general.architecture"))
        if self.family not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise ExportError(f"{path}: architecture {self.family!r}; this exporter supports {known}")

    def field(self, name: str, default: Any = None) -> Any:
        """A field of the metadata; `{arch}` in its name is the architecture."""
        return self._fields.get(name.replace("{arch}", self.family), default)

    def config(self, context: int | None) -> LlmConfig:
        """The model's settings; `context` is the wanted number of positions, if any."""
        place, number = str(self.path), self._number
        heads, hidden = number("{arch}.attention.head_count"), number("{arch}.embedding_length")
        head_dim = number("{arch}.attention.key_length", hidden // heads)
        if number("{arch}.attention.value_length", head_dim) != head_dim:
            raise ExportError(f"{place}: keys and values differ in size, which this exporter does not support")
        if number("{arch}.rope.dimension_count", head_dim) != head_dim:
            raise ExportError(f"{place}: only a part of each head is rotated, which this exporter does not support")
        layers = number("{arch}.block_count")
        check_layers = self._fields.get(f"{self.family}.expert_count")
        if check_layers:
            raise ExportError(f"{place}: a mixture of experts, which this exporter does not support")
        gemma = self.family == "gemma3"
        window = self.field("{arch}.attention.sliding_window") if gemma else None
        windows = tuple(window if window and (at + 1) % 6 else None for at in range(layers))
        config = LlmConfig(
            family=self.family,
            vocab_size=self._rows("token_embd.weight"),
            hidden_size=hidden,
            layers=layers,
            heads=heads,
            kv_heads=number("{arch}.attention.head_count_kv", heads),
            head_dim=head_dim,
            intermediate_size=number("{arch}.feed_forward_length"),
            epsilon=float(self.field("{arch}.attention.layer_norm_rms_epsilon", 1e-6)),
            activation="gelu_pytorch_tanh" if gemma else "silu",
            context=chosen_context(number("{arch}.context_length"), context, place),
            rotaries=self._rotaries(head_dim, windows, layers),
            windows=windows,
            scale=self._scale(head_dim, layers, hidden, heads),
            qk_norm=self.family in ("qwen3", "gemma3"),
            sandwich=gemma,
            # llama.cpp's converter adds Gemma's 1 to the stored scales.
            embedding_scale=hidden**0.5 if gemma else 1.0,
        )
        check(config, place)
        return config

    def precision(self) -> Precision | None:
        """The precision whose matrices are taken over as they are: that of most weights. `None` for floats wider than
        16 bits."""
        bits: dict[int, int] = {}
        for tensor in self._tensors.values():
            kind = tensor.tensor_type.name
            width = FORMATS[kind].layout.bits if kind in FORMATS else 16 if kind == "F16" else 32
            bits[width] = bits.get(width, 0) + int(tensor.n_elements)
        most = max(bits, key=lambda width: bits[width])
        return {4: Precision.Q4, 8: Precision.Q8, 16: Precision.FP16}.get(most)

    def has_bytes(self) -> bool:
        """Whether a matrix becomes 8-bit integers."""
        kinds = {tensor.tensor_type.name for tensor in self._tensors.values()}
        return any(form.layout.bits == 8 for kind, form in FORMATS.items() if kind in kinds)

    def __contains__(self, name: str) -> bool:
        return self._own_name(name) in self._tensors

    def matrix(self, name: str, rows: int, columns: int) -> Matrix:
        """As `Weights.matrix`."""
        tensor = self._tensor(name, (columns, rows))
        kind = tensor.tensor_type.name
        if kind in FORMATS:
            stored, form = tensor.data, FORMATS[kind]
            matrix = Matrix(
                (rows, columns),
                partial(form.floats, stored, rows, columns),
                form.layout,
                partial(form.blocks, stored, rows, columns),
            )
        elif kind in ("F32", "F16", "BF16"):
            matrix = Matrix((rows, columns), partial(_floats, tensor.data, kind, rows, columns))
        else:
            known = ", ".join(["F32", "F16", "BF16", *FORMATS])
            raise ExportError(f"{self.path}: {tensor.name} has the type {kind}; this exporter supports {known}")
        part = name.split(".")[-2]
        if self.family == "llama" and part in ("q_proj", "k_proj"):
            config_heads = "{arch}.attention.head_count" if part == "q_proj" else "{arch}.attention.head_count_kv"
            heads = self._number(config_heads, self._number("{arch}.attention.head_count"))
            return matrix.rows(half_split_rows(heads, rows // heads))
        return matrix

    def vector(self, name: str, size: int) -> Array:
        """As `Weights.vector`."""
        tensor = self._tensor(name, (size,))
        kind = tensor.tensor_type.name
        if kind not in ("F32", "F16"):
            raise ExportError(f"{self.path}: {tensor.name} has the type {kind}; expected F32 or F16")
        return np.asarray(tensor.data)

    def _own_name(self, name: str) -> str:
        stem, ending = name.rsplit(".", 1)
        names = NAMES | SANDWICH_NAMES if self.family == "gemma3" else NAMES
        if not stem.startswith("model.layers."):
            return f"{names.get(stem, stem)}.{ending}"
        layer, part = stem[len("model.layers.") :].split(".", 1)
        return f"blk.{layer}.{names.get(part, part)}.{ending}"

    def _tensor(self, name: str, shape: tuple[int, ...]) -> Any:
        own = self._own_name(name)
        if own not in self._tensors:
            raise ExportError(f"{self.path}: tensor {own} is missing")
        tensor = self._tensors[own]
        found = tuple(int(length) for length in tensor.shape)
        if found != shape:
            raise ExportError(f"{self.path}: tensor {own} has shape {list(found)}, the rest needs {list(shape)}")
        return tensor

    def _rows(self, name: str) -> int:
        if name not in self._tensors:
            raise ExportError(f"{self.path}: tensor {name} is missing")
        return int(self._tensors[name].shape[-1])

    def _number(self, name: str, default: int | None = None) -> int:
        value = self.field(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            name = name.replace("{arch}", self.family)
            raise ExportError(f"{self.path}: {name} is {value!r}; expected a positive number")
        return value

    def _rotaries(self, head_dim: int, windows: tuple[int | None, ...], layers: int) -> tuple[Rotary, ...]:
        place, scaling = str(self.path), {}
        kind = self.field("{arch}.rope.scaling.type", "none")
        if kind == "linear":
            scaling = {"rope_type": "linear", "factor": self.field("{arch}.rope.scaling.factor", 1.0)}
        elif kind not in ("none", ""):
            scaling = {"rope_type": kind}
        made = rotary(head_dim, self.field("{arch}.rope.freq_base", 10000.0), scaling, place)
        if "rope_freqs.weight" in self._tensors:
            factors = np.asarray(self._tensor("rope_freqs.weight", (head_dim // 2,)).data, np.float32)
            made = divided(made, factors)
        local = rotary(head_dim, self.field("{arch}.rope.freq_base_swa", 10000.0), {}, place)
        return tuple(made if window is None else local for window in windows)

    def _scale(self, head_dim: int, layers: int, hidden: int, heads: int) -> float:
        # llama.cpp, src/models/gemma3: 27B alone divides by the root of hidden / heads.
        if self.family == "gemma3" and layers == 62:
            return (hidden / heads) ** -0.5
        return head_dim**-0.5


def _floats(data: Array, kind: str, rows: int, columns: int) -> Array:
    if kind == "BF16":
        return (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(rows, columns)
    return data.reshape(rows, columns)


def _check_counts(path: Path) -> None:
    """Refuses a file that is no GGUF file, or whose counts cannot be right, before anything is allocated for them."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(24)
    if len(head) < 24 or head[:4] != MAGIC:
        raise ExportError(f"{path}: not a GGUF file")
    version, tensors, fields = struct.unpack("<IQQ", head[4:])
    if version not in (2, 3):
        raise ExportError(f"{path}: GGUF version {version}; this exporter supports 2 and 3")
    if tensors * SMALLEST_TENSOR + fields * SMALLEST_FIELD > size:
        raise ExportError(f"{path}: {tensors} tensors and {fields} fields do not fit into its {size} bytes")

"""A tiny Whisper: random weights, both kinds of checkpoint folder, and a reference implementation in numpy."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools.parity.safetensors_writer import write_safetensors

HIDDEN, HEADS, INNER, MELS = 12, 2, 20, 5
ENCODER_LAYERS, DECODER_LAYERS = 2, 3
ENCODER_POSITIONS, DECODER_POSITIONS = 11, 16
SPECIAL = "endoftext startoftranscript en de translate transcribe startoflm startofprev nospeech notimestamps".split()
FIRST_SPECIAL = 256 + 3
VOCAB = FIRST_SPECIAL + len(SPECIAL) + 1501

Tensors = dict[str, np.ndarray]


def tiny_tensors(seed: int = 0) -> Tensors:
    """Every parameter by transformers' names, without "model.", with float16 values."""
    random = np.random.default_rng(seed)
    tensors: Tensors = {}

    def add(name: str, *shape: int) -> None:
        tensors[name] = random.normal(0, 0.4, shape).astype(np.float16)

    def linear(name: str, outputs: int, inputs: int, bias: bool = True) -> None:
        add(f"{name}.weight", outputs, inputs)
        if bias:
            add(f"{name}.bias", outputs)

    def norm(name: str) -> None:
        add(f"{name}.weight", HIDDEN)
        add(f"{name}.bias", HIDDEN)

    for name, inputs in (("conv1", MELS), ("conv2", HIDDEN)):
        add(f"encoder.{name}.weight", HIDDEN, inputs, 3)
        add(f"encoder.{name}.bias", HIDDEN)
    add("encoder.embed_positions.weight", ENCODER_POSITIONS, HIDDEN)
    add("decoder.embed_positions.weight", DECODER_POSITIONS, HIDDEN)
    add("decoder.embed_tokens.weight", VOCAB, HIDDEN)
    for side, layers in (("encoder", ENCODER_LAYERS), ("decoder", DECODER_LAYERS)):
        norm(f"{side}.layer_norm")
        for layer in range(layers):
            prefix = f"{side}.layers.{layer}"
            for attention in ("self_attn",) if side == "encoder" else ("self_attn", "encoder_attn"):
                norm(f"{prefix}.{attention}_layer_norm")
                for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
                    linear(f"{prefix}.{attention}.{projection}", HIDDEN, HIDDEN, bias=projection != "k_proj")
            norm(f"{prefix}.final_layer_norm")
            linear(f"{prefix}.fc1", INNER, HIDDEN)
            linear(f"{prefix}.fc2", HIDDEN, INNER)
    return tensors


def tokenizer_json() -> dict[str, Any]:
    """A byte-level BPE of 256 bytes and three merges, whose special tokens are Whisper's."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(others))]
    space = chr(256 + others.index(0x20))
    merges = ["- -", f"{space} (", f"{space} -"]
    vocab = {piece: number for number, piece in enumerate([*letters, *(merge.replace(" ", "") for merge in merges)])}
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [{"id": FIRST_SPECIAL + number, "content": f"<|{name}|>", **plain} for number, name in enumerate(SPECIAL)]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "model": {"type": "BPE", "vocab": vocab, "merges": merges},
        "added_tokens": added,
        "pre_tokenizer": level,
        "decoder": level,
    }


def write_hugging_face(folder: Path, tensors: Tensors, **config: object) -> Path:
    folder.mkdir(parents=True)
    content = {"model_type": "whisper", "encoder_attention_heads": HEADS, "decoder_attention_heads": HEADS} | config
    (folder / "config.json").write_text(json.dumps(content))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
    write_safetensors(folder / "model.safetensors", {f"model.{name}": tensor for name, tensor in tensors.items()})
    return folder


def write_ctranslate2(folder: Path, tensors: Tensors, **config: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
    variables: Tensors = {f"{side}/num_heads": np.array(HEADS, np.int16) for side in ("encoder", "decoder")}
    for side in ("encoder", "decoder"):
        variables[f"{side}/position_encodings/encodings"] = tensors[f"{side}.embed_positions.weight"]
        _rename_norm(variables, f"{side}/layer_norm", tensors, f"{side}.layer_norm")
    variables["decoder/embeddings/weight"] = tensors["decoder.embed_tokens.weight"]
    for name in ("conv1", "conv2"):
        for part in ("weight", "bias"):
            variables[f"encoder/{name}/{part}"] = tensors[f"encoder.{name}.{part}"]
    for layer in range(ENCODER_LAYERS):
        _rename_layer(variables, f"encoder/layer_{layer}", tensors, f"encoder.layers.{layer}")
    for layer in range(DECODER_LAYERS):
        theirs, ours = f"decoder/layer_{layer}", f"decoder.layers.{layer}"
        _rename_layer(variables, theirs, tensors, ours)
        _rename_norm(variables, f"{theirs}/attention/layer_norm", tensors, f"{ours}.encoder_attn_layer_norm")
        _stack(variables, f"{theirs}/attention/linear_0", tensors, f"{ours}.encoder_attn", ["q_proj"])
        _stack(variables, f"{theirs}/attention/linear_1", tensors, f"{ours}.encoder_attn", ["k_proj", "v_proj"])
        _stack(variables, f"{theirs}/attention/linear_2", tensors, f"{ours}.encoder_attn", ["out_proj"])
    aliases = {"decoder/projection/weight": "decoder/embeddings/weight"}
    (folder / "model.bin").write_bytes(model_bin(variables, aliases))
    return folder


def model_bin(variables: Tensors, aliases: dict[str, str], specification: str = "WhisperSpec") -> bytes:
    """CTranslate2's format (see edgefuse_tools/export/checkpoints/ctranslate2.py)."""

    def string(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    types = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}
    content = struct.pack("<I", 6) + string(specification) + struct.pack("<II", 3, len(variables))
    for name, array in variables.items():
        content += string(name) + struct.pack("<B", array.ndim)
        content += b"".join(struct.pack("<I", size) for size in array.shape)
        content += struct.pack("<BI", types[array.dtype.name], array.nbytes) + array.tobytes()
    content += struct.pack("<I", len(aliases))
    return content + b"".join(string(alias) + string(name) for alias, name in aliases.items())


def _rename_layer(variables: Tensors, theirs: str, tensors: Tensors, ours: str) -> None:
    _rename_norm(variables, f"{theirs}/self_attention/layer_norm", tensors, f"{ours}.self_attn_layer_norm")
    _stack(variables, f"{theirs}/self_attention/linear_0", tensors, f"{ours}.self_attn", ["q_proj", "k_proj", "v_proj"])
    _stack(variables, f"{theirs}/self_attention/linear_1", tensors, f"{ours}.self_attn", ["out_proj"])
    _rename_norm(variables, f"{theirs}/ffn/layer_norm", tensors, f"{ours}.final_layer_norm")
    _stack(variables, f"{theirs}/ffn/linear_0", tensors, ours, ["fc1"])
    _stack(variables, f"{theirs}/ffn/linear_1", tensors, ours, ["fc2"])


def _rename_norm(variables: Tensors, theirs: str, tensors: Tensors, ours: str) -> None:
    variables[f"{theirs}/gamma"] = tensors[f"{ours}.weight"]
    variables[f"{theirs}/beta"] = tensors[f"{ours}.bias"]


def _stack(variables: Tensors, theirs: str, tensors: Tensors, ours: str, parts: list[str]) -> None:
    """Stacks matrices; a projection without a bias gets a bias of zeros."""
    weights = [tensors[f"{ours}.{part}.weight"] for part in parts]
    none = np.zeros(HIDDEN, np.float16)
    variables[f"{theirs}/weight"] = np.concatenate(weights)
    variables[f"{theirs}/bias"] = np.concatenate([tensors.get(f"{ours}.{part}.bias", none) for part in parts])


class NumpyWhisper:
    """openai-whisper's `model.py` in float64, without a cache."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
        self.scores: Tensors = {}
        """Scores of the last call by name, before masking and softmax: [batch, heads, tokens, source]."""

    def encode(self, mel: np.ndarray) -> np.ndarray:
        """[batch, mels, frames] to [batch, source, hidden]."""
        x = _gelu(self._convolution(mel.astype(np.float64), "encoder.conv1", 1))
        x = _gelu(self._convolution(x, "encoder.conv2", 2)).swapaxes(1, 2)
        x = x + self.tensors["encoder.embed_positions.weight"][: x.shape[1]]
        for layer in range(ENCODER_LAYERS):
            x = self._self_attention(x, f"encoder.layers.{layer}", causal=False)
            x = self._feed_forward(x, f"encoder.layers.{layer}")
        return self._norm(x, "encoder.layer_norm")

    def decode(self, ids: np.ndarray, states: np.ndarray) -> np.ndarray:
        """[batch, tokens] and [batch, source, hidden] to logits [batch, tokens, vocab]."""
        embedding = self.tensors["decoder.embed_tokens.weight"]
        x = embedding[ids] + self.tensors["decoder.embed_positions.weight"][: ids.shape[1]]
        for layer in range(DECODER_LAYERS):
            prefix = f"decoder.layers.{layer}"
            x = self._self_attention(x, prefix, causal=True)
            normal = self._norm(x, f"{prefix}.encoder_attn_layer_norm")
            x = x + self._attention(normal, states, f"{prefix}.encoder_attn", causal=False)
            x = self._feed_forward(x, prefix)
        return self._norm(x, "decoder.layer_norm") @ embedding.T

    def heads(self, states: np.ndarray, name: str) -> np.ndarray:
        """A projection of the states, by head: [batch, heads, source, head_dim]."""
        x = self._linear(states, name)
        return x.reshape(*x.shape[:2], HEADS, -1).swapaxes(1, 2)

    def _self_attention(self, x: np.ndarray, prefix: str, causal: bool) -> np.ndarray:
        normal = self._norm(x, f"{prefix}.self_attn_layer_norm")
        return x + self._attention(normal, normal, f"{prefix}.self_attn", causal)

    def _attention(self, x: np.ndarray, states: np.ndarray, name: str, causal: bool) -> np.ndarray:
        query, key = self.heads(x, f"{name}.q_proj"), self.heads(states, f"{name}.k_proj")
        scores = query @ key.swapaxes(2, 3) / math.sqrt(HIDDEN / HEADS)
        self.scores[name] = scores.copy()
        if causal:
            scores += np.triu(np.full(scores.shape[2:], -np.inf), 1)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        context = weights / weights.sum(-1, keepdims=True) @ self.heads(states, f"{name}.v_proj")
        return self._linear(context.swapaxes(1, 2).reshape(x.shape), f"{name}.out_proj")

    def _feed_forward(self, x: np.ndarray, prefix: str) -> np.ndarray:
        inner = _gelu(self._linear(self._norm(x, f"{prefix}.final_layer_norm"), f"{prefix}.fc1"))
        return x + self._linear(inner, f"{prefix}.fc2")

    def _convolution(self, x: np.ndarray, name: str, stride: int) -> np.ndarray:
        padded = np.pad(x, [(0, 0), (0, 0), (1, 1)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=2)[:, :, ::stride]
        product = np.einsum("bifk,oik->bof", windows, self.tensors[f"{name}.weight"])
        return product + self.tensors[f"{name}.bias"][:, None]

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.tensors[f"{name}.weight"].T + self.tensors.get(f"{name}.bias", 0.0)

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        normal = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return normal * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]


def _gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2

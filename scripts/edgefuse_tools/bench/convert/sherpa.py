"""Whisper as sherpa-onnx's two graphs, traced by PyTorch, and its token list; also in int8.

What sherpa-onnx expects (its C++ code reads names, shapes and metadata):

    encoder.onnx   mel [batch, mels, frames] to n_layer_cross_k, n_layer_cross_v [layers, batch, frames / 2, hidden]
    decoder.onnx   tokens [batch, tokens], in_n_layer_self_k_cache and in_n_layer_self_v_cache [layers, batch, positions,
                   hidden], n_layer_cross_k, n_layer_cross_v, offset [1] to logits [batch, tokens, vocab] and
                   out_n_layer_self_k_cache, out_n_layer_self_v_cache of the same fixed shape
    tokens.txt     one line per token: its bytes in base64, its id

The encoder accepts fewer than 3,000 frames: sherpa-onnx pads short recordings by about a second, not to 30 s.
"""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional
from whisper.model import MultiHeadAttention, Whisper
from whisper.tokenizer import get_tokenizer

from edgefuse_tools.bench.convert.ggml import vocabulary
from edgefuse_tools.export.whisper.tokens import TOKENIZER
from edgefuse_tools.ort_session import quantize_weights
from edgefuse_tools.parity.whisper_reference import load_openai

OPSET = 17
SELF_CACHES = ("n_layer_self_k_cache", "n_layer_self_v_cache")
CROSS = ("n_layer_cross_k", "n_layer_cross_v")


def write_sherpa(checkpoint: Path, folder: Path) -> None:
    """Fills `folder`."""
    folder.mkdir(parents=True)
    model = load_openai(checkpoint)
    with torch.no_grad():
        _export_encoder(model, folder / "encoder.onnx")
        _export_decoder(model, folder / "decoder.onnx")
    pieces = vocabulary(checkpoint / TOKENIZER)
    lines = (f"{base64.b64encode(piece).decode()} {number}" for number, piece in enumerate(pieces))
    (folder / "tokens.txt").write_text("\n".join(lines) + "\n", encoding="ascii")


def quantize_sherpa(source: Path, folder: Path) -> None:
    """Fills `folder` with the graphs of `source` in dynamic int8, as sherpa-onnx's own exporter does."""
    folder.mkdir(parents=True)
    for name in ("encoder.onnx", "decoder.onnx"):
        quantize_weights(source / name, folder / name)
    shutil.copyfile(source / "tokens.txt", folder / "tokens.txt")


class _Encoder(nn.Module):
    def __init__(self, model: Whisper) -> None:
        super().__init__()
        self.encoder, self.blocks = model.encoder, model.decoder.blocks

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        x = functional.gelu(self.encoder.conv1(mel))
        x = functional.gelu(self.encoder.conv2(x)).permute(0, 2, 1)
        x = x + self.encoder.positional_embedding[: x.shape[1]]
        for block in self.encoder.blocks:
            x = block(x)
        x = self.encoder.ln_post(x)
        keys = [block.cross_attn.key(x) for block in self.blocks]
        return torch.stack(keys), torch.stack([block.cross_attn.value(x) for block in self.blocks])


class _Decoder(nn.Module):
    def __init__(self, model: Whisper) -> None:
        super().__init__()
        self.decoder = model.decoder

    def forward(
        self, tokens: Tensor, keys: Tensor, values: Tensor, cross_keys: Tensor, cross_values: Tensor, offset: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        start = offset[0]
        end = start + tokens.shape[1]
        x = self.decoder.token_embedding(tokens) + self.decoder.positional_embedding[start:end]
        mask = self.decoder.mask[start:end, :end]
        new_keys, new_values = [], []
        for layer, block in enumerate(self.decoder.blocks):
            normal = block.attn_ln(x)
            key = torch.cat([keys[layer, :, :start], block.attn.key(normal)], dim=1)
            value = torch.cat([values[layer, :, :start], block.attn.value(normal)], dim=1)
            x = x + _attention(block.attn, normal, key, value, mask)
            x = x + _attention(block.cross_attn, block.cross_attn_ln(x), cross_keys[layer], cross_values[layer], None)
            x = x + block.mlp(block.mlp_ln(x))
            new_keys.append(torch.cat([key, keys[layer, :, end:]], dim=1))
            new_values.append(torch.cat([value, values[layer, :, end:]], dim=1))
        # The table is the left operand: as the right one it would be stored a second time, transposed.
        logits = (self.decoder.token_embedding.weight @ self.decoder.ln(x).transpose(1, 2)).transpose(1, 2)
        return logits, torch.stack(new_keys), torch.stack(new_values)


def _attention(module: MultiHeadAttention, x: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    query, key, value = (
        part.unflatten(2, (module.n_head, -1)).transpose(1, 2) for part in (module.query(x), key, value)
    )
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(2, 3)
    if mask is not None:
        scores = scores + mask
    return module.out((scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2))


def _export_encoder(model: Whisper, path: Path) -> None:
    axes = {"mel": {0: "batch", 2: "frames"}} | {name: {1: "batch", 2: "source"} for name in CROSS}
    _trace(_Encoder(model), (torch.zeros(1, model.dims.n_mels, 3000),), path, ["mel"], list(CROSS), axes)
    _describe(path, _metadata(model))


def _export_decoder(model: Whisper, path: Path) -> None:
    dims = model.dims
    cache = torch.zeros(dims.n_text_layer, 1, dims.n_text_ctx, dims.n_text_state)
    cross = torch.zeros(dims.n_text_layer, 1, dims.n_audio_ctx, dims.n_text_state)
    tokens = torch.zeros(1, 3, dtype=torch.int64)
    inputs = ["tokens", *(f"in_{name}" for name in SELF_CACHES), *CROSS, "offset"]
    outputs = ["logits", *(f"out_{name}" for name in SELF_CACHES)]
    axes: dict[str, dict[int, str]] = {"tokens": {0: "batch", 1: "tokens"}, "logits": {0: "batch", 1: "tokens"}}
    axes |= {name: {1: "batch"} for name in [*inputs[1:3], *outputs[1:]]}
    axes |= {name: {1: "batch", 2: "source"} for name in CROSS}
    arguments = (tokens, cache, cache.clone(), cross, cross.clone(), torch.tensor([2]))
    _trace(_Decoder(model), arguments, path, inputs, outputs, axes)


def _trace(
    module: nn.Module,
    arguments: Any,
    path: Path,
    inputs: list[str],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
) -> None:
    torch.onnx.export(
        module.eval(),
        arguments,
        str(path),
        input_names=inputs,
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )


def _metadata(model: Whisper) -> dict[str, Any]:
    tokenizer = get_tokenizer(model.is_multilingual, num_languages=model.num_languages)
    first = tokenizer.sot_sequence
    return {
        "model_type": "whisper",
        "version": 1,
        "maintainer": "edgefuse",
        **vars(model.dims),
        "sot_sequence": _listed(first),
        "all_language_tokens": _listed(tokenizer.all_language_tokens),
        "all_language_codes": _listed(tokenizer.all_language_codes),
        "sot": tokenizer.sot,
        "sot_index": first.index(tokenizer.sot),
        "eot": tokenizer.eot,
        "blank_id": tokenizer.encode(" ")[0],
        "is_multilingual": int(model.is_multilingual),
        "no_speech": tokenizer.no_speech,
        "non_speech_tokens": _listed(tokenizer.non_speech_tokens),
        "transcribe": tokenizer.transcribe,
        "translate": tokenizer.translate,
        "sot_prev": tokenizer.sot_prev,
        "sot_lm": tokenizer.sot_lm,
        "no_timestamps": tokenizer.no_timestamps,
    }


def _listed(values: Any) -> str:
    return ",".join(str(value) for value in values)


def _describe(path: Path, metadata: dict[str, Any]) -> None:
    graph = onnx.load(str(path))
    for key, value in metadata.items():
        graph.metadata_props.add(key=key, value=str(value))
    onnx.save(graph, str(path))

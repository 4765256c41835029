"""Writes Whisper's weights as the folder that transformers and optimum-intel read, in float32."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools.export.checkpoints.checkpoint import read_json, to_float32
from edgefuse_tools.export.whisper.exporter import CHUNK_SECONDS, HOP_LENGTH, N_FFT, SAMPLE_RATE
from edgefuse_tools.export.whisper.tokens import (
    MULTILINGUAL_VOCAB,
    TIMESTAMPS,
    TOKENIZER,
    WhisperTokenizer,
    begin_suppressed,
    suppressed,
    token_section,
)
from edgefuse_tools.export.whisper.weights import WhisperWeights, read_weights
from edgefuse_tools.parity.whisper_names import parameters


def write_hugging_face(checkpoint: Path, folder: Path) -> None:
    """Fills `folder` from the CTranslate2 folder `checkpoint`."""
    weights = read_weights(checkpoint)
    tokens = token_section(WhisperTokenizer(checkpoint / TOKENIZER), weights.vocab >= MULTILINGUAL_VOCAB)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "config.json", _config(weights, tokens))
    _write(folder / "generation_config.json", _generation(checkpoint, weights, tokens))
    _write(folder / "preprocessor_config.json", _preprocessor(weights))
    _write_tokenizer(checkpoint, folder, tokens)
    _write_safetensors(folder / "model.safetensors", weights)


def _ids(tokens: dict[str, Any]) -> dict[str, int]:
    end = tokens["end_of_text"]
    return {
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "decoder_start_token_id": tokens["start_of_transcript"],
    }


def _config(weights: WhisperWeights, tokens: dict[str, Any]) -> dict[str, Any]:
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "dtype": "float32",
        "activation_function": "gelu",
        "scale_embedding": False,
        "is_encoder_decoder": True,
        "vocab_size": weights.vocab,
        "num_mel_bins": weights.mels,
        "d_model": weights.hidden,
        "encoder_layers": weights.encoder_layers,
        "decoder_layers": weights.decoder_layers,
        "num_hidden_layers": weights.encoder_layers,
        "encoder_attention_heads": weights.encoder_heads,
        "decoder_attention_heads": weights.decoder_heads,
        "encoder_ffn_dim": weights.inner_size("encoder.layers.0"),
        "decoder_ffn_dim": weights.inner_size("decoder.layers.0"),
        "max_source_positions": weights.encoder_positions,
        "max_target_positions": weights.decoder_positions,
        **_ids(tokens),
    }


def _generation(checkpoint: Path, weights: WhisperWeights, tokens: dict[str, Any]) -> dict[str, Any]:
    tokenizer, settings = WhisperTokenizer(checkpoint / TOKENIZER), read_json(checkpoint, "config.json")
    multilingual = weights.vocab >= MULTILINGUAL_VOCAB
    generation = {
        **_ids(tokens),
        "suppress_tokens": suppressed(tokenizer, settings.get("suppress_ids")),
        "begin_suppress_tokens": begin_suppressed(tokenizer, settings.get("suppress_ids_begin")),
        "is_multilingual": multilingual,
        "max_initial_timestamp_index": 50,
        "max_length": weights.decoder_positions,
        "no_timestamps_token_id": tokens["no_timestamps"],
        "prev_sot_token_id": tokens["start_of_previous"],
        "return_timestamps": False,
    }
    if "alignment_heads" in settings:
        generation["alignment_heads"] = settings["alignment_heads"]
    if multilingual:
        generation["lang_to_id"] = {f"<|{language}|>": number for language, number in tokens["languages"].items()}
        generation["task_to_id"] = {task: tokens[task] for task in ("transcribe", "translate")}
    return generation


def _preprocessor(weights: WhisperWeights) -> dict[str, Any]:
    return {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "chunk_length": CHUNK_SECONDS,
        "feature_size": weights.mels,
        "hop_length": HOP_LENGTH,
        "n_fft": N_FFT,
        "n_samples": CHUNK_SECONDS * SAMPLE_RATE,
        "nb_max_frames": CHUNK_SECONDS * SAMPLE_RATE // HOP_LENGTH,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
        "sampling_rate": SAMPLE_RATE,
    }


def _write_tokenizer(checkpoint: Path, folder: Path, tokens: dict[str, Any]) -> None:
    content = read_json(checkpoint, TOKENIZER)
    known = {token["content"] for token in content["added_tokens"]}
    shape = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    for number in range(TIMESTAMPS):
        name = f"<|{number * 0.02:.2f}|>"
        if name not in known:
            content["added_tokens"].append({"id": tokens["timestamp_begin"] + number, "content": name, **shape})
    _write(folder / TOKENIZER, content)
    end = "<|endoftext|>"
    names = {"bos_token": end, "eos_token": end, "unk_token": end, "pad_token": end}
    _write(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "WhisperTokenizer", "processor_class": "WhisperProcessor", "errors": "replace", **names},
    )
    _write(folder / "special_tokens_map.json", names)
    _write(folder / "vocab.json", content["model"]["vocab"])
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in content["model"]["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")


def _write_safetensors(target: Path, weights: WhisperWeights) -> None:
    """See scripts/edgefuse_tools/export/checkpoints/safetensors_file.py for the format."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, array in parameters(weights):
        end = offset + array.size * 4
        header[f"model.{name}"] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the values are aligned
    with target.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for _, array in parameters(weights):
            stream.write(np.ascontiguousarray(to_float32(array), "<f4").tobytes())


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

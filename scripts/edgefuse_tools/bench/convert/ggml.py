"""Writes Whisper's weights as whisper.cpp's ggml file, with float16 matrices.

Little-endian; an integer is an i32. The layout is that of whisper.cpp's `whisper_model_load`:

    magic "ggml" as the integer 0x67676d6c
    11 integers: vocabulary, audio positions, audio width, audio heads, audio layers,
                 text positions, text width, text heads, text layers, mel bands, 1 for float16
    mel filters: bands, frequencies, f32 values [bands, frequencies]
    vocabulary:  count, then for each token, in order of ids: length, bytes
    tensors to the end of the file, each: dimensions, length of the name, 0 for float32 or 1 for float16,
                 the sizes from the last dimension to the first, the name, the values

Tensors have openai-whisper's names. Matrices and convolutions are float16; vectors, biases and position tables are
float32, and the convolutions' biases are columns [n, 1]. Special tokens are omitted: whisper.cpp knows them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.bench.wer import whisper_folder
from edgefuse_tools.export.checkpoints.checkpoint import to_float32
from edgefuse_tools.export.whisper.tokens import TOKENIZER, byte_letter
from edgefuse_tools.export.whisper.weights import WhisperWeights, read_weights
from edgefuse_tools.parity.whisper_names import openai_name, parameters

MAGIC = 0x67676D6C
FLOAT32, FLOAT16 = 0, 1


def write_ggml(checkpoint: Path, target: Path, mel_filters: NDArray[np.float32] | None = None) -> None:
    """Writes `target` from a CTranslate2 or Hugging Face folder.

    mel_filters: [bands, frequencies]; openai-whisper's by default
    """
    weights = read_weights(checkpoint)
    if mel_filters is None:
        with np.load(whisper_folder() / "assets" / "mel_filters.npz") as filters:
            mel_filters = filters[f"mel_{weights.mels}"]
    with target.open("wb") as stream:
        _integers(stream, MAGIC, *header(weights))
        _integers(stream, *mel_filters.shape)
        stream.write(mel_filters.astype("<f4").tobytes())
        pieces = vocabulary(checkpoint / TOKENIZER)
        _integers(stream, len(pieces))
        for piece in pieces:
            _integers(stream, len(piece))
            stream.write(piece)
        for name, array in _tensors(weights):
            encoded = name.encode()
            _integers(stream, array.ndim, len(encoded), FLOAT16 if array.dtype == np.float16 else FLOAT32)
            _integers(stream, *reversed(array.shape))
            stream.write(encoded)
            stream.write(array.tobytes())


def header(weights: WhisperWeights) -> tuple[int, ...]:
    """The eleven integers after the magic."""
    audio = (weights.encoder_positions, weights.hidden, weights.encoder_heads, weights.encoder_layers)
    text = (weights.decoder_positions, weights.hidden, weights.decoder_heads, weights.decoder_layers)
    return (weights.vocab, *audio, *text, weights.mels, FLOAT16)


def vocabulary(tokenizer: Path) -> list[bytes]:
    """The bytes of every token that is not special, in order of ids."""
    content = json.loads(tokenizer.read_text(encoding="utf-8"))
    special = {token["content"] for token in content["added_tokens"]}
    pieces = sorted((number, piece) for piece, number in content["model"]["vocab"].items() if piece not in special)
    byte = {byte_letter(number): number for number in range(256)}
    return [bytes(byte[letter] for letter in piece) for _, piece in pieces]


def _tensors(weights: WhisperWeights) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, raw in parameters(weights):
        array = to_float32(raw)
        if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
            yield openai_name(name), array[:, None].astype("<f4")
        elif array.ndim < 2 or "embed_positions" in name:
            yield openai_name(name), array.astype("<f4")
        else:
            yield openai_name(name), array.astype("<f2")


def _integers(stream: BinaryIO, *values: int) -> None:
    stream.write(struct.pack(f"<{len(values)}i", *values))

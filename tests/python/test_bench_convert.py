"""edgefuse_tools/bench/convert: the converters' output is read back, on a tiny random model."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny_whisper as tiny
from edgefuse_tools.bench.convert.ggml import MAGIC, write_ggml
from edgefuse_tools.bench.convert.hugging_face import write_hugging_face
from edgefuse_tools.export.checkpoints.safetensors_file import read_safetensors
from edgefuse_tools.parity.whisper_names import openai_name

FILTERS = np.linspace(0, 1, tiny.MELS * 201, dtype=np.float32).reshape(tiny.MELS, 201)


class Ggml:
    """Reads the file like whisper.cpp's loader."""

    def __init__(self, path: Path) -> None:
        self._content, self._at = path.read_bytes(), 0
        self.header = self._integers(12)
        bands, frequencies = self._integers(2)
        self.filters = self._values("<f4", bands * frequencies).reshape(bands, frequencies)
        self.vocabulary = [self._bytes(*self._integers(1)) for _ in range(*self._integers(1))]
        self.tensors: dict[str, np.ndarray] = {}
        while self._at < len(self._content):
            rank, length, kind = self._integers(3)
            shape = self._integers(rank)[::-1]
            name = self._bytes(length).decode()
            self.tensors[name] = self._values("<f2" if kind else "<f4", int(np.prod(shape))).reshape(shape)

    def _integers(self, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}i", self._bytes(4 * count))

    def _values(self, dtype: str, count: int) -> np.ndarray:
        return np.frombuffer(self._bytes(np.dtype(dtype).itemsize * count), dtype)

    def _bytes(self, size: int) -> bytes:
        assert self._at + size <= len(self._content), "truncated"
        self._at += size
        return self._content[self._at - size : self._at]


@pytest.fixture
def tensors() -> dict[str, np.ndarray]:
    return tiny.tiny_tensors()


@pytest.fixture
def checkpoint(tmp_path: Path, tensors: dict[str, np.ndarray]) -> Path:
    return tiny.write_ctranslate2(tmp_path / "checkpoint", tensors)


def test_ggml_has_the_header_the_filters_and_the_vocabulary(checkpoint: Path, tmp_path: Path) -> None:
    write_ggml(checkpoint, tmp_path / "ggml.bin", FILTERS)
    read = Ggml(tmp_path / "ggml.bin")
    audio = (tiny.ENCODER_POSITIONS, tiny.HIDDEN, tiny.HEADS, tiny.ENCODER_LAYERS)
    text = (tiny.DECODER_POSITIONS, tiny.HIDDEN, tiny.HEADS, tiny.DECODER_LAYERS)
    assert read.header == (MAGIC, tiny.VOCAB, *audio, *text, tiny.MELS, 1)
    np.testing.assert_array_equal(read.filters, FILTERS)
    assert len(read.vocabulary) == tiny.FIRST_SPECIAL
    assert read.vocabulary[0] == b"!"
    assert sorted(read.vocabulary[:256]) == [bytes([byte]) for byte in range(256)]
    assert read.vocabulary[256:] == [b"--", b" (", b" -"]


def test_ggml_has_every_tensor_under_openai_whispers_name(
    checkpoint: Path, tmp_path: Path, tensors: dict[str, np.ndarray]
) -> None:
    write_ggml(checkpoint, tmp_path / "ggml.bin", FILTERS)
    read = Ggml(tmp_path / "ggml.bin").tensors
    assert set(read) == {openai_name(name) for name in tensors}
    for name, array in tensors.items():
        found = read[openai_name(name)]
        np.testing.assert_array_equal(found.squeeze(), array.squeeze().astype(np.float32), err_msg=name)
        half = array.ndim > 1 and "positions" not in name
        assert found.dtype == (np.float16 if half else np.float32), name
    assert read["encoder.conv1.bias"].shape == (tiny.HIDDEN, 1)
    # Every name of openai-whisper's decoder blocks, which the loop above does not check.
    linear = [f"{name}.{part}" for name in ("attn", "cross_attn") for part in ("query", "key", "value", "out")]
    modules = [*linear, "mlp.0", "mlp.2", "attn_ln", "cross_attn_ln", "mlp_ln"]
    parts = {f"{name}.{kind}" for name in modules for kind in ("weight", "bias")}
    found_parts = {name.removeprefix("decoder.blocks.2.") for name in read if name.startswith("decoder.blocks.2.")}
    assert found_parts == parts - {"attn.key.bias", "cross_attn.key.bias"}
    outside = {name for name in read if ".blocks." not in name}
    positions = {f"{side}.positional_embedding" for side in ("encoder", "decoder")}
    weighted = ("encoder.conv1", "encoder.conv2", "encoder.ln_post", "decoder.ln")
    others = {f"{name}.{kind}" for name in weighted for kind in ("weight", "bias")}
    assert outside == positions | others | {"decoder.token_embedding.weight"}


def test_the_hugging_face_folder_has_the_same_weights_and_settings(
    checkpoint: Path, tmp_path: Path, tensors: dict[str, np.ndarray]
) -> None:
    folder = tmp_path / "hugging-face"
    write_hugging_face(checkpoint, folder)
    read = dict(read_safetensors(folder / "model.safetensors"))
    assert set(read) == {f"model.{name}" for name in tensors}
    for name, array in tensors.items():
        np.testing.assert_array_equal(read[f"model.{name}"], array.astype(np.float32))

    config, generation = (_json(folder / name) for name in ("config.json", "generation_config.json"))
    assert (config["d_model"], config["vocab_size"], config["num_mel_bins"]) == (tiny.HIDDEN, tiny.VOCAB, tiny.MELS)
    special = {token["content"]: token["id"] for token in _json(folder / "tokenizer.json")["added_tokens"]}
    assert config["decoder_start_token_id"] == special["<|startoftranscript|>"]
    assert generation["no_timestamps_token_id"] == special["<|notimestamps|>"]
    assert special["<|0.00|>"] == special["<|notimestamps|>"] + 1
    assert special["<|30.00|>"] == tiny.VOCAB - 1


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content

"""Runs an exported Whisper folder with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from edgefuse_tools.ort_session import open_session

Tensors = dict[str, np.ndarray]

ROLES = ("encoder", "decoder", "alignment")


class OnnxWhisper:
    """The graphs of a model folder. A cache maps the decoder's `past_...` inputs to arrays."""

    def __init__(self, folder: Path, threads: int = 0, precision: str = "fp32", roles: Sequence[str] = ROLES) -> None:
        self.description = yaml.safe_load((folder / "model.yaml").read_text("utf-8"))
        graphs = self.description["graphs"]
        sessions = {role: open_session(folder / graphs[role]["files"][precision], threads=threads) for role in roles}
        self.encoder: Any
        self.decoder: Any
        self.alignment: Any
        self.encoder, self.decoder, self.alignment = (sessions.get(role) for role in ROLES)

    def encode(self, log_mel: np.ndarray) -> Tensors:
        """[windows, mels, frames] to `cross_key_0`, ... and `cross_value_0`, ...."""
        names = [output.name for output in self.encoder.get_outputs()]
        return dict(zip(names, self.encoder.run(names, {"log_mel": log_mel.astype(np.float32)})))

    def start(self, batch: int) -> Tensors:
        """An empty cache."""
        inputs = [entry for entry in self.decoder.get_inputs() if entry.name.startswith("past_")]
        return {entry.name: np.zeros((batch, entry.shape[1], 0, entry.shape[3]), np.float32) for entry in inputs}

    def decode(self, ids: np.ndarray, cross: Tensors, past: Tensors) -> tuple[np.ndarray, Tensors]:
        """Logits [batch, vocab] after the last of `ids` [batch, tokens], and the grown cache."""
        names = [output.name for output in self.decoder.get_outputs()]
        found = dict(zip(names, self.decoder.run(names, {"input_ids": ids} | cross | past)))
        return found.pop("logits"), {name.replace("present", "past"): array for name, array in found.items()}

    def align(self, ids: np.ndarray, cross: Tensors) -> tuple[np.ndarray, np.ndarray]:
        """`attention` [windows, alignment_heads, tokens, source] and `log_probability` [windows, tokens - 1]."""
        attention, log_probability = self.alignment.run(["attention", "log_probability"], {"input_ids": ids} | cross)
        return attention, log_probability

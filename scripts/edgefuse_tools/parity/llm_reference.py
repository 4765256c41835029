"""A language model in transformers, in fp32. Imports PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class ReferenceLlm:
    """The model of a Hugging Face folder, or of a GGUF file, whose weights are dequantised."""

    def __init__(self, source: Path) -> None:
        where = {"pretrained_model_name_or_path": str(source)}
        if source.is_file():
            where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
        self._model = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32).eval()

    @torch.no_grad()
    def every_position(self, ids: list[int]) -> Floats:
        """Logits after each of `ids`, [len(ids), vocab]."""
        logits: Floats = self._model(torch.tensor([ids])).logits[0].numpy()
        return logits

    @torch.no_grad()
    def greedy(self, prompt: list[int], count: int) -> list[int]:
        """`count` tokens after `prompt`, not stopping at an end."""
        written = self._model.generate(
            torch.tensor([prompt]), max_new_tokens=count, do_sample=False, eos_token_id=None, pad_token_id=0
        )
        return [int(token) for token in written[0, len(prompt) :]]

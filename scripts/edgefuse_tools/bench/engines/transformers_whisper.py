"""transformers in PyTorch, float32: the feature extractor, `generate` and the tokenizer, recordings of up to 30 s."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from edgefuse_tools.bench.audio import RATE
from edgefuse_tools.bench.engines.base import Transcript, read_speech


class TransformersWhisper:
    def __init__(self, options: dict[str, Any]) -> None:
        torch.set_num_threads(options["threads"])
        folder = options["model"]
        self._processor = WhisperProcessor.from_pretrained(folder, local_files_only=True)
        self._model = WhisperForConditionalGeneration.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32
        ).eval()
        self._settings: dict[str, Any] = {"num_beams": options["beams"], "do_sample": False, "return_timestamps": True}
        if self._model.generation_config.is_multilingual:
            self._settings |= {"language": "en", "task": "transcribe"}

    def transcribe(self, audio: Path) -> Transcript:
        samples = read_speech(audio)
        started = time.perf_counter()
        with torch.inference_mode():
            features = self._processor(samples, sampling_rate=RATE, return_tensors="pt").input_features
            tokens = self._model.generate(features, **self._settings)
        text = self._processor.batch_decode(tokens, skip_special_tokens=True)[0]
        return Transcript(text.strip(), time.perf_counter() - started)


def load(options: dict[str, Any]) -> TransformersWhisper:
    return TransformersWhisper(options)

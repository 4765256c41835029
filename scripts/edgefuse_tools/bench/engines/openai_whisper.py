"""openai-whisper in PyTorch, float32."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
import whisper

from edgefuse_tools.bench.engines.base import TEMPERATURES, Transcript, read_speech
from edgefuse_tools.parity.whisper_reference import load_openai


class OpenaiWhisper:
    def __init__(self, options: dict[str, Any]) -> None:
        torch.set_num_threads(options["threads"])
        self._model = load_openai(Path(options["model"]))
        self._temperatures = TEMPERATURES if options["fallback"] else 0.0
        self._beams = options["beams"] if options["beams"] > 1 else None

    def transcribe(self, audio: Path) -> Transcript:
        samples = read_speech(audio)
        started = time.perf_counter()
        result = whisper.transcribe(
            self._model,
            samples,
            language="en",
            temperature=self._temperatures,
            beam_size=self._beams,
            condition_on_previous_text=False,
            fp16=False,
        )
        return Transcript(result["text"].strip(), time.perf_counter() - started)


def load(options: dict[str, Any]) -> OpenaiWhisper:
    return OpenaiWhisper(options)

"""OpenVINO GenAI's `WhisperPipeline` on the CPU."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import openvino_genai

from edgefuse_tools.bench.engines.base import Transcript, read_speech


class OpenvinoGenai:
    def __init__(self, options: dict[str, Any]) -> None:
        self._pipeline = openvino_genai.WhisperPipeline(
            options["model"],
            "CPU",
            INFERENCE_NUM_THREADS=options["threads"],
            INFERENCE_PRECISION_HINT="f32" if options["precision"] == "fp32" else options["precision"],
        )
        self._settings: dict[str, Any] = {"num_beams": options["beams"], "return_timestamps": True}
        if self._pipeline.get_generation_config().is_multilingual:
            self._settings |= {"language": "<|en|>", "task": "transcribe"}

    def transcribe(self, audio: Path) -> Transcript:
        samples = read_speech(audio)
        started = time.perf_counter()
        result = self._pipeline.generate(samples, **self._settings)
        return Transcript(result.texts[0].strip(), time.perf_counter() - started)


def load(options: dict[str, Any]) -> OpenvinoGenai:
    return OpenvinoGenai(options)

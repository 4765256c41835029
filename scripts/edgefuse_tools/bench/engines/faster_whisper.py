"""faster-whisper on CTranslate2. Batched decoding is its `BatchedInferencePipeline`, which cuts by Silero VAD."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from faster_whisper import BatchedInferencePipeline, WhisperModel

from edgefuse_tools.bench.engines.base import TEMPERATURES, Transcript, read_speech


class FasterWhisper:
    def __init__(self, options: dict[str, Any]) -> None:
        threads, precision = options["threads"], options["precision"]
        temperatures = list(TEMPERATURES) if options["fallback"] else 0.0
        model = WhisperModel(options["model"], device="cpu", compute_type=precision, cpu_threads=threads)
        settings: dict[str, Any] = {"language": "en", "beam_size": options["beams"], "temperature": temperatures}
        if options["batch"] > 1:
            settings |= {"batch_size": options["batch"], "without_timestamps": False}
            self._transcribe = BatchedInferencePipeline(model).transcribe
        else:
            settings |= {"condition_on_previous_text": False}
            self._transcribe = model.transcribe
        self._settings = settings

    def transcribe(self, audio: Path) -> Transcript:
        samples = read_speech(audio)
        started = time.perf_counter()
        segments, _ = self._transcribe(samples, **self._settings)
        text = "".join(segment.text for segment in segments)  # decoding happens here: the segments are a generator
        return Transcript(text.strip(), time.perf_counter() - started)


def load(options: dict[str, Any]) -> FasterWhisper:
    return FasterWhisper(options)

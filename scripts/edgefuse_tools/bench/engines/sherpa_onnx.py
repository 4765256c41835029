"""sherpa-onnx on its own ONNX Runtime, fp32, recordings of up to 30 s. It decodes without timestamps and without
beams."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import sherpa_onnx

from edgefuse_tools.bench.audio import RATE
from edgefuse_tools.bench.engines.base import Transcript, read_speech
from edgefuse_tools.bench.errors import BenchError


class SherpaOnnx:
    def __init__(self, options: dict[str, Any]) -> None:
        if options["beams"] > 1:
            raise BenchError("sherpa-onnx has no beam search for Whisper")
        folder = Path(options["model"])
        self._recognizer = sherpa_onnx.OfflineRecognizer.from_whisper(
            encoder=str(folder / "encoder.onnx"),
            decoder=str(folder / "decoder.onnx"),
            tokens=str(folder / "tokens.txt"),
            language="en",
            num_threads=options["threads"],
        )

    def transcribe(self, audio: Path) -> Transcript:
        samples = read_speech(audio)
        started = time.perf_counter()
        stream = self._recognizer.create_stream()
        stream.accept_waveform(RATE, samples)
        self._recognizer.decode_stream(stream)
        return Transcript(stream.result.text.strip(), time.perf_counter() - started)


def load(options: dict[str, Any]) -> SherpaOnnx:
    return SherpaOnnx(options)

"""whisper.cpp through pywhispercpp."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pywhispercpp.model import Model

from edgefuse_tools.bench.engines.base import Transcript, read_speech

GREEDY, BEAM_SEARCH = 0, 1


class WhisperCpp:
    def __init__(self, options: dict[str, Any]) -> None:
        beams, fallback = options["beams"], options["fallback"]
        strategy: dict[str, Any] = {"params_sampling_strategy": GREEDY, "greedy": {"best_of": 5 if fallback else 1}}
        if beams > 1:
            strategy = {
                "params_sampling_strategy": BEAM_SEARCH,
                "beam_search": {"beam_size": beams, "patience": -1.0},
            }
        self._model = Model(
            options["model"],
            n_threads=options["threads"],
            language="en",
            temperature_inc=0.2 if fallback else 0.0,
            no_context=True,
            print_progress=False,
            print_realtime=False,
            context_params={"use_gpu": False, "flash_attn": True},
            **strategy,
        )

    def transcribe(self, audio: Path) -> Transcript:
        samples = read_speech(audio)
        started = time.perf_counter()
        segments = self._model.transcribe(samples)
        seconds = time.perf_counter() - started
        return Transcript(" ".join(segment.text.strip() for segment in segments), seconds)


def load(options: dict[str, Any]) -> WhisperCpp:
    return WhisperCpp(options)

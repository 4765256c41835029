"""edgefuse's graphs from Python's onnxruntime, with the loop of `parity.blip_onnx`. Greedy only."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.blip_variants import ANSWER, TOKENS, VISION
from bench.engines.base import Transcript
from bench.engines.blip_transformers import Prepared
from parity.blip_onnx import OnnxBlip


class OnnxRuntime:
    def __init__(self, options: dict[str, Any]) -> None:
        self._prepared = Prepared(options)
        self._model = OnnxBlip(Path(options["model"]), options["threads"], options["precision"])
        self._workload = options["workload"]

    def run(self) -> Transcript:
        started = time.perf_counter()
        pixels = self._prepared.pixels("np")
        if self._workload == VISION:
            self._model.vision(pixels)
            return Transcript("", time.perf_counter() - started)
        if self._workload == ANSWER:
            (ids,) = self._model.answer(pixels, np.array([self._prepared.question()]), TOKENS[self._workload])
        else:
            (ids,) = self._model.caption(pixels, TOKENS[self._workload])
        return Transcript(self._prepared.text(ids), time.perf_counter() - started)


def load(options: dict[str, Any]) -> OnnxRuntime:
    return OnnxRuntime(options)

"""edgefuse's graphs in Python's onnxruntime, with the loop of `parity.blip_onnx`. Greedy only."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tokenizers import Tokenizer

from edgefuse_tools.bench.blip_variants import ANSWER, QUESTION, TOKENS, VISION
from edgefuse_tools.bench.engines.base import Transcript
from edgefuse_tools.parity.blip_onnx import OnnxBlip, pixel_values


class OnnxRuntime:
    def __init__(self, options: dict[str, Any]) -> None:
        folder = Path(options["model"])
        self._model = OnnxBlip(folder, options["threads"], options["precision"])
        self._tokenizer = Tokenizer.from_file(str(folder / self._model.description["tokenizer"]))
        self._picture = Image.open(options["image"]).convert("RGB")
        self._workload = options["workload"]

    def run(self) -> Transcript:
        started = time.perf_counter()
        pixels = pixel_values(self._picture, self._model.description["image"])
        if self._workload == VISION:
            self._model.vision(pixels)
            return Transcript("", time.perf_counter() - started)
        if self._workload == ANSWER:
            (ids,) = self._model.answer(
                pixels, np.array([self._tokenizer.encode(QUESTION).ids]), TOKENS[self._workload]
            )
        else:
            (ids,) = self._model.caption(pixels, TOKENS[self._workload])
        return Transcript(self._tokenizer.decode(ids), time.perf_counter() - started)


def load(options: dict[str, Any]) -> OnnxRuntime:
    return OnnxRuntime(options)

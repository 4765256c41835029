"""transformers in PyTorch, float32: the image processor, `generate` and the tokenizer."""

from __future__ import annotations

import time
from typing import Any

import torch
from PIL import Image
from transformers import BertTokenizer, BlipForConditionalGeneration, BlipForQuestionAnswering

from edgefuse_tools.bench.blip_variants import ANSWER, BEAM, BEAMS, QUESTION, TOKENS, VISION
from edgefuse_tools.bench.engines.base import Transcript

try:
    from transformers import BlipImageProcessorPil as Processor
except ImportError:  # its name in older versions
    from transformers import BlipImageProcessor as Processor


class TransformersBlip:
    def __init__(self, options: dict[str, Any]) -> None:
        torch.set_num_threads(options["threads"])
        self._workload = options["workload"]
        kind = BlipForQuestionAnswering if self._workload == ANSWER else BlipForConditionalGeneration
        self._model = kind.from_pretrained(options["checkpoint"], local_files_only=True, dtype=torch.float32).eval()
        self._processor = Processor.from_pretrained(options["checkpoint"], local_files_only=True)
        self._tokenizer = BertTokenizer.from_pretrained(options["checkpoint"], local_files_only=True)
        self._picture = Image.open(options["image"]).convert("RGB")

    def run(self) -> Transcript:
        started = time.perf_counter()
        with torch.inference_mode():
            pixels = self._processor(self._picture, return_tensors="pt").pixel_values
            if self._workload == VISION:
                self._model.vision_model(pixels)
                return Transcript("", time.perf_counter() - started)
            settings: dict[str, Any] = {"max_new_tokens": TOKENS[self._workload], "do_sample": False}
            settings["num_beams"] = BEAM if self._workload == BEAMS else 1
            if self._workload == ANSWER:
                settings["input_ids"] = torch.tensor([self._tokenizer(QUESTION).input_ids])
            ids = self._model.generate(pixel_values=pixels, **settings)[0]
        return Transcript(self._tokenizer.decode(ids, skip_special_tokens=True), time.perf_counter() - started)


def load(options: dict[str, Any]) -> TransformersBlip:
    return TransformersBlip(options)

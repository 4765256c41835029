"""transformers in PyTorch, float32: the image processor, `generate` and the tokenizer."""

from __future__ import annotations

import time
from typing import Any

from PIL import Image

from bench.blip_variants import ANSWER, BEAM, BEAMS, QUESTION, TOKENS, VISION
from bench.engines.base import Transcript


class Prepared:
    """The picture in memory, and what prepares it and the texts; also for engines that have none of their own."""

    def __init__(self, options: dict[str, Any]) -> None:
        from transformers import BertTokenizer

        try:
            from transformers import BlipImageProcessorPil as Processor
        except ImportError:  # before version 5.9 or so
            from transformers import BlipImageProcessor as Processor
        self._processor = Processor.from_pretrained(options["checkpoint"], local_files_only=True)
        self._tokenizer = BertTokenizer.from_pretrained(options["checkpoint"], local_files_only=True)
        self._picture = Image.open(options["image"]).convert("RGB")

    def pixels(self, kind: str) -> Any:
        """[1, 3, height, width] as `kind`, "np" or "pt"."""
        return self._processor(self._picture, return_tensors=kind).pixel_values

    def question(self) -> list[int]:
        return list(self._tokenizer(QUESTION).input_ids)

    def text(self, ids: Any) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))


class TransformersBlip:
    def __init__(self, options: dict[str, Any]) -> None:
        import torch
        from transformers import BlipForConditionalGeneration, BlipForQuestionAnswering

        torch.set_num_threads(options["threads"])
        self._torch = torch
        self._workload = options["workload"]
        kind = BlipForQuestionAnswering if self._workload == ANSWER else BlipForConditionalGeneration
        self._model = kind.from_pretrained(options["checkpoint"], local_files_only=True, dtype=torch.float32).eval()
        self._prepared = Prepared(options)

    def run(self) -> Transcript:
        started = time.perf_counter()
        with self._torch.inference_mode():
            pixels = self._prepared.pixels("pt")
            if self._workload == VISION:
                self._model.vision_model(pixels)
                return Transcript("", time.perf_counter() - started)
            settings: dict[str, Any] = {"max_new_tokens": TOKENS[self._workload], "do_sample": False}
            settings["num_beams"] = BEAM if self._workload == BEAMS else 1
            if self._workload == ANSWER:
                settings["input_ids"] = self._torch.tensor([self._prepared.question()])
            ids = self._model.generate(pixel_values=pixels, **settings)[0]
        return Transcript(self._prepared.text(ids), time.perf_counter() - started)


def load(options: dict[str, Any]) -> TransformersBlip:
    return TransformersBlip(options)

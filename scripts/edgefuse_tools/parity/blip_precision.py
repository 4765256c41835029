"""BLIP for scripts/dev.py compare_precisions: greedy captions or answers, and times."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edgefuse_tools.parity.blip_onnx import Ids, OnnxBlip, Tensors, pixel_values
from edgefuse_tools.parity.photographs import photographs, with_cuts
from edgefuse_tools.parity.timing import Clock, least


@dataclass(frozen=True)
class Item:
    """`pixels` [1, 3, height, width]; `question` [1, tokens], or None for a caption."""

    pixels: np.ndarray
    question: Ids | None


def items_of(args: argparse.Namespace, description: dict[str, Any]) -> list[Item]:
    """The pictures of the command line, each with its question."""
    pictures: list[Image.Image] = [Image.open(path) for path in args.files]
    if args.photographs:
        pictures += with_cuts(photographs(), args.photographs).values()
    question = None
    if args.question:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(args.model / description["tokenizer"]))
        question = np.array([tokenizer.encode(args.question).ids], np.int64)
    return [Item(pixel_values(picture, description["image"]), question) for picture in pictures]


class BlipSubject:
    """One precision of a BLIP folder, for captions, or for answers if `answers`."""

    def __init__(self, folder: Path, threads: int, precision: str, *, answers: bool) -> None:
        self._model = OnnxBlip(folder, threads, precision)
        self._decoder = "answer_decoder" if answers else "caption_decoder"
        self.roles = ("vision", "question_encoder", self._decoder) if answers else ("vision", self._decoder)
        self.description = self._model.description
        for role in self.roles:
            self._model.session(role)

    def decode(self, item: Item, tokens: np.ndarray | None) -> np.ndarray:
        """Logits [positions, vocab] of greedy decoding, or with `tokens` as input instead of the chosen ones."""
        generation, special = self.description["generation"], self.description["tokens"]
        most = generation["caption_max_tokens" if item.question is None else "answer_max_tokens"]
        rows: list[np.ndarray] = []
        cross, fed, past = self._encode(item), special["start"], None
        while len(rows) < (most if tokens is None else len(tokens)) and fed != special["end"]:
            logits, past = self._model.step(self._decoder, np.array([[fed]]), cross, past)
            fed = int(logits[0].argmax()) if tokens is None else int(tokens[len(rows)])
            rows.append(logits[0])
        return np.array(rows)

    def times(self, item: Item, repeat: int, clock: Clock) -> tuple[float, dict[str, float]]:
        """Milliseconds of the vision encoder, and of a step after 10 tokens."""
        cross, model = self._encode(item), self._model
        past = model.empty_past(self._decoder, 1, 10)
        step = least(lambda: model.step(self._decoder, np.array([[5]]), cross, past), 5 * repeat, clock)
        return least(lambda: model.vision(item.pixels), repeat, clock), {"10": step}

    def _encode(self, item: Item) -> Tensors:
        """The decoder's cross-attention inputs."""
        if item.question is None:
            return self._model.caption_cross(item.pixels)
        return self._model.question(item.question, self._model.vision(item.pixels)["image_embeds"])

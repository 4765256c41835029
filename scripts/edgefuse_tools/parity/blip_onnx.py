"""Runs a BLIP model folder with ONNX Runtime and numpy, with the same loops as the Rust code, to check the graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from edgefuse_tools.ort_session import Session, open_session

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]
Tensors = dict[str, NDArray[Any]]


def pixel_values(picture: Image.Image, settings: dict[str, Any]) -> Floats:
    """Preprocesses an opaque picture by `settings`, the section `image` of model.yaml: [1, 3, height, width]."""
    size, resample = (settings["width"], settings["height"]), Image.Resampling[settings["resample"].upper()]
    values = np.asarray(picture.convert("RGB").resize(size, resample), np.float32) * np.float32(settings["rescale"])
    return ((values - np.float32(settings["mean"])) / np.float32(settings["std"])).transpose(2, 0, 1)[None]


class OnnxBlip:
    """The graphs of one folder, opened on first use."""

    def __init__(self, folder: Path, threads: int = 2, precision: str = "fp32") -> None:
        self.description: dict[str, Any] = yaml.safe_load((folder / "model.yaml").read_text("utf-8"))
        self._folder = folder
        self._precision = precision
        self._threads = threads
        self._sessions: dict[str, Session] = {}

    def session(self, role: str) -> Session:
        """The opened graph `role`."""
        if role not in self._sessions:
            path = self._folder / self.description["graphs"][role]["files"][self._precision]
            self._sessions[role] = open_session(path, threads=self._threads)
        return self._sessions[role]

    def run(self, role: str, inputs: Tensors) -> Tensors:
        """Runs the graph `role`; returns its outputs by name."""
        session = self.session(role)
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs)))

    def vision(self, pixels: Floats) -> Tensors:
        """`pixels` [batch, 3, height, width] to image_embeds, image_embedding, the caption decoder's cross_key_*,
        cross_value_*."""
        return self.run("vision", {"pixel_values": pixels})

    def caption_cross(self, pixels: Floats) -> Tensors:
        """The outputs of `vision` that the caption decoder uses."""
        return {name: value for name, value in self.vision(pixels).items() if name.startswith("cross_")}

    def question(self, ids: Ids, image_embeds: Floats) -> Tensors:
        """`ids` [images * questions, tokens] to the answer decoder's cross_key_*, cross_value_*."""
        return self.run("question_encoder", {"input_ids": ids, "image_embeds": image_embeds})

    def match(self, ids: Ids, mask: Ids, image_embeds: Floats) -> Floats:
        """Match logits [texts, 2] of `ids` [texts, tokens] and one picture."""
        inputs: Tensors = {"input_ids": ids, "attention_mask": mask, "image_embeds": image_embeds}
        return self.run("match_encoder", inputs)["match_logits"]

    def embed(self, ids: Ids, mask: Ids) -> Floats:
        """The embeddings [texts, projection] of `ids` [texts, tokens]."""
        return self.run("text_encoder", {"input_ids": ids, "attention_mask": mask})["text_embedding"]

    def empty_past(self, role: str, batch: int, positions: int) -> Tensors:
        """A cache of zeros."""
        graph = self.description["graphs"][role]
        _, heads, _, head_dim = graph["inputs"]["past_key"]["shape"]
        empty = np.zeros((batch, heads, positions, head_dim), np.float32)
        return {f"past_{kind}_{layer}": empty for kind in ("key", "value") for layer in range(graph["layers"])}

    def step(self, role: str, ids: Ids, cross: Tensors, past: Tensors | None) -> tuple[Floats, Tensors]:
        """Logits [batch, vocab] after the last of `ids` [batch, tokens], and the cache for the next step."""
        if past is None:
            past = self.empty_past(role, ids.shape[0], 0)
        outputs = self.run(role, {"input_ids": ids} | cross | past)
        logits = outputs.pop("logits")
        return logits, {name.replace("present", "past"): value for name, value in outputs.items()}

    def greedy(self, role: str, prompt: Ids, cross: Tensors, max_new_tokens: int) -> list[list[int]]:
        """Like transformers' greedy generate: the prompt and the new tokens, padded after the end."""
        end, pad = self.description["tokens"]["end"], self.description["tokens"]["pad"]
        ids, new, past = prompt, prompt, None
        finished = np.zeros(prompt.shape[0], bool)
        for _ in range(max_new_tokens):
            logits, past = self.step(role, new, cross, past)
            best = np.where(finished, pad, logits.argmax(-1))
            new = best[:, None].astype(np.int64)
            ids = np.concatenate([ids, new], axis=1)
            finished |= best == end
            if finished.all():
                break
        return [list(map(int, row)) for row in ids]

    def caption(self, pixels: Floats, max_new_tokens: int, prompt: list[int] | None = None) -> list[list[int]]:
        """Caption ids of each picture; `prompt` is a tokenized text, [CLS] ... [SEP], to continue."""
        cross = self.caption_cross(pixels)
        start = [self.description["tokens"]["start"], *(prompt[1:-1] if prompt else [])]
        return self.greedy("caption_decoder", np.array([start] * len(pixels), np.int64), cross, max_new_tokens)

    def answer(self, pixels: Floats, question: Ids, max_new_tokens: int) -> list[list[int]]:
        """Answer ids of each picture and its `question` [batch, tokens], each tokenized to [CLS] ... [SEP]."""
        cross = self.question(question, self.vision(pixels)["image_embeds"])
        start = np.full((len(pixels), 1), self.description["tokens"]["start"], np.int64)
        return self.greedy("answer_decoder", start, cross, max_new_tokens)

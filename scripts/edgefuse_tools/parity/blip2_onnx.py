"""Runs a BLIP-2 model folder with ONNX Runtime and numpy, with the same loop as the Rust code, to check the graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from edgefuse_tools.ort_session import Session, open_session

Floats = NDArray[np.float32]
Tensors = dict[str, NDArray[Any]]


class OnnxBlip2:
    """The graphs of one folder in one precision, opened on first use. One picture at a time."""

    def __init__(self, folder: Path, precision: str = "fp32", threads: int = 1) -> None:
        self.description: dict[str, Any] = yaml.safe_load((folder / "model.yaml").read_text("utf-8"))
        self._folder = folder
        self._precision = precision
        self._threads = threads
        self._sessions: dict[str, Session] = {}

    def run(self, role: str, inputs: Tensors) -> Tensors:
        """Runs the graph `role`; returns its outputs by name."""
        if role not in self._sessions:
            path = self._folder / self.description["graphs"][role]["files"][self._precision]
            self._sessions[role] = open_session(path, threads=self._threads)
        session = self._sessions[role]
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs)))

    def vision(self, pixels: Floats) -> Floats:
        """`pixels` [batch, 3, height, width] to image_embeds [batch, queries, hidden]."""
        return self.run("vision", {"pixel_values": pixels})["image_embeds"]

    def start(self, image: Floats, prompt: list[int]) -> tuple[list[int], Tensors]:
        """The decoder's first input ids and its context, for a tokenized `prompt`."""
        if "text_encoder" not in self.description["graphs"]:
            return prompt, {"image_embeds": image}
        ids = np.array([prompt] * len(image), np.int64)
        return [self.description["tokens"]["start"]], self.run(
            "text_encoder", {"input_ids": ids, "image_embeds": image}
        )

    def step(self, ids: NDArray[np.int64], about: Tensors, past: Tensors | None) -> tuple[Floats, Tensors]:
        """Logits [batch, vocab] after the last of `ids` [batch, tokens], and the cache for the next step."""
        graph = self.description["graphs"]["decoder"]
        if past is None:
            _, heads, _, head_dim = graph["inputs"]["past_key"]["shape"]
            empty = np.zeros((len(ids), heads, 0, head_dim), np.float32)
            past = {f"past_{kind}_{layer}": empty for kind in ("key", "value") for layer in range(graph["layers"])}
        elif "image_embeds" in about:
            about = {"image_embeds": about["image_embeds"][:, :0]}
        outputs = self.run("decoder", {"input_ids": ids} | about | past)
        logits = outputs.pop("logits")
        return logits, {name.replace("present", "past"): value for name, value in outputs.items()}

    def greedy(self, pixels: Floats, prompt: list[int] | None, max_new_tokens: int) -> list[int]:
        """New tokens for the picture `pixels` [1, 3, height, width], including the end token if it was generated."""
        tokens = self.description["tokens"]
        fed, about = self.start(self.vision(pixels), [tokens["no_prompt"]] if prompt is None else prompt)
        written: list[int] = []
        past = None
        while len(written) < max_new_tokens and tokens["end"] not in written:
            logits, past = self.step(np.array([fed], np.int64), about, past)
            fed = [int(logits[0].argmax())]
            written += fed
        return written

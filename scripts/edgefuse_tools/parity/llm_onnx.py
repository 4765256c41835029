"""Runs the model folder of a language model with ONNX Runtime and numpy, to check the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from edgefuse_tools.ort_session import open_session

Floats = NDArray[np.float32]
Tensors = dict[str, NDArray[Any]]


class OnnxLlm:
    """The decoder of one folder in one precision. One sequence at a time, with a cache that grows."""

    def __init__(self, folder: Path, precision: str = "fp32", threads: int = 1) -> None:
        self.description: dict[str, Any] = yaml.safe_load((folder / "model.yaml").read_text("utf-8"))
        graph = self.description["graphs"]["decoder"]
        self._session = open_session(folder / graph["files"][precision], threads=threads)
        self._names = [output.name for output in self._session.get_outputs()]
        self._has_length = "total_length" in graph["inputs"]
        _, heads, _, head_dim = graph["inputs"]["past_key"]["shape"]
        empty = np.zeros((1, heads, 0, head_dim), np.float32)
        self._empty = {f"past_{kind}_{at}": empty for kind in ("key", "value") for at in range(graph["layers"])}
        self.restart()

    @staticmethod
    def precisions(folder: Path) -> list[str]:
        """The precisions that `folder` has."""
        description = yaml.safe_load((folder / "model.yaml").read_text("utf-8"))
        return list(description["graphs"]["decoder"]["files"])

    def restart(self) -> None:
        """Empties the cache."""
        self._past: Tensors = dict(self._empty)
        self.length = 0

    def feed(self, ids: list[int]) -> Floats:
        """Logits [vocab] after the last of `ids`."""
        self.length += len(ids)
        fed: Tensors = {"input_ids": np.array([ids], np.int64)}
        if self._has_length:
            fed["total_length"] = np.array([self.length], np.int64)
        outputs = dict(zip(self._names, self._session.run(self._names, fed | self._past)))
        logits: Floats = outputs.pop("logits")[0]
        self._past = {name.replace("present", "past"): value for name, value in outputs.items()}
        return logits

    def every_position(self, ids: list[int]) -> Floats:
        """Logits after each of `ids`, [len(ids), vocab]: fed one by one."""
        self.restart()
        return np.stack([self.feed([token]) for token in ids])

    def greedy(self, prompt: list[int], count: int) -> list[int]:
        """`count` tokens after `prompt`, not stopping at an end."""
        self.restart()
        logits = self.feed(prompt)
        written = [int(logits.argmax())]
        while len(written) < count:
            written.append(int(self.feed(written[-1:]).argmax()))
        return written

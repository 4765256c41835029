"""Runs the model folder of a vision-language model with ONNX Runtime and numpy, to check the graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from edgefuse_tools.ort_session import open_session

Floats = NDArray[np.float32]
Tensors = dict[str, NDArray[Any]]


class OnnxVlm:
    """Both graphs of one folder in one precision. One sequence at a time, with a cache that grows."""

    def __init__(self, folder: Path, precision: str = "fp32", threads: int = 1) -> None:
        description: dict[str, Any] = yaml.safe_load((folder / "model.yaml").read_text("utf-8"))
        graphs = description["graphs"]
        decoder = graphs["decoder"]
        self.token: int = description["picture"]["token"]
        self._vision = open_session(folder / graphs["vision"]["files"][precision], threads=threads)
        self._decoder = open_session(folder / decoder["files"][precision], threads=threads)
        self._names = [output.name for output in self._decoder.get_outputs()]
        self._has_length = "total_length" in decoder["inputs"]
        self._vocabulary: int = decoder["outputs"]["logits"]["shape"][1]
        self.width: int = decoder["inputs"]["image_rows"]["shape"][1]
        _, heads, _, head_dim = decoder["inputs"]["past_key"]["shape"]
        empty = np.zeros((1, heads, 0, head_dim), np.float32)
        self._empty = {f"past_{kind}_{at}": empty for kind in ("key", "value") for at in range(decoder["layers"])}
        self.restart(np.zeros((1, self.width), np.float32))

    def rows(self, pixels: Floats) -> Floats:
        """Rows of tiles [tiles, 3, side, side], [rows, width]: tile by tile, as edgefuse runs them."""
        found = [np.asarray(self._vision.run(None, {"pixel_values": tile[None]})[0]) for tile in pixels]
        return np.concatenate(found).reshape(-1, self.width)

    def restart(self, rows: Floats) -> None:
        """Empties the cache; the picture tokens that follow stand for `rows`."""
        self._past: Tensors = dict(self._empty)
        self._rows, self._read, self.length = rows, 0, 0

    def feed(self, ids: list[int]) -> Floats:
        """Logits [vocab] after the last of `ids`."""
        referred = np.array(ids, np.int64)
        places = np.where(referred == self.token)[0][: len(self._rows) - self._read]
        referred[places] = self._vocabulary + self._read + np.arange(len(places))
        self._read += len(places)
        self.length += len(ids)
        fed: Tensors = {"input_ids": referred[None], "image_rows": self._rows}
        if self._has_length:
            fed["total_length"] = np.array([self.length], np.int64)
        outputs = dict(zip(self._names, self._decoder.run(self._names, fed | self._past)))
        logits: Floats = outputs.pop("logits")[0]
        self._past = {name.replace("present", "past"): value for name, value in outputs.items()}
        return logits

    def written(self, ids: list[int], rows: Floats, count: int) -> tuple[list[int], Floats]:
        """`count` tokens after the prompt `ids`, not stopping at an end, and the logits that each was chosen by."""
        self.restart(rows)
        every = [self.feed(ids)]
        tokens = [int(every[0].argmax())]
        while len(tokens) < count:
            every.append(self.feed(tokens[-1:]))
            tokens.append(int(every[-1].argmax()))
        return tokens, np.stack(every)

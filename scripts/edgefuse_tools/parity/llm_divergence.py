"""How far a language model's logits are from others; needs neither PyTorch nor transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.export.llm.exporter import export_llm

Floats = NDArray[np.float32]


def export(source: Path, out: Path, dialect: Dialect, precisions: list[Precision] | None) -> Path:
    origin = {
        "weights": source.name,
        "origin": "unknown",
        "license": "unknown",
        "exporter": "scripts/dev.py verify_llm",
    }
    export_llm(source, out, name=out.name, source=origin, dialect=dialect, precisions=precisions)
    return out


def perplexity(logits: Floats, ids: list[int]) -> float:
    """Of the tokens of `ids` after the first, from the logits after each."""
    logarithms = log_softmax(logits)[np.arange(len(ids) - 1), ids[1:]]
    return round(float(np.exp(-logarithms.mean())), 4)


def compared(logits: Floats, expected: Floats, ids: list[int]) -> dict[str, float]:
    theirs, ours = log_softmax(expected), log_softmax(logits)
    divergence = (np.exp(theirs) * (theirs - ours)).sum(-1).mean()
    same = (logits.argmax(-1) == expected.argmax(-1)).mean()
    return {
        "perplexity": perplexity(logits, ids),
        "kl": round(float(divergence), 6),
        "same_most_probable": round(float(same), 4),
    }


def log_softmax(logits: Floats) -> NDArray[np.float64]:
    values = logits.astype(np.float64)
    values -= values.max(-1, keepdims=True)
    shifted: NDArray[np.float64] = values - np.log(np.exp(values).sum(-1, keepdims=True))
    return shifted

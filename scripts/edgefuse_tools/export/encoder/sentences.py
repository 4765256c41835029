"""How an encoder of sentences turns the states of tokens into one vector: sentence-transformers' settings.

A folder without modules.json gets what most encoders of sentences have: the mean over all tokens, normalised.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgefuse_tools.export.checkpoints.checkpoint import read_json
from edgefuse_tools.export.encoder.parts import output_embedding
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.layers import first_position

MODULES = "modules.json"
QUERY, PASSAGE = ("query",), ("passage", "document")
"""Names of the prompts in config_sentence_transformers.json."""


@dataclass(frozen=True)
class Pooling:
    """From states to one vector."""

    first: bool = False
    """The first token instead of the mean of all."""
    normalised: bool = True


@dataclass(frozen=True)
class Sentences:
    """Settings of a folder."""

    pooling: Pooling
    max_tokens: int | None = None
    prompts: dict[str, str] = field(default_factory=dict)

    def prefixes(self) -> dict[str, str]:
        """The keys of model.yaml's `text` for prompts that are not empty."""
        roles = {"query_prefix": QUERY, "passage_prefix": PASSAGE}
        named = {
            key: next((self.prompts[name] for name in names if name in self.prompts), "")
            for key, names in roles.items()
        }
        return {key: prompt for key, prompt in named.items() if prompt}


def read_sentences(folder: Path) -> Sentences:
    """The settings of a sentence-transformers folder."""
    path = folder / MODULES
    if not path.is_file():
        return Sentences(Pooling())
    try:
        modules: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
        kinds = [str(module["type"]).rsplit(".", 1)[-1] for module in modules]
        places = [str(module["path"]) for module in modules]
    except (ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{path}: not a list of modules ({error})") from error
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise ExportError(f"{path}: modules are {', '.join(kinds)}; supported: Transformer, Pooling and Normalize")
    pooling = read_json(folder / places[1], "config.json")
    modes = [key for key, on in pooling.items() if key.startswith("pooling_mode_") and on is True]
    if "pooling_mode" in pooling:
        modes = [f"pooling_mode_{pooling['pooling_mode']}_tokens"]
    first = modes in (["pooling_mode_cls_token"], ["pooling_mode_cls_tokens"])
    if not first and modes not in (["pooling_mode_mean_tokens"], []):
        raise ExportError(f"{folder / places[1] / 'config.json'}: {', '.join(modes)}; supported: mean and cls")
    settings = {}
    for name in ("sentence_bert_config.json", "config_sentence_transformers.json"):
        if (folder / name).is_file():
            settings.update(read_json(folder, name))
    most = settings.get("max_seq_length")
    return Sentences(
        Pooling(first, len(kinds) == 3), most if isinstance(most, int) else None, settings.get("prompts") or {}
    )


def pool(g: GraphBuilder, states: str, mask: str, hidden: int, pooling: Pooling) -> None:
    """Makes one vector of `states` [texts, tokens, hidden] the output `embedding`: the mean over the tokens where `mask`
    [texts, tokens] is 1, or the first."""
    output_embedding(g, pooled(g, states, mask, pooling), "texts", hidden, normalised=pooling.normalised)


def pooled(g: GraphBuilder, states: str, mask: str, pooling: Pooling) -> str:
    if pooling.first:
        return first_position(g, states)
    weights = g.node("Unsqueeze", g.node("Cast", mask, to=1), g.integers(2))
    total = g.node("ReduceSum", g.node("Mul", states, weights), g.integers(1), keepdims=0)
    # As sentence-transformers, which divides by at least 1e-9.
    count = g.node("Max", g.node("ReduceSum", weights, g.integers(1), keepdims=0), g.scalar(1e-9))
    return g.node("Div", total, count)

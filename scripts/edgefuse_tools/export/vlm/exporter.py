"""Exports a vision-language model to a model folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from edgefuse_tools.export.blip.exporter import Fill, write_graphs
from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.blocks import Matrix
from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.export.graphs.section import Section
from edgefuse_tools.export.llm import tokens
from edgefuse_tools.export.llm.exporter import MOST_TOKENS, default_precisions, needs_of
from edgefuse_tools.export.llm.graph import decoder_graph
from edgefuse_tools.export.llm.weights import Array, HuggingFaceWeights
from edgefuse_tools.export.model_folder import new_model_folder, write_description
from edgefuse_tools.export.vlm.config import AROUND, IMAGE, WHOLE, VlmConfig, load_config
from edgefuse_tools.export.vlm.graphs import embedded_with_pictures, vision_graph

CAPTION_MAX_TOKENS, ANSWER_MAX_TOKENS = 64, 20
CAPTION_PROMPT = "Describe this image in one sentence."
QUESTION_PROMPT = "{question}\nGive a very brief answer."
"""What `caption` and `ask` write to the model: anyone may change them in model.yaml."""

END = "<end_of_utterance>"
"""Ends an answer of a chat; comes first among the tokens that do, because `ask` ranks given answers with it."""


class TextWeights:
    """The language model's tensors under the names that they have without a vision encoder."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._weights = HuggingFaceWeights(checkpoint)

    def __contains__(self, name: str) -> bool:
        return _stored(name) in self._weights

    def matrix(self, name: str, rows: int, columns: int) -> Matrix:
        return self._weights.matrix(_stored(name), rows, columns)

    def vector(self, name: str, size: int) -> Array:
        return self._weights.vector(_stored(name), size)


def _stored(name: str) -> str:
    head, _, rest = name.partition(".")
    return f"model.text_model.{rest}" if head == "model" else name


def export_vlm(
    folder: Path,
    out: Path,
    *,
    name: str,
    source: dict[str, str],
    dialect: Dialect,
    precisions: Sequence[Precision] | None,
    context: int | None = None,
) -> None:
    """Writes the model folder `out` from a Hugging Face folder. `source` is the section of that name in model.yaml.
    Nothing is left behind on failure."""
    config = load_config(folder, context)
    checkpoint = Checkpoint.open(folder)
    language = _language(folder, config)
    text = config.text
    vision = partial(vision_graph, config=config, model=Section(checkpoint, "model."))
    embed = partial(embedded_with_pictures, vocabulary=text.vocab_size, width=text.hidden_size)
    decoder = partial(decoder_graph, config=text, weights=TextWeights(checkpoint), own=None, embed=embed)
    chosen = list(precisions) if precisions else default_precisions(None, dialect)
    with new_model_folder(out) as building:
        (building / tokens.TOKENIZER).write_bytes(language.tokenizer)
        (building / tokens.TEMPLATE).write_text(str(language.template), encoding="utf-8")
        groups: list[dict[str, Fill]] = [{"vision": vision}, {"decoder": decoder}]
        graphs = write_graphs(building, groups, dialect, chosen, needs=needs_of(chosen, dialect))
        write_description(
            building,
            kind="vlm",
            name=name,
            dialect=dialect,
            source=source,
            graphs=graphs,
            details=_details(config, language),
        )


def _details(config: VlmConfig, language: tokens.Language) -> dict[str, Any]:
    """What model.yaml says beside the graphs."""
    most = config.text.context - 1
    return {
        "image": config.image,
        "tokenizer": tokens.TOKENIZER,
        "chat_template": tokens.TEMPLATE,
        "tokens": language.section(),
        "picture": {"token": config.image_token, "image": IMAGE, "around": AROUND, "whole": WHOLE},
        "prompts": {"caption": CAPTION_PROMPT, "question": QUESTION_PROMPT},
        "generation": {
            "context": config.text.context,
            "max_tokens": min(MOST_TOKENS, most),
            "caption_max_tokens": min(CAPTION_MAX_TOKENS, most),
            "answer_max_tokens": min(ANSWER_MAX_TOKENS, most),
        },
    }


def _language(folder: Path, config: VlmConfig) -> tokens.Language:
    """Tokenizer and template, which must know pictures."""
    language = tokens.of_folder(folder, config.text.vocab_size)
    place = folder / tokens.TOKENIZER
    if language.template is None:
        raise ExportError(f"{folder}: no chat template; pictures have their place in one ({tokens.TEMPLATE})")
    added = {token["content"]: token["id"] for token in json.loads(language.tokenizer).get("added_tokens") or []}
    for token in (IMAGE, AROUND, WHOLE):
        if token not in added:
            raise ExportError(f"{place}: it has no token {token}: it belongs to a model that does not read pictures")
    if added[IMAGE] != config.image_token:
        raise ExportError(
            f"{place}: {IMAGE} is {added[IMAGE]}, but config.json has image_token_id {config.image_token}"
        )
    if added.get(END) in language.ends:
        ends = [added[END], *(end for end in language.ends if end != added[END])]
        language = replace(language, ends=ends)
    return language

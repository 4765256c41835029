"""Exports a BLIP-2 checkpoint with an OPT or T5 language model to a model folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from edgefuse_tools.export.blip.config import load_image_settings
from edgefuse_tools.export.blip.exporter import ANSWER_MAX_TOKENS, CAPTION_MAX_TOKENS, Fill, write_graphs
from edgefuse_tools.export.blip2 import opt as blip2_opt
from edgefuse_tools.export.blip2 import t5 as blip2_t5
from edgefuse_tools.export.blip2.config import T5_PROMPT_TOKENS, Blip2Config, OptConfig, load_blip2_config
from edgefuse_tools.export.blip2.vision import vision_graph
from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint, read_json
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.export.graphs.section import Section
from edgefuse_tools.export.model_folder import new_model_folder, write_description

TOKENIZER = "tokenizer.json"

QUESTION = "{question}"
QUESTION_PROMPT = f"Question: {QUESTION} Answer:"
"""Prompt of transformers' documentation and the authors' code, for language models not trained on questions."""


def export_blip2(
    checkpoint: Path,
    out: Path,
    *,
    name: str,
    source: dict[str, str],
    dialect: Dialect,
    precisions: Sequence[Precision],
    question_prompt: str = QUESTION_PROMPT,
) -> None:
    """Writes the model folder `out` from the Hugging Face folder `checkpoint`.

    `source` is the section of that name in model.yaml. Nothing is left behind on failure.
    """
    if question_prompt.count(QUESTION) != 1:
        raise ExportError(f"question prompt {question_prompt!r}: it must contain {QUESTION} once")
    config = load_blip2_config(checkpoint)
    image = load_image_settings(checkpoint, config.vision.image_size)
    tokenizer = _tokenizer(checkpoint, config)
    weights = Checkpoint.open(checkpoint)
    with new_model_folder(out) as folder:
        (folder / TOKENIZER).write_bytes(tokenizer)
        graphs = write_graphs(folder, _graphs(config, weights), dialect, precisions)
        details = {"image": image, "tokenizer": TOKENIZER} | _details(config, question_prompt)
        write_description(
            folder, kind="blip2", name=name, dialect=dialect, source=source, graphs=graphs, details=details
        )


def _graphs(config: Blip2Config, weights: Checkpoint) -> list[dict[str, Fill]]:
    """Functions that fill the folder's graphs, by role; those of a group share the embedding table."""
    root = Section(weights)
    groups: list[dict[str, Fill]] = [{"vision": partial(vision_graph, config=config, root=root)}]
    language, text = root.under("language_model"), config.text
    if isinstance(text, OptConfig):
        groups.append({"decoder": partial(blip2_opt.decoder_graph, config=text, root=language)})
    else:
        encoder = partial(blip2_t5.text_encoder_graph, config=text, queries=config.num_query_tokens, root=language)
        groups.append({"decoder": partial(blip2_t5.decoder_graph, config=text, root=language), "text_encoder": encoder})
    return groups


def _tokenizer(folder: Path, config: Blip2Config) -> bytes:
    """The bytes of tokenizer.json, which must not have more tokens than the language model."""
    if not (folder / TOKENIZER).is_file():
        raise ExportError(
            f"{folder / TOKENIZER}: no such file; write it with transformers: AutoTokenizer.from_pretrained(...)"
            ".save_pretrained(...)"
        )
    tokenizer = read_json(folder, TOKENIZER)
    added = [token.get("id", 0) for token in tokenizer.get("added_tokens") or [] if isinstance(token, dict)]
    vocabulary = (tokenizer.get("model") or {}).get("vocab")
    if not isinstance(vocabulary, (dict, list)) or not vocabulary:
        raise ExportError(f"{folder / TOKENIZER}: no vocabulary")
    largest = max([*added, *(vocabulary.values() if isinstance(vocabulary, dict) else [len(vocabulary) - 1])])
    if largest >= config.text.vocab_size:
        raise ExportError(
            f"{folder / TOKENIZER}: belongs to another model: it has a token {largest}, and the language model has "
            f"{config.text.vocab_size}"
        )
    return json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")).encode()


def _details(config: Blip2Config, question_prompt: str) -> dict[str, Any]:
    """The part of `model.yaml` that is specific to BLIP-2."""
    tokens, most = config.tokens, T5_PROMPT_TOKENS
    if isinstance(config.text, OptConfig):
        most = config.text.max_position_embeddings - config.num_query_tokens
    described: dict[str, Any] = {"prompt_start": list(tokens.prompt_start), "prompt_end": list(tokens.prompt_end)}
    described |= {"no_prompt": tokens.no_prompt, "end": tokens.end}
    if tokens.start is not None:
        described["start"] = tokens.start
    return {
        "tokens": described,
        "generation": {
            "caption_max_tokens": min(CAPTION_MAX_TOKENS, most - 1),
            "answer_max_tokens": min(ANSWER_MAX_TOKENS, most - 1),
            "max_tokens": most,
            "question_prompt": question_prompt,
        },
    }

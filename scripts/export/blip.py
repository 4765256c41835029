"""Exports BLIP checkpoints (captioning, visual question answering or both) into one model folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.blip_config import CAPTION, VQA, BlipConfig, load_config, load_image_settings
from export.blip_graphs import decoder_graph, question_graph, vision_graph
from export.checkpoint import Checkpoint
from export.errors import ExportError
from export.graph import Dialect, GraphBuilder
from export.model_folder import graph_entry, new_model_folder, write_description
from export.section import Section
from export.wordpiece import CLASSIFY, SEPARATOR, dump_tokenizer, load_tokenizer, special_id

# transformers' generate stops after 20 tokens unless told otherwise; a VQA answer is a word or a few.
CAPTION_MAX_TOKENS = 20
ANSWER_MAX_TOKENS = 10


@dataclass(frozen=True)
class Source:
    """One checkpoint folder: its weights and everything that goes into model.yaml."""

    checkpoint: Checkpoint
    config: BlipConfig
    image: dict[str, Any]
    tokenizer: dict[str, Any]
    tokens: dict[str, int]

    @classmethod
    def open(cls, folder: Path, architecture: str) -> Source:
        """Reads the settings and maps the weights of `folder`, which must be of `architecture`."""
        checkpoint = Checkpoint.open(folder)
        config = load_config(folder, architecture)
        text = config.text
        tokenizer = load_tokenizer(folder, text.bos_token_id, text.vocab_size)
        separator = special_id(folder, tokenizer, SEPARATOR)
        if separator != text.sep_token_id:
            raise ExportError(
                f"{folder}: config.json says sep_token_id {text.sep_token_id}, but the tokenizer's {SEPARATOR} is {separator}"
            )
        # The ids that transformers' BlipFor...generate uses: `start` takes the place of [CLS] in a caption's prompt and
        # is the answer's first token; `end` is sep_token_id, not eos_token_id.
        tokens = {
            "start": text.bos_token_id,
            "end": text.sep_token_id,
            "pad": text.pad_token_id,
            "classify": special_id(folder, tokenizer, CLASSIFY),
        }
        return cls(checkpoint, config, load_image_settings(folder, config.vision.image_size), tokenizer, tokens)


def export_blip(
    out: Path, name: str, source: dict[str, str], dialect: Dialect, caption: Path | None = None, vqa: Path | None = None
) -> None:
    """Writes the model folder `out` from the folders of a captioning and of a VQA checkpoint, at least one of them.

    `source` is model.yaml's section of that name. Nothing is left behind when it fails.
    """
    captioning = Source.open(caption, CAPTION) if caption else None
    answering = Source.open(vqa, VQA) if vqa else None
    if captioning and answering:
        _check_same_image_side(captioning, answering)
    main = captioning or answering
    if main is None:
        raise ExportError("nothing to export: give a captioning checkpoint, a VQA checkpoint, or both")

    with new_model_folder(out) as building:
        graphs = {}
        for graph in _graphs(dialect, main, captioning, answering):
            started = time.monotonic()
            files = graph.save(building / f"{graph.name}.onnx")
            graphs[graph.name] = graph_entry(graph, {"fp32": files[0].name})
            megabytes = sum(file.stat().st_size for file in files) / 1e6
            print(f"{graph.name}: {megabytes:.1f} MB in {time.monotonic() - started:.1f} s", file=sys.stderr)
        (building / "tokenizer.json").write_bytes(dump_tokenizer(main.tokenizer))
        positions = main.config.text.max_position_embeddings
        details = {
            "image": main.image,
            "tokenizer": "tokenizer.json",
            "tokens": main.tokens,
            "generation": {
                "caption_max_tokens": min(CAPTION_MAX_TOKENS, positions - 1),
                "answer_max_tokens": min(ANSWER_MAX_TOKENS, positions - 1),
                "max_question_tokens": positions,
            },
        }
        write_description(
            building, kind="blip", name=name, dialect=dialect, source=source, graphs=graphs, details=details
        )


def _graphs(
    dialect: Dialect, main: Source, captioning: Source | None, answering: Source | None
) -> Iterator[GraphBuilder]:
    """The folder's graphs, each named by its role."""
    config, vision = main.config, Section(main.checkpoint, "vision_model.")
    decoder = Section(captioning.checkpoint, "text_decoder.") if captioning else None
    yield vision_graph(dialect, config, vision, decoder.under("bert") if decoder else None, answering is not None)
    if decoder:
        yield decoder_graph(dialect, "caption_decoder", config.text, decoder, config.vision.tokens)
    if answering:
        encoder, decoder = (Section(answering.checkpoint, f"text_{part}.") for part in ("encoder", "decoder"))
        yield question_graph(dialect, answering.config, encoder, decoder.under("bert"))
        yield decoder_graph(dialect, "answer_decoder", answering.config.text, decoder, "source")


def _check_same_image_side(captioning: Source, answering: Source) -> None:
    """One folder has one vision graph, one preprocessing and one tokenizer, so both checkpoints must agree on them."""
    ours, theirs = captioning.checkpoint, answering.checkpoint
    hint = "export them into two folders, one with --caption and one with --vqa"
    for what, one, other in (
        ("vision_config", captioning.config.vision, answering.config.vision),
        ("image preprocessing", captioning.image, answering.image),
        ("tokenizer", captioning.tokenizer, answering.tokenizer),
        ("token ids", captioning.tokens, answering.tokens),
        (
            "max_position_embeddings",
            captioning.config.text.max_position_embeddings,
            answering.config.text.max_position_embeddings,
        ),
    ):
        if one != other:
            raise ExportError(f"{ours.folder} and {theirs.folder} differ in their {what}; {hint}")
    for name in ours.names():
        if not name.startswith("vision_model."):
            continue
        if name not in theirs or not np.array_equal(ours.raw(name), theirs.raw(name)):
            raise ExportError(f"{ours.folder} and {theirs.folder} have different vision weights ({name}); {hint}")

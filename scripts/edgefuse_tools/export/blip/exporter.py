"""Exports BLIP checkpoints (captioning, visual question answering, retrieval) to one model folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools.export.blip.config import CAPTION, RETRIEVAL, VQA, BlipConfig, load_config, load_image_settings
from edgefuse_tools.export.blip.graphs import decoder_graph, question_graph, vision_graph
from edgefuse_tools.export.blip.retrieval import match_graph, text_graph
from edgefuse_tools.export.blip.wordpiece import CLASSIFY, SEPARATOR, dump_tokenizer, load_tokenizer, special_id
from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.graph import Dialect, GraphBuilder
from edgefuse_tools.export.graphs.precision import ENCODER, Precision, least_runtimes
from edgefuse_tools.export.graphs.section import Section
from edgefuse_tools.export.graphs.weight_file import WeightFile
from edgefuse_tools.export.model_folder import (
    Lengths,
    graph_entry,
    graph_file_name,
    new_model_folder,
    write_description,
)

MOST_SIDE_BY_SIDE, MOST_HYPOTHESES = 8, 5
"""Largest sizes that engines are built for in advance: larger ones are built on first use."""

# transformers' generate stops after 20 tokens by default; a VQA answer is a few words.
CAPTION_MAX_TOKENS = 20
ANSWER_MAX_TOKENS = 10

Fill = Callable[[GraphBuilder], None]
"""Fills an empty graph."""


@dataclass(frozen=True)
class Source:
    """One checkpoint folder: its weights and the settings for model.yaml."""

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
                f"{folder}: config.json has sep_token_id {text.sep_token_id}, but the tokenizer's {SEPARATOR} is {separator}"
            )
        # The ids that transformers' BlipFor...generate uses: `start` replaces [CLS] in a caption's prompt and is the
        # answer's first token; `end` is sep_token_id, not eos_token_id.
        tokens = {
            "start": text.bos_token_id,
            "end": text.sep_token_id,
            "pad": text.pad_token_id,
            "classify": special_id(folder, tokenizer, CLASSIFY),
        }
        return cls(checkpoint, config, load_image_settings(folder, config.vision.image_size), tokenizer, tokens)


@dataclass(frozen=True)
class Checkpoints:
    """The folders of the checkpoints to export, by task; at least one."""

    caption: Path | None = None
    vqa: Path | None = None
    retrieval: Path | None = None


def export_blip(
    out: Path,
    checkpoints: Checkpoints,
    *,
    name: str,
    source: dict[str, str],
    dialect: Dialect,
    precisions: Sequence[Precision],
) -> None:
    """Writes the model folder `out` from `checkpoints`, whose vision encoders must be equal.

    `source` is the section of that name in model.yaml. Nothing is left behind on failure.
    """
    tasks = {
        architecture: Source.open(folder, architecture)
        for architecture, folder in (
            (CAPTION, checkpoints.caption),
            (VQA, checkpoints.vqa),
            (RETRIEVAL, checkpoints.retrieval),
        )
        if folder
    }
    if not tasks:
        raise ExportError("nothing to export: pass a captioning, a VQA or a retrieval checkpoint, or several")
    main, *others = tasks.values()
    for other in others:
        _check_same_image_side(main, other)

    with new_model_folder(out) as building:
        graphs = write_graphs(building, _graphs(main, tasks), dialect, precisions, _lengths(main))
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


def write_graphs(
    folder: Path,
    groups: list[dict[str, Fill]],
    dialect: Dialect,
    precisions: Sequence[Precision],
    lengths: dict[str, Lengths] | None = None,
    needs: dict[str, dict[str, str]] | None = None,
) -> dict[str, Any]:
    """Writes every graph in every precision, each group with shared weights; returns their descriptions by role.
    `needs` are the minimum versions of ONNX Runtime, if they depend on more than the precision."""
    entries: dict[str, Any] = {}
    for group in groups:
        files: dict[str, dict[str, str]] = {role: {} for role in group}
        weights: dict[str, str] = {}
        built: dict[str, GraphBuilder] = {}
        for named in precisions:
            precision = ENCODER.get(named, named) if "vision" in group else named
            for role in group:
                files[role][named.value] = graph_file_name(role, precision)
            first = folder / files[next(iter(group))][named.value]
            weights[named.value] = f"{first.name}.data"
            if first.exists():
                continue
            started = time.monotonic()
            shared = WeightFile(folder / weights[named.value])
            for role, fill in group.items():
                built[role] = GraphBuilder(role, dialect, precision)
                fill(built[role])
                built[role].save_sharing(folder / files[role][named.value], shared)
            megabytes = shared.path.stat().st_size / 1e6 if shared.close() else 0
            print(f"{first.stem}: {megabytes:.1f} MB in {time.monotonic() - started:.1f} s", file=sys.stderr)
        for role, graph in built.items():
            elsewhere = weights if role in list(group)[1:] else None
            entries[role] = graph_entry(
                graph, files[role], elsewhere, least_runtimes(precisions) if needs is None else needs, lengths
            )
    return entries


def _lengths(source: Source) -> dict[str, Lengths]:
    """Lengths of the dynamic axes: pictures and texts in a batch, hypotheses of each, text."""
    text = source.config.text.max_position_embeddings
    side_by_side = Lengths(1, 1, MOST_SIDE_BY_SIDE)
    return {
        "windows": side_by_side,
        "images": side_by_side,
        "texts": side_by_side,
        "batch": Lengths(1, 1, MOST_SIDE_BY_SIDE * MOST_HYPOTHESES),
        "tokens": Lengths(1, min(8, text), text),
        "past": Lengths(0, min(8, text - 1), text - 1),
        "source": Lengths(1, min(8, text), text),
    }


def _graphs(main: Source, tasks: dict[str, Source]) -> list[dict[str, Fill]]:
    """Functions that fill the folder's graphs, by role; the graphs of a group share weights."""
    captioning, answering, retrieval = (tasks.get(architecture) for architecture in (CAPTION, VQA, RETRIEVAL))
    groups: list[dict[str, Fill]] = []
    caption_layers, projection = None, None
    config = main.config
    if captioning:
        decoder = Section(captioning.checkpoint, "text_decoder.")
        caption_layers = decoder.under("bert")
        fill = partial(decoder_graph, config=captioning.config.text, decoder=decoder, source=config.vision.tokens)
        config = replace(config, text=captioning.config.text)
        groups.append({"caption_decoder": fill})
    if answering:
        text, encoder, decoder = (
            answering.config.text,
            *(Section(answering.checkpoint, f"text_{part}.") for part in ("encoder", "decoder")),
        )
        fill = partial(question_graph, config=answering.config, encoder=encoder, answer_decoder=decoder.under("bert"))
        groups.append({"question_encoder": fill})
        groups.append({"answer_decoder": partial(decoder_graph, config=text, decoder=decoder, source="source")})
    if retrieval:
        projection = Section(retrieval.checkpoint)
        config = replace(config, image_text_hidden_size=retrieval.config.image_text_hidden_size)
        graphs = {"match_encoder": match_graph, "text_encoder": text_graph}
        groups.append({role: partial(fill, config=retrieval.config, model=projection) for role, fill in graphs.items()})
    fill = partial(
        vision_graph,
        config=config,
        vision=Section(main.checkpoint, "vision_model."),
        caption_decoder=caption_layers,
        embeds=answering is not None or retrieval is not None,
        retrieval=projection,
    )
    return [{"vision": fill}, *groups]


def _check_same_image_side(one: Source, other: Source) -> None:
    """One folder has one vision graph, one preprocessing and one tokenizer, so both checkpoints must agree on them."""
    ours, theirs = one.checkpoint, other.checkpoint
    hint = "export them to separate folders, one of --caption, --vqa and --retrieval at a time"
    for what, ours_has, theirs_has in (
        ("vision_config", one.config.vision, other.config.vision),
        ("image preprocessing", one.image, other.image),
        ("tokenizer", one.tokenizer, other.tokenizer),
        ("token ids", one.tokens, other.tokens),
        (
            "max_position_embeddings",
            one.config.text.max_position_embeddings,
            other.config.text.max_position_embeddings,
        ),
    ):
        if ours_has != theirs_has:
            raise ExportError(f"{ours.folder} and {theirs.folder} differ in their {what}; {hint}")
    for name in ours.names():
        if not name.startswith("vision_model."):
            continue
        if name not in theirs or not np.array_equal(ours.raw(name), theirs.raw(name)):
            raise ExportError(f"{ours.folder} and {theirs.folder} have different vision weights ({name}); {hint}")

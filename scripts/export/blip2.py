"""Exports a BLIP-2 checkpoint with an OPT or T5 language model into a model folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from export import blip2_opt, blip2_t5
from export.blip2_config import T5_PROMPT_TOKENS, Blip2Config, OptConfig, load_blip2_config
from export.blip2_vision import vision_graph
from export.blip_config import load_image_settings
from export.checkpoint import Checkpoint, read_json
from export.errors import ExportError
from export.graph import Dialect, GraphBuilder
from export.model_folder import graph_entry, new_model_folder, write_description
from export.precision import ENCODER, LEAST_RUNTIME, PLAIN, Precision
from export.weight_file import WeightFile

TOKENIZER = "tokenizer.json"

CAPTION_MAX_TOKENS, ANSWER_MAX_TOKENS = 20, 10
"""As for BLIP: transformers' generate stops after 20 tokens unless told otherwise; an answer is a word or a few."""

QUESTION = "{question}"
QUESTION_PROMPT = f"Question: {QUESTION} Answer:"
"""How transformers' documentation and the authors' code put a question to a language model that was not trained on them."""


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

    `source` is model.yaml's section of that name. Nothing is left behind when it fails.
    """
    if question_prompt.count(QUESTION) != 1:
        raise ExportError(f"question prompt {question_prompt!r}: {QUESTION} must stand in it once")
    for precision in precisions:
        if dialect is Dialect.STANDARD and precision not in PLAIN:
            plain = " and ".join(name.value for name in PLAIN)
            raise ExportError(f"precision {precision.value} needs the ort dialect; standard has {plain}")
    config = load_blip2_config(checkpoint)
    image = load_image_settings(checkpoint, config.vision.image_size)
    tokenizer = _tokenizer(checkpoint, config)
    weights = Checkpoint.open(checkpoint)
    with new_model_folder(out) as folder:
        (folder / TOKENIZER).write_bytes(tokenizer)
        graphs = _write_graphs(folder, config, weights, dialect, precisions)
        details = {"image": image, "tokenizer": TOKENIZER} | _details(config, question_prompt)
        write_description(
            folder, kind="blip2", name=name, dialect=dialect, source=source, graphs=graphs, details=details
        )


def _graphs(
    dialect: Dialect, precision: Precision, config: Blip2Config, weights: Checkpoint
) -> Iterator[tuple[GraphBuilder, Precision]]:
    """The folder's graphs, each named by its role, and the precision that names its file."""
    encoder = ENCODER.get(precision, precision)
    yield vision_graph(dialect, encoder, config, weights), encoder
    if isinstance(config.text, OptConfig):
        yield blip2_opt.decoder_graph(dialect, precision, config.text, weights), precision
    else:
        yield blip2_t5.text_encoder_graph(dialect, precision, config, weights), precision
        yield blip2_t5.decoder_graph(dialect, precision, config.text, weights), precision


def _write_graphs(
    folder: Path, config: Blip2Config, weights: Checkpoint, dialect: Dialect, precisions: Sequence[Precision]
) -> dict[str, Any]:
    """Writes every graph in every precision; gives their descriptions by role. T5's encoder and decoder share the file of
    the decoder's weights, since they share the embedding table."""
    built: dict[str, GraphBuilder] = {}
    files: dict[str, dict[str, str]] = {}
    shared_files: dict[str, str] = {}
    for precision in precisions:
        shared = WeightFile(folder / f"{_file_name('decoder', precision)}.data")
        for graph, of_file in _graphs(dialect, precision, config, weights):
            path = folder / _file_name(graph.name, of_file)
            if graph.name != "vision":
                graph.save_sharing(path, shared)
            elif not path.exists():
                graph.save(path)
            built[graph.name] = graph
            files.setdefault(graph.name, {})[precision.value] = path.name
        if shared.close():
            shared_files[precision.value] = shared.path.name
    needs = {precision.value: LEAST_RUNTIME[precision] for precision in precisions if precision in LEAST_RUNTIME}
    return {
        role: graph_entry(graph, files[role], shared_files if role == "text_encoder" else None, needs)
        for role, graph in built.items()
    }


def _file_name(role: str, precision: Precision) -> str:
    return f"{role}.onnx" if precision is Precision.FP32 else f"{role}.{precision.value}.onnx"


def _tokenizer(folder: Path, config: Blip2Config) -> bytes:
    """The bytes of tokenizer.json, checked to be one with no more tokens than the language model has."""
    if not (folder / TOKENIZER).is_file():
        raise ExportError(
            f"{folder / TOKENIZER}: no such file; write it with transformers: AutoTokenizer.from_pretrained(...)"
            ".save_pretrained(...)"
        )
    tokenizer = read_json(folder, TOKENIZER)
    added = [token.get("id", 0) for token in tokenizer.get("added_tokens") or [] if isinstance(token, dict)]
    vocabulary = (tokenizer.get("model") or {}).get("vocab")
    if not isinstance(vocabulary, (dict, list)) or not vocabulary:
        raise ExportError(f"{folder / TOKENIZER}: no vocabulary in it")
    largest = max([*added, *(vocabulary.values() if isinstance(vocabulary, dict) else [len(vocabulary) - 1])])
    if largest >= config.text.vocab_size:
        raise ExportError(
            f"{folder / TOKENIZER}: is of another model: it has a token {largest}, and the language model has "
            f"{config.text.vocab_size}"
        )
    return json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")).encode()


def _details(config: Blip2Config, question_prompt: str) -> dict[str, Any]:
    """The part of `model.yaml` that is BLIP-2's own."""
    tokens, most = config.tokens, T5_PROMPT_TOKENS
    if isinstance(config.text, OptConfig):
        most = config.text.max_position_embeddings - config.num_query_tokens
    described = {"prompt_start": list(tokens.prompt_start), "prompt_end": list(tokens.prompt_end)}
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

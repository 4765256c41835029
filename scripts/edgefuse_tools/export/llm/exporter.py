"""Exports a language model to a model folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from edgefuse_tools.export.blip.exporter import write_graphs
from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.graphs.precision import LEAST_RUNTIME, PLAIN, Precision, least_runtimes
from edgefuse_tools.export.llm import tokens
from edgefuse_tools.export.llm.gguf_file import GgufFile
from edgefuse_tools.export.llm.graph import decoder_graph
from edgefuse_tools.export.llm.hugging_face import load_config
from edgefuse_tools.export.llm.weights import HuggingFaceWeights, Weights
from edgefuse_tools.export.model_folder import new_model_folder, write_description

ATTENTION = {"avx2": "1.20", "default": "1.20"}
"""First version of ONNX Runtime whose GroupQueryAttention continues a sequence by several tokens on the CPU: 1.18 and 1.19
run the graph, with wrong results."""

MOST_TOKENS = 512
"""Default limit of an answer."""


def export_llm(
    source_path: Path,
    out: Path,
    *,
    name: str,
    source: dict[str, str],
    dialect: Dialect,
    precisions: Sequence[Precision] | None,
    context: int | None = None,
) -> None:
    """Writes the model folder `out` from a GGUF file or a Hugging Face folder.

    Without `precisions`, a GGUF file is exported in its own. `source` is the section of that name in model.yaml.
    Nothing is left behind on failure.
    """
    own: Precision | None = None
    file_has_bytes = False
    weights: Weights
    if source_path.is_file():
        file = GgufFile(source_path)
        config, weights, own = file.config(context), file, file.precision()
        file_has_bytes = file.has_bytes()
        language = tokens.of_gguf(file, config.vocab_size)
    else:
        config = load_config(source_path, context)
        weights = HuggingFaceWeights(Checkpoint.open(source_path))
        language = tokens.of_folder(source_path, config.vocab_size)
    chosen = list(precisions) if precisions else default_precisions(own, dialect)
    with new_model_folder(out) as folder:
        (folder / tokens.TOKENIZER).write_bytes(language.tokenizer)
        if language.template is not None:
            (folder / tokens.TEMPLATE).write_text(language.template, encoding="utf-8")
        fill = partial(decoder_graph, config=config, weights=weights, own=own)
        needs = needs_of(chosen, dialect, bytes_in_q4=own is Precision.Q4 and file_has_bytes)
        graphs = write_graphs(folder, [{"decoder": fill}], dialect, chosen, needs=needs)
        details = {"tokenizer": tokens.TOKENIZER}
        if language.template is not None:
            details["chat_template"] = tokens.TEMPLATE
        write_description(
            folder,
            kind="llm",
            name=name,
            dialect=dialect,
            source=source,
            graphs=graphs,
            details=details
            | {
                "tokens": language.section(),
                "generation": {"context": config.context, "max_tokens": min(MOST_TOKENS, config.context - 1)},
            },
        )


def default_precisions(own: Precision | None, dialect: Dialect) -> list[Precision]:
    """The precisions of a folder if none are named."""
    if dialect is Dialect.STANDARD:
        return [own] if own in PLAIN else [Precision.FP32]
    return [own or Precision.FP32] if own else [Precision.FP32, Precision.Q8]


def needs_of(chosen: Sequence[Precision], dialect: Dialect, *, bytes_in_q4: bool = False) -> dict[str, dict[str, str]]:
    """The minimum version of ONNX Runtime by precision."""
    needs = least_runtimes(chosen)
    if dialect is Dialect.ORT:
        for precision in chosen:
            needs.setdefault(precision.value, dict(ATTENTION))
        if bytes_in_q4 and Precision.Q4 in chosen:
            needs[Precision.Q4.value] = dict(LEAST_RUNTIME[Precision.Q8])
    return needs


def check_source(path: Path) -> None:
    """Raises ExportError if there is neither a GGUF file nor a folder."""
    if not path.exists():
        raise ExportError(
            f"{path}: no such file or folder; pass a GGUF file or the folder of a Hugging Face checkpoint"
        )

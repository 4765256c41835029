"""Exports a Whisper checkpoint folder to a model folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefuse_tools.export.checkpoints.checkpoint import read_json
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.graph import Dialect, GraphBuilder
from edgefuse_tools.export.graphs.precision import ENCODER, Precision, least_runtimes
from edgefuse_tools.export.graphs.weight_file import WeightFile
from edgefuse_tools.export.model_folder import (
    Lengths,
    graph_entry,
    graph_file_name,
    new_model_folder,
    write_description,
)
from edgefuse_tools.export.whisper.alignment import build_alignment
from edgefuse_tools.export.whisper.graphs import build_decoder, build_encoder
from edgefuse_tools.export.whisper.heads import default_alignment_heads
from edgefuse_tools.export.whisper.tokens import (
    MULTILINGUAL_VOCAB,
    TIMESTAMPS,
    TOKENIZER,
    WhisperTokenizer,
    begin_suppressed,
    suppressed,
    token_section,
)
from edgefuse_tools.export.whisper.weights import WhisperWeights, is_ctranslate2, read_weights

SAMPLE_RATE = 16_000
N_FFT = 400
HOP_LENGTH = 160
CHUNK_SECONDS = 30
"""From openai-whisper's `audio.py`, the same for every size; in Hz, samples, samples and seconds."""

MOST_WINDOWS, MOST_HYPOTHESES = 8, 5
"""Largest sizes that engines are built for in advance: larger ones are built on first use."""


@dataclass(frozen=True)
class Settings:
    """Generation settings of the checkpoint; None for missing ones."""

    suppress: list[int] | None
    begin_suppress: list[int] | None
    alignment_heads: list[list[int]] | None
    multilingual: bool | None


def export_whisper(
    checkpoint: Path,
    target: Path,
    *,
    name: str,
    dialect: Dialect,
    precisions: Sequence[Precision],
    origin: str,
    license_name: str,
) -> None:
    """Writes the model folder `target` from the CTranslate2 or Hugging Face folder `checkpoint`."""
    weights = read_weights(checkpoint)
    layout = "CTranslate2" if is_ctranslate2(checkpoint) else "Hugging Face"
    settings = _settings(checkpoint)
    tokenizer = WhisperTokenizer(checkpoint / TOKENIZER)
    details = _details(checkpoint, weights, tokenizer, settings)
    source = {
        "weights": f"Whisper, {layout} folder {checkpoint.resolve().name}",
        "origin": origin,
        "license": license_name,
        "exporter": "scripts/export.py whisper",
    }
    with new_model_folder(target) as folder:
        tokenizer.write(folder / TOKENIZER)
        graphs = _write_graphs(folder, weights, dialect, precisions, details)
        write_description(
            folder, kind="whisper", name=name, dialect=dialect, source=source, graphs=graphs, details=details
        )


def _write_graphs(
    folder: Path, weights: WhisperWeights, dialect: Dialect, precisions: Sequence[Precision], details: dict[str, Any]
) -> dict[str, Any]:
    """Writes every graph in every precision; returns their descriptions by role."""
    heads, end_of_text = details["alignment_heads"], details["tokens"]["end_of_text"]
    built: dict[str, GraphBuilder] = {}
    files: dict[str, dict[str, str]] = {role: {} for role in ("encoder", "decoder", "alignment")}
    shared_files: dict[str, str] = {}
    for precision in precisions:
        of_encoder = ENCODER.get(precision, precision)
        built["encoder"] = build_encoder(weights, dialect, of_encoder)
        built["decoder"] = build_decoder(weights, dialect, precision)
        built["alignment"] = build_alignment(weights, dialect, precision, heads, end_of_text)
        for role in built:
            files[role][precision.value] = graph_file_name(role, of_encoder if role == "encoder" else precision)
        encoder, decoder, alignment = (folder / files[role][precision.value] for role in built)
        if not encoder.exists():
            built["encoder"].save(encoder)
        shared = WeightFile(decoder.with_name(decoder.name + ".data"))
        built["decoder"].save_sharing(decoder, shared)
        built["alignment"].save_sharing(alignment, shared)
        shared.close()
        shared_files[precision.value] = shared.path.name
    return {
        role: graph_entry(
            graph,
            files[role],
            shared_files if role == "alignment" else None,
            least_runtimes(precisions),
            _lengths(weights),
        )
        for role, graph in built.items()
    }


def _lengths(weights: WhisperWeights) -> dict[str, Lengths]:
    """Lengths of the dynamic axes: windows in a batch, hypotheses of each, frames of 30 s at most, text."""
    source, text = weights.encoder_positions, weights.decoder_positions
    return {
        "windows": Lengths(1, 1, MOST_WINDOWS),
        "batch": Lengths(1, 1, MOST_WINDOWS * MOST_HYPOTHESES),
        "frames": Lengths(2, 2 * source, 2 * source),
        "source": Lengths(1, source, source),
        "tokens": Lengths(1, 1, text),
        "past": Lengths(0, text // 8, text - 1),
    }


def _details(
    checkpoint: Path, weights: WhisperWeights, tokenizer: WhisperTokenizer, settings: Settings
) -> dict[str, Any]:
    """The part of `model.yaml` that is specific to Whisper."""
    multilingual = weights.vocab >= MULTILINGUAL_VOCAB if settings.multilingual is None else settings.multilingual
    tokens = token_section(tokenizer, multilingual)
    if tokens["timestamp_begin"] + TIMESTAMPS > weights.vocab:
        raise ExportError(
            f"{checkpoint / TOKENIZER}: belongs to another model: its timestamps begin at {tokens['timestamp_begin']}, "
            f"but the weights have {weights.vocab} tokens"
        )
    form = weights.decoder_layers, weights.decoder_heads, weights.vocab
    heads = sorted(settings.alignment_heads or default_alignment_heads(*form))
    for layer, head in heads:
        if not (0 <= layer < weights.decoder_layers and 0 <= head < weights.decoder_heads):
            raise ExportError(f"{checkpoint}: alignment_heads of its config names a missing head: {[layer, head]}")
    audio = {"sample_rate": SAMPLE_RATE, "n_fft": N_FFT, "hop_length": HOP_LENGTH}
    return {
        "audio": audio | {"n_mels": weights.mels, "chunk_seconds": CHUNK_SECONDS},
        "tokenizer": TOKENIZER,
        "multilingual": multilingual,
        "tokens": tokens,
        "generation": {
            "max_tokens": weights.decoder_positions,
            "suppress": suppressed(tokenizer, settings.suppress),
            "begin_suppress": begin_suppressed(tokenizer, settings.begin_suppress),
        },
        "alignment_heads": heads,
    }


def _settings(folder: Path) -> Settings:
    """Reads and validates the generation settings of the checkpoint.

    CTranslate2 stores them in config.json, Hugging Face in generation_config.json, or in config.json in older folders.
    """
    keys = ("suppress_tokens", "begin_suppress_tokens")
    config: dict[str, Any] = {}
    if is_ctranslate2(folder):
        keys = ("suppress_ids", "suppress_ids_begin")
    for name in ("config.json", "generation_config.json"):
        if (folder / name).is_file():
            config |= read_json(folder, name)
    suppress, begin_suppress = (config.get(key) for key in keys)
    heads, multilingual = config.get("alignment_heads"), config.get("is_multilingual")
    if not (multilingual is None or isinstance(multilingual, bool)):
        raise ExportError(f"{folder}: is_multilingual of its config is not true or false: {multilingual!r}")
    for key, value in ((keys[0], suppress), (keys[1], begin_suppress)):
        if value is not None and not _is_integers(value):
            raise ExportError(f"{folder}: {key} of its config is not a list of token ids: {value!r}")
    if heads is not None and not (isinstance(heads, list) and all(_is_integers(head, 2) for head in heads)):
        raise ExportError(f"{folder}: alignment_heads of its config is not a list of [layer, head]: {heads!r}")
    return Settings(suppress, begin_suppress, heads, multilingual)


def _is_integers(value: object, count: int | None = None) -> bool:
    if not isinstance(value, list) or count not in (None, len(value)):
        return False
    return all(isinstance(number, int) for number in value)

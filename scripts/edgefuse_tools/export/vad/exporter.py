"""Exports Silero VAD to a model folder."""

from __future__ import annotations

from pathlib import Path

from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.model_folder import graph_entry, new_model_folder, write_description
from edgefuse_tools.export.vad.graph import build_vad
from edgefuse_tools.export.vad.weights import CHUNK_SAMPLES, CONTEXT_SAMPLES, SAMPLE_RATE, read_weights

GRAPH = "vad.onnx"


def export_vad(checkpoint: Path, target: Path, *, name: str, origin: str, license_name: str) -> None:
    """Writes the model folder `target` from `checkpoint`, the `silero_vad.onnx` of the package silero-vad."""
    graph = build_vad(read_weights(checkpoint))
    source = {
        "weights": f"Silero VAD, {checkpoint.name}, 16 kHz",
        "origin": origin,
        "license": license_name,
        "exporter": "scripts/export.py vad",
    }
    audio = {"sample_rate": SAMPLE_RATE, "chunk_samples": CHUNK_SAMPLES, "context_samples": CONTEXT_SAMPLES}
    with new_model_folder(target) as folder:
        graph.save(folder / GRAPH)
        write_description(
            folder,
            kind="vad",
            name=name,
            dialect=Dialect.STANDARD,
            source=source,
            graphs={"vad": graph_entry(graph, {"fp32": GRAPH})},
            details={"audio": audio},
        )

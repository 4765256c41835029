"""A level-based voice activity detector with the interface of Silero VAD's graph, in a few hundred bytes.

In test recordings, its stretches begin and end exactly with the sound, on any machine.
"""

from __future__ import annotations

from pathlib import Path

from edgefuse_tools.export.graphs.graph import Dialect, GraphBuilder
from edgefuse_tools.export.model_folder import graph_entry, new_model_folder, write_description
from edgefuse_tools.export.vad.weights import CHUNK_SAMPLES, CONTEXT_SAMPLES, SAMPLE_RATE

HIDDEN = 1
"""Size of the two states, which this detector returns unchanged."""

THRESHOLD_DB = -45.0
"""RMS of a chunk in dBFS, without its mean, at which the probability is one half."""

STEEPNESS = 1.0
"""Slope of the logit per dB: 3 dB above the threshold, the probability is 0.95."""


def build_level_vad() -> GraphBuilder:
    """samples [chunks, 576] and two states to speech [chunks]."""
    g = GraphBuilder("level_vad", Dialect.STANDARD)
    samples = g.input("samples", "float32", ["chunks", CONTEXT_SAMPLES + CHUNK_SAMPLES])
    states = [g.input(f"state_{part}", "float32", [1, 1, HIDDEN]) for part in "hc"]
    end, axis = g.integers(CONTEXT_SAMPLES + CHUNK_SAMPLES), g.integers(1)
    chunk = g.node("Slice", samples, g.integers(CONTEXT_SAMPLES), end, axis)
    centred = g.node("Sub", chunk, g.node("ReduceMean", chunk, axes=[1], keepdims=1))
    power = g.node("ReduceMean", g.node("Mul", centred, centred), axes=[1], keepdims=0)
    # 10 log10 x = 4.3429448 ln x; the smallest power keeps silence finite.
    decibels = g.node("Mul", g.node("Log", g.node("Add", power, g.scalar(1e-12))), g.scalar(4.3429448))
    logit = g.node("Mul", g.node("Sub", decibels, g.scalar(THRESHOLD_DB)), g.scalar(STEEPNESS))
    g.output("speech", g.node("Sigmoid", logit), "float32", ["chunks"])
    for part, state in zip("hc", states):
        g.output(f"next_state_{part}", g.node("Identity", state), "float32", [1, 1, HIDDEN])
    return g


def save(target: Path, *, name: str, exporter: str) -> None:
    """Writes the model folder `target`."""
    graph = build_level_vad()
    source = {"weights": "none", "origin": exporter, "license": "MIT", "exporter": exporter}
    audio = {"sample_rate": SAMPLE_RATE, "chunk_samples": CHUNK_SAMPLES, "context_samples": CONTEXT_SAMPLES}
    with new_model_folder(target) as folder:
        graph.save(folder / "vad.onnx")
        write_description(
            folder,
            kind="vad",
            name=name,
            dialect=Dialect.STANDARD,
            source=source,
            graphs={"vad": graph_entry(graph, {"fp32": "vad.onnx"})},
            details={"audio": audio},
        )

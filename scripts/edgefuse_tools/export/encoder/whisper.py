"""Whisper's encoder for sounds: the mean of its last hidden state over the sound, without the silence that fills a window.

Reference: transformers, models/whisper/modeling_whisper.py (WhisperEncoder).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from edgefuse_tools.export.encoder.parts import SOUND, Parts, output_embedding
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.export.whisper.blocks import WhisperBlocks
from edgefuse_tools.export.whisper.exporter import CHUNK_SECONDS, HOP_LENGTH, N_FFT, SAMPLE_RATE
from edgefuse_tools.export.whisper.graphs import encoder_states
from edgefuse_tools.export.whisper.rotated import rotated_encoder
from edgefuse_tools.export.whisper.weights import WhisperWeights, read_weights

FRAMES_PER_POSITION = 2


def read_whisper(folder: Path) -> Parts:
    """The sound graph of the Whisper in `folder`."""
    weights = read_weights(folder)
    audio = {"sample_rate": SAMPLE_RATE, "n_fft": N_FFT, "hop_length": HOP_LENGTH}
    audio |= {"n_mels": weights.mels, "chunk_seconds": CHUNK_SECONDS}
    return Parts(graphs={SOUND: partial(sound_graph, weights=weights)}, details={"audio": audio})


def sound_graph(g: GraphBuilder, weights: WhisperWeights) -> None:
    """`sound`: log_mel [windows, mels, frames] and the number of `frames` of each sound to `embedding` [windows,
    hidden]."""
    plain = weights
    if g.precision is Precision.INT8:
        weights = rotated_encoder(weights)
    frames = weights.encoder_positions * FRAMES_PER_POSITION
    log_mel = g.input("log_mel", "float32", ["windows", weights.mels, frames])
    given = g.input("frames", "int64", ["windows"])
    states = encoder_states(WhisperBlocks(g, weights), log_mel)
    # The positions that hold at least half a frame of the sound.
    count = g.node("Div", g.node("Add", given, g.integers(1)), g.integers(FRAMES_PER_POSITION))
    positions = g.constant(np.arange(weights.encoder_positions, dtype=np.int64)[None])
    inside = g.node("Cast", g.node("Less", positions, g.node("Unsqueeze", count, g.integers(1))), to=1)
    total = g.node(
        "ReduceSum", g.node("Mul", states, g.node("Unsqueeze", inside, g.integers(2))), g.integers(1), keepdims=0
    )
    mean = g.node("Div", total, g.node("ReduceSum", inside, g.integers(1), keepdims=1))
    output_embedding(g, mean, "windows", plain.hidden, normalised=False)

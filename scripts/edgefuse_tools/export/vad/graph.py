"""Silero VAD's network at 16 kHz over many consecutive chunks in one run.

The published graph processes one chunk of 32 ms per run. Here everything before the LSTM is a few matrix products over
all chunks of the run, followed by the LSTM: about six times as fast on one thread (scripts/dev.py verify_vad). Rows are
frames, four per chunk, each with its channels side by side.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgefuse_tools.export.graphs.graph import Dialect, GraphBuilder
from edgefuse_tools.export.vad.weights import BINS, CHUNK_SAMPLES, CONTEXT_SAMPLES, CONVOLUTIONS, HIDDEN, HOP, WINDOW

Weights = Mapping[str, np.ndarray]

WINDOW_SAMPLES = CONTEXT_SAMPLES + CHUNK_SAMPLES
FRAMES = CHUNK_SAMPLES // HOP
"""Frames of a chunk with its context."""

MIRRORED = (FRAMES - 1) * HOP + WINDOW - WINDOW_SAMPLES
"""Samples that the last frame's window reaches past the chunk."""

KERNEL = 3
"""Kernel size of the convolutions, in frames."""


def build_vad(w: Weights) -> GraphBuilder:
    """samples [chunks, 576], of consecutive chunks with their contexts, and the LSTM's state to speech [chunks]."""
    g = GraphBuilder("silero_vad", Dialect.STANDARD)
    samples = g.input("samples", "float32", ["chunks", WINDOW_SAMPLES])
    state = [g.input(f"state_{part}", "float32", [1, 1, HIDDEN]) for part in "hc"]
    x = _magnitudes(g, w, samples)
    x = _first_convolution(g, w, x)
    frames = FRAMES
    for layer in range(1, len(CONVOLUTIONS)):
        x, frames = _convolution(g, w, x, layer, frames)
    x = g.node("Unsqueeze", x, g.integers(1))
    weights = (_lstm_weights(g, w, part) for part in ("weight_ih", "weight_hh"))
    x, *state = g.nodes("LSTM", x, *weights, _lstm_biases(g, w), "", *state, outputs=3, hidden_size=HIDDEN)
    x = g.node("Relu", g.node("Reshape", x, g.integers(-1, HIDDEN)))
    output = w["decoder.decoder.2.weight"].reshape(1, HIDDEN)
    x = g.node("Gemm", x, g.weight("output.weight", output.T), g.weight("output.bias", w["decoder.decoder.2.bias"]))
    g.output("speech", g.node("Reshape", g.node("Sigmoid", x), g.integers(-1)), "float32", ["chunks"])
    for part, value in zip("hc", state):
        g.output(f"next_state_{part}", value, "float32", [1, 1, HIDDEN])
    return g


def _magnitudes(g: GraphBuilder, w: Weights, samples: str) -> str:
    """Absolute values of the short-time Fourier transform, [chunks * 4, bins]; the last frame is padded by
    reflection."""
    padded = g.node("Pad", samples, g.integers(0, 0, 0, MIRRORED), mode="reflect")
    # A window is two hops long: each hop and the one after it.
    hops = g.node("Reshape", padded, g.integers(-1, FRAMES + 1, HOP))
    rows = g.node("Reshape", _beside(g, hops, WINDOW // HOP), g.integers(-1, WINDOW))
    basis = w["stft.forward_basis_buffer"].reshape(2 * BINS, WINDOW)
    spectrum = g.node("MatMul", rows, g.weight("stft.basis", basis.T))
    real, imaginary = g.nodes("Split", spectrum, g.integers(BINS, BINS), outputs=2, axis=1)
    return g.node("Sqrt", g.node("Add", g.node("Mul", real, real), g.node("Mul", imaginary, imaginary)))


def _first_convolution(g: GraphBuilder, w: Weights, x: str) -> str:
    """x [chunks * 4, bins] to [chunks * 4, out]: every frame with its neighbours, times the kernel as a matrix."""
    size_in, size_out, _ = CONVOLUTIONS[0]
    padded = g.node("Pad", g.node("Reshape", x, g.integers(-1, FRAMES, size_in)), g.integers(0, 1, 0, 0, 1, 0))
    rows = g.node("Reshape", _beside(g, padded, KERNEL), g.integers(-1, KERNEL * size_in))
    kernel = w["encoder.0.reparam_conv.weight"].transpose(2, 1, 0).reshape(KERNEL * size_in, size_out)
    return _product(g, w, rows, 0, kernel, frames=1)


def _convolution(g: GraphBuilder, w: Weights, x: str, layer: int, frames: int) -> tuple[str, int]:
    """x [chunks * frames, in] to [chunks, after * out], and the number of frames `after`.

    With so few frames left, the convolution over all of them is one matrix, with zeros outside the kernel.
    """
    size_in, size_out, stride = CONVOLUTIONS[layer]
    after = (frames - 1) // stride + 1
    kernel = w[f"encoder.{layer}.reparam_conv.weight"]
    matrix = np.zeros((frames, size_in, after, size_out), np.float32)
    for target in range(after):
        for tap in range(KERNEL):
            source = target * stride + tap - 1
            if 0 <= source < frames:
                matrix[source, :, target] = kernel[:, :, tap].T
    rows = g.node("Reshape", x, g.integers(-1, frames * size_in))
    return _product(g, w, rows, layer, matrix.reshape(frames * size_in, after * size_out), frames=after), after


def _product(g: GraphBuilder, w: Weights, rows: str, layer: int, matrix: np.ndarray, frames: int) -> str:
    bias = np.tile(w[f"encoder.{layer}.reparam_conv.bias"], frames)
    weight, bias_name = g.weight(f"encoder.{layer}.weight", matrix), g.weight(f"encoder.{layer}.bias", bias)
    return g.node("Relu", g.node("Gemm", rows, weight, bias_name))


def _beside(g: GraphBuilder, x: str, count: int) -> str:
    """x [chunks, 4 + count - 1, size] to [chunks, 4, count * size]: each row with the `count - 1` after it."""
    time = g.integers(1)
    shifted = [g.node("Slice", x, g.integers(first), g.integers(first + FRAMES), time) for first in range(count)]
    return g.node("Concat", *shifted, axis=2)


def _gates(array: np.ndarray) -> np.ndarray:
    """Reorders gates from PyTorch (input, forget, cell, output) to ONNX (input, output, forget, cell)."""
    i, f, c, o = np.split(array, 4)
    return np.concatenate([i, o, f, c])


def _lstm_weights(g: GraphBuilder, w: Weights, part: str) -> str:
    return g.weight(f"lstm.{part}", _gates(w[f"decoder.rnn.{part}"])[np.newaxis])


def _lstm_biases(g: GraphBuilder, w: Weights) -> str:
    biases = [_gates(w[f"decoder.rnn.{part}"]) for part in ("bias_ih", "bias_hh")]
    return g.weight("lstm.bias", np.concatenate(biases)[np.newaxis])

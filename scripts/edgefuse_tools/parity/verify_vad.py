"""Compares an exported Silero VAD with its original graph, on speech, and times both; prints a report.

    python scripts/dev.py verify_vad build/checkpoints/silero-vad/silero_vad.onnx onnx/silero-vad tests/data/*.wav

Needs scripts/requirements/test.txt. The recordings are joined, each followed by a second of silence. Prints JSON: the
largest difference of a probability; milliseconds per second of sound of both, on one and two threads, with the minimum
of several runs for each chunk or block, so that other load matters little. Exit code 1 if a difference exceeds the
tolerance.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from edgefuse_tools import offline  # noqa: F401  # isort: skip  turns telemetry off before onnxruntime is loaded
import numpy as np

from edgefuse_tools.export.vad.weights import CHUNK_SAMPLES, CONTEXT_SAMPLES, HIDDEN, SAMPLE_RATE
from edgefuse_tools.ort_session import Session, open_session
from edgefuse_tools.parity.speech import read_speech

TOLERANCE = 1e-4
BLOCK = 16
"""Chunks per run, as in src/models/vad/probabilities.rs."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="the original silero_vad.onnx")
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument("audio", type=Path, nargs="+", help="16-bit mono wav at 16 kHz")
    parser.add_argument("--repeats", type=int, default=5, help="repetitions of all runs (default: 5)")
    args = parser.parse_args()
    rows = chunks_of(np.concatenate([np.pad(read_speech(path), (0, SAMPLE_RATE)) for path in args.audio]))
    report: dict[str, Any] = {"seconds": round(len(rows) * CHUNK_SAMPLES / SAMPLE_RATE, 1), "chunks": len(rows)}
    seconds = len(rows) * CHUNK_SAMPLES / SAMPLE_RATE
    for threads in (1, 2):
        sides: dict[str, Callable[[], Iterator[np.ndarray]]] = {
            "shipped": partial(shipped, open_session(args.checkpoint, threads=threads, quiet=True), rows),
            "exported": partial(exported, open_session(args.model / "vad.onnx", threads=threads), rows),
        }
        found = {name: timed(runs()) for name, runs in sides.items()}
        difference = float(np.abs(found["shipped"][0] - found["exported"][0]).max())
        report["largest_difference"] = max(difference, report.get("largest_difference", 0.0))
        best = {name: taken for name, (_, taken) in found.items()}
        for _ in range(args.repeats):
            for name, runs in sides.items():
                best[name] = np.minimum(best[name], timed(runs())[1])
        report[f"ms_per_second_{threads}_threads"] = {
            name: round(1000 * float(taken.sum()) / seconds, 3) for name, taken in best.items()
        }
    print(json.dumps(report))
    return 0 if report["largest_difference"] <= TOLERANCE else 1


def chunks_of(samples: np.ndarray) -> np.ndarray:
    """Every chunk preceded by its context, the last one padded with silence: [chunks, 576]."""
    chunks = np.pad(samples, (0, -len(samples) % CHUNK_SAMPLES)).reshape(-1, CHUNK_SAMPLES)
    contexts = np.zeros((len(chunks), CONTEXT_SAMPLES), np.float32)
    contexts[1:] = chunks[:-1, -CONTEXT_SAMPLES:]
    return np.concatenate([contexts, chunks], axis=1)


def shipped(session: Session, rows: np.ndarray) -> Iterator[np.ndarray]:
    """One run per chunk; yields its probability."""
    state = np.zeros((2, 1, HIDDEN), np.float32)
    for row in rows:
        speech, state = session.run(None, {"input": row[np.newaxis], "state": state, "sr": np.array(SAMPLE_RATE)})
        yield speech[0]


def exported(session: Session, rows: np.ndarray) -> Iterator[np.ndarray]:
    """One run per block; yields its probabilities."""
    hidden, cell = np.zeros((2, 1, 1, HIDDEN), np.float32)
    names = ["speech", "next_state_h", "next_state_c"]
    for first in range(0, len(rows), BLOCK):
        fed = {"samples": rows[first : first + BLOCK], "state_h": hidden, "state_c": cell}
        speech, hidden, cell = session.run(names, fed)
        yield speech


def timed(runs: Iterator[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Results of all runs, and the seconds of each."""
    found, taken = [], []
    started = time.perf_counter()
    for speech in runs:
        ended = time.perf_counter()
        taken.append(ended - started)
        found.append(speech)
        started = time.perf_counter()
    return np.concatenate(found), np.array(taken)

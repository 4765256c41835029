"""Measures whether running several records at once pays: the time per record of the student and of a BLIP vision encoder.

    python scripts/dev.py measure_batches [--threads 2] [--runs 60]

The batch sizes take turns; the table has medians, and their ratio to a batch of one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from edgefuse_tools import ROOT
from edgefuse_tools.ort_session import Session, open_session

GRAPHS = (
    ("student", ROOT / "onnx/student/student.onnx"),
    ("blip-easyvqa, vision", ROOT / "onnx/blip-easyvqa/vision.onnx"),
)
BATCHES = (1, 2, 4, 8, 16)
# For axes that the graph leaves open, apart from the batch: a question, and three seconds of sound.
LENGTHS = {"tokens": 8, "frames": 300}


def feeds(session: Session, batch: int) -> dict[str, np.ndarray]:
    """Random inputs."""
    generator = np.random.default_rng(0)
    given = {}
    for it in session.get_inputs():
        shape = [batch if size == "batch" else LENGTHS.get(size, size) for size in it.shape]
        is_float = it.type == "tensor(float)"
        given[it.name] = generator.standard_normal(shape, dtype=np.float32) if is_float else np.ones(shape, np.int64)
    return given


def measure(graph: Path, threads: int, runs: int) -> dict[int, float]:
    """Milliseconds per record by batch size."""
    session = open_session(graph, threads=threads)
    inputs = {batch: feeds(session, batch) for batch in BATCHES}
    for given in inputs.values():
        session.run(None, given)
    times: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    for _ in range(runs):
        for batch, given in inputs.items():
            start = time.perf_counter()
            session.run(None, given)
            times[batch].append((time.perf_counter() - start) / batch * 1e3)
    return {batch: statistics.median(taken) for batch, taken in times.items()}


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=60)
    arguments = parser.parse_args()
    print("| graph | records at once | per record | ratio |\n|---|---|---|---|")
    for name, graph in GRAPHS:
        found = measure(graph, arguments.threads, arguments.runs)
        for batch, taken in found.items():
            print(f"| {name} | {batch} | {taken:.2f} ms | {taken / found[1]:.2f} |")


if __name__ == "__main__":
    main()

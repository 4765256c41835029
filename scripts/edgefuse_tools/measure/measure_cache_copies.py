"""Measures what ONNX Runtime's attention spends on copying its cache: the most that binding past and present to one buffer
could save.

    python scripts/dev.py measure_cache_copies [--threads 2] [--runs 2000]

Runs one MultiHeadAttention node of a decoder step twice: with a cache, which it copies into a longer one, and with keys and
values that are already together. The difference of the medians, times the layers, is the cost of copying in each step. The
two take turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, helper

from edgefuse_tools.ort_session import Session, open_session

HEAD_SIZE = 64
PASTS = (20, 100, 220)


@dataclass(frozen=True)
class Decoder:
    """The size of a decoder."""

    name: str
    heads: int
    layers: int


DECODERS = (Decoder("Whisper tiny", 6, 4), Decoder("Whisper base", 8, 6), Decoder("Whisper small, BLIP base", 12, 12))


def attention(heads: int, past: int, *, copies: bool) -> ModelProto:
    """A graph of one node, for one new token after `past` tokens."""

    def tensor(name: str, shape: list[int]) -> ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    row, cache = [1, 1, heads * HEAD_SIZE], [1, heads, past, HEAD_SIZE]
    longer = [1, heads, past + 1, HEAD_SIZE]
    inputs, outputs, names = [tensor("query", row)], [tensor("output", row)], ["query", "key", "value"]
    if copies:
        inputs += [tensor("key", row), tensor("value", row), tensor("past_key", cache), tensor("past_value", cache)]
        outputs += [tensor("present_key", longer), tensor("present_value", longer)]
        names += ["", "", "", "past_key", "past_value"]
    else:
        inputs += [tensor("key", longer), tensor("value", longer)]
    results = ["output", "present_key", "present_value"][: 3 if copies else 1]
    node = helper.make_node("MultiHeadAttention", names, results, domain="com.microsoft", num_heads=heads)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(helper.make_graph([node], "step", inputs, outputs), opset_imports=opsets, ir_version=8)


def feeds(session: Session) -> dict[str, np.ndarray]:
    """Random inputs."""
    generator = np.random.default_rng(0)
    return {it.name: generator.standard_normal(it.shape, dtype=np.float32) for it in session.get_inputs()}


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=2000)
    arguments = parser.parse_args()
    print("| decoder | tokens in the cache | copying per step |\n|---|---|---|")
    for decoder in DECODERS:
        for past in PASTS:
            graphs = [attention(decoder.heads, past, copies=copies).SerializeToString() for copies in (True, False)]
            sessions = [open_session(graph, threads=arguments.threads) for graph in graphs]
            inputs = [feeds(session) for session in sessions]
            seconds: list[list[float]] = [[], []]
            for _ in range(arguments.runs):
                for session, given, times in zip(sessions, inputs, seconds):
                    start = time.perf_counter()
                    session.run(["output"], given)
                    times.append(time.perf_counter() - start)
            copying = (statistics.median(seconds[0]) - statistics.median(seconds[1])) * decoder.layers
            print(f"| {decoder.name} | {past} | {copying * 1e3:.2f} ms |")


if __name__ == "__main__":
    main()

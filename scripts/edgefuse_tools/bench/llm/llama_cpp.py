"""Runs llama.cpp in a process of its own, and prints what it measured as JSON.

    python -m edgefuse_tools.bench.llm.llama_cpp FILE.gguf IDS.json --threads 2 --tokens 128 [--logits FILE.npy]

IDS.json is a list of token ids. With --logits, they are fed one by one instead, and the logits after each are written.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from llama_cpp import Llama


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("ids", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--logits", type=Path)
    args = parser.parse_args()
    ids: list[int] = json.loads(args.ids.read_text())
    before = peak_bytes()
    started = time.perf_counter()
    model = Llama(
        str(args.model), n_ctx=2048, n_threads=args.threads, n_threads_batch=args.threads, verbose=False, n_batch=512
    )
    model.eval(ids[:8])
    int(logits(model).argmax())
    cold = time.perf_counter() - started
    if args.logits:
        np.save(args.logits, every_position(model, ids))
        return 0
    model.reset()
    started = time.perf_counter()
    model.eval(ids)
    token = int(logits(model).argmax())
    prefill = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(args.tokens):
        model.eval([token])
        token = int(logits(model).argmax())
    decode = time.perf_counter() - started
    figures = {
        "prompt_tokens": len(ids),
        "prefill": len(ids) / prefill,
        "decode": args.tokens / decode,
        "cold_s": cold,
        "peak_bytes": peak_bytes() - before,
    }
    print(json.dumps(figures))
    return 0


def logits(model: Any) -> Any:
    """Logits after the last token that was fed."""
    return np.ctypeslib.as_array(model._ctx.get_logits(), shape=(model.n_vocab(),))


def every_position(model: Any, ids: list[int]) -> Any:
    """Logits after each of `ids`, [len(ids), vocab]."""
    model.reset()
    rows = []
    for token in ids:
        model.eval([token])
        rows.append(logits(model).copy())
    return np.stack(rows)


def peak_bytes() -> int:
    """Peak of resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())

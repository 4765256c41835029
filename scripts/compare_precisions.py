"""Compares the precisions of an exported Whisper folder with its fp32 on speech; prints a table as JSON.

    python scripts/compare_precisions.py onnx/whisper-tiny.en tests/data/librivox-*.wav

Needs scripts/requirements/test.txt. One line a precision, each measured in a process of its own:

- logit_difference: the largest, when both are fed what fp32 decodes greedily (plain argmax, no rules);
- tokens_agreeing: the share of positions where both then choose the same token; clips_identical: where all are;
- encoder_ms for 30 s of sound, step_ms for one token behind 10 and behind 200: the least of several runs; wall clock, or of
  one thread its processor time, which other work on the machine disturbs less;
- load_ms: of the encoder's and the decoder's sessions, the files being in the page cache;
- peak_mb: what the process's resident memory grew by at most (VmHWM), from before loading to after the decoding;
- disk_mb: the encoder's and the decoder's files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from parity.whisper_onnx import OnnxWhisper, Tensors
from student.log_mel import SAMPLE_RATE, log_mel

WINDOW_SECONDS = 30
MOST_TOKENS = 100
MEBIBYTE = 1 << 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="the model folder")
    parser.add_argument("audio", type=Path, nargs="+", help="16-bit mono wav at 16 kHz; the first 30 s are used")
    parser.add_argument("--precision", nargs="+", help="besides fp32 (default: all of the folder)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=10, help="runs for each time (default: 10)")
    parser.add_argument("--measure", nargs=2, metavar=("PRECISION", "FILE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measure(args.model, args.audio, args.measure[0], Path(args.measure[1]), args.threads, args.repeat)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        found = Path(scratch, "logits.npz")
        available = OnnxWhisper(args.model, roles=()).description["graphs"]["decoder"]["files"]
        for precision in ["fp32", *(name for name in args.precision or available if name != "fp32")]:
            command = [sys.executable, __file__, str(args.model), *map(str, args.audio)]
            command += ["--measure", precision, str(found), "--threads", str(args.threads)]
            subprocess.run([*command, "--repeat", str(args.repeat)], check=True)
    return 0


def measure(folder: Path, audio: list[Path], precision: str, found: Path, threads: int, repeat: int) -> None:
    """Prints the line of one precision. fp32 leaves its logits in `found`, the others compare theirs with them."""
    mels = [spectrum(path) for path in audio]
    before = memory("VmRSS")
    start = time.perf_counter()
    model = OnnxWhisper(folder, threads, precision, ("encoder", "decoder"))
    load = time.perf_counter() - start
    if precision == "fp32":
        logits = [decode(model, mel, None) for mel in mels]
        np.savez(found, *logits)
    expected = list(np.load(found).values())
    if precision != "fp32":
        logits = [decode(model, mel, wanted.argmax(1)) for mel, wanted in zip(mels, expected)]
    peak = memory("VmHWM") - before
    same = [found.argmax(1) == wanted.argmax(1) for found, wanted in zip(logits, expected)]
    clock = time.thread_time if threads == 1 else time.perf_counter
    encoder, steps = times(model, mels[0], repeat, clock)
    report = {
        "model": folder.name,
        "precision": precision,
        "logit_difference": max(float(np.abs(found - wanted).max()) for found, wanted in zip(logits, expected)),
        "tokens_agreeing": float(np.concatenate(same).mean()),
        "clips_identical": f"{sum(clip.all() for clip in same)} of {len(same)}",
        "encoder_ms": encoder,
        "step_ms": steps,
        "load_ms": load * 1000,
        "peak_mb": peak / MEBIBYTE,
        "disk_mb": size(model.description, precision) / MEBIBYTE,
        "threads": threads,
        "onnxruntime": onnxruntime.__version__,
    }
    print(json.dumps(report, default=float), flush=True)


def decode(model: OnnxWhisper, mel: np.ndarray, tokens: np.ndarray | None) -> np.ndarray:
    """The logits [positions, vocab] of greedy decoding, or when it is fed `tokens` instead of what it chooses."""
    end = model.description["tokens"]["end_of_text"]
    cross = model.encode(mel)
    logits, past = model.decode(np.array([prompt(model.description)]), cross, model.start(1))
    rows = [logits[0]]
    while len(rows) < (MOST_TOKENS if tokens is None else len(tokens)):
        token = int(rows[-1].argmax()) if tokens is None else int(tokens[len(rows) - 1])
        if token == end:
            break
        logits, past = model.decode(np.array([[token]]), cross, past)
        rows.append(logits[0])
    return np.array(rows)


def prompt(description: dict[str, Any]) -> list[int]:
    """What precedes the transcript: English, without timestamps."""
    tokens = description["tokens"]
    language = [tokens["languages"]["en"], tokens["transcribe"]] if description["multilingual"] else []
    return [tokens["start_of_transcript"], *language, tokens["no_timestamps"]]


def times(
    model: OnnxWhisper, mel: np.ndarray, repeat: int, clock: Callable[[], float]
) -> tuple[float, dict[str, float]]:
    """Milliseconds of the encoder, and of a step by the length of its past."""
    cross = model.encode(mel)
    steps = {}
    for past in (10, 200):
        cache = {
            name: np.zeros((1, tensor.shape[1], past, tensor.shape[3]), np.float32)
            for name, tensor in model.start(1).items()
        }
        steps[str(past)] = least(lambda cache=cache: step(model, cross, cache), 5 * repeat, clock)
    return least(lambda: model.encode(mel), repeat, clock), steps


def step(model: OnnxWhisper, cross: Tensors, cache: Tensors) -> None:
    model.decode(np.array([[100]]), cross, cache)


def least(run: Callable[[], object], repeat: int, clock: Callable[[], float]) -> float:
    """Milliseconds of the fastest of several runs."""
    run()
    found = []
    for _ in range(repeat):
        start = clock()
        run()
        found.append(clock() - start)
    return 1000 * min(found)


def spectrum(path: Path) -> np.ndarray:
    """Log-mel of the first 30 s, silence behind: [1, 80, 3000]."""
    with wave.open(str(path)) as stream:
        if (stream.getframerate(), stream.getnchannels(), stream.getsampwidth()) != (SAMPLE_RATE, 1, 2):
            raise SystemExit(f"{path}: wanted 16-bit mono at {SAMPLE_RATE} Hz")
        samples = np.frombuffer(stream.readframes(WINDOW_SECONDS * SAMPLE_RATE), "<i2") / np.float32(32768)
    return log_mel(np.pad(samples, (0, WINDOW_SECONDS * SAMPLE_RATE - len(samples))))[None]


def size(description: dict[str, Any], precision: str) -> int:
    """Bytes of the encoder's and the decoder's files."""
    names = [description["graphs"][role]["files"][precision] for role in ("encoder", "decoder")]
    files = description["files"]
    return sum(files[name]["bytes"] + files[f"{name}.data"]["bytes"] for name in names)


def memory(key: str) -> int:
    """Bytes of this process, from the kernel: `VmRSS`, resident now; `VmHWM`, resident at most."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


if __name__ == "__main__":
    sys.exit(main())

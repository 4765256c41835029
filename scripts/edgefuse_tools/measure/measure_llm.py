"""Measures the language model of a device file through the program: prefill, decode, cold start and memory; prints JSON.

    python scripts/dev.py measure_llm --repeats 5

Each repetition is a fresh process that answers a prompt of some hundred tokens with 128 tokens. Needs only the set-up and
a release build. `cold_first_token_s` is the time from the start of the process to the first token of a short prompt, with the
files in the page cache. Best and median of all repetitions: other load on the machine slows single ones down.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from edgefuse_tools import ROOT
from edgefuse_tools.parity.novel import TEXT

LONG = TEXT[:1900]
SHORT = "What is the capital of France?"
TOKENS = 128


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/edgefuse")
    parser.add_argument("--config", type=Path, default=ROOT / "configs/cpu.yaml", help="device file")
    parser.add_argument("--model", help="another model, as --model of edgefuse")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    command = [str(args.binary), "--quiet", "--format", "json", "--config", str(args.config)]
    command += ["--model", args.model] if args.model else []
    long = [run([*command, "chat", "--max-tokens", str(TOKENS), LONG]) for _ in range(args.repeats)]
    short = [run([*command, "chat", "--max-tokens", "1", SHORT]) for _ in range(args.repeats)]
    if None in long or None in short:
        return 1
    answers = [answer for answer in long if answer is not None]
    prefill = [answer["prompt_tokens"] / answer["first_token_ms"] * 1000 for answer in answers]
    decode = [answer["tokens_per_second"] for answer in answers]
    cold = [answer["wall"] for answer in short if answer is not None]
    report = {
        "prompt_tokens": answers[0]["prompt_tokens"],
        "tokens": answers[0]["tokens"],
        "prefill_tokens_per_second": {"best": round(max(prefill), 1), "median": round(median(prefill), 1)},
        "decode_tokens_per_second": {"best": max(decode), "median": round(median(decode), 1)},
        "cold_first_token_s": {"best": round(min(cold), 3), "median": round(median(cold), 3)},
        "peak_resident_mib": round(max(answer["peak"] for answer in answers) / 2**20, 1),
        "load_1min": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(report))
    return 0


def run(command: list[str]) -> dict[str, Any] | None:
    """The answer as edgefuse prints it, with the wall time in seconds and the peak of resident memory in bytes."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        print(f"{' '.join(command[:1])}: failed", file=sys.stderr)
        return None
    answer: dict[str, Any] = json.loads(output)
    return answer | {"wall": time.monotonic() - started, "peak": usage.ru_maxrss * 1024}

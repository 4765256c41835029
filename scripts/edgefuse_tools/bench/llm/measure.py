"""Measures the language model of configs/cpu.yaml beside llama.cpp: the same GGUF file, prompt and threads, interleaved."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from edgefuse_tools.bench import machine, paths
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.llm import clients
from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.measure.measure_llm import SHORT, run
from edgefuse_tools.parity.llm_divergence import compared, export
from edgefuse_tools.parity.llm_onnx import OnnxLlm
from edgefuse_tools.parity.novel import TEXT

GGUF = paths.CHECKPOINTS / "smollm2-135m-instruct" / "SmolLM2-135M-Instruct.Q4_1.gguf"
FOLDER = paths.MODELS / "smollm2-135m-instruct"
TOKENS = 128
PROMPT_TOKENS = 512
COUNTS = (1, 8)


def section(binary: Path, threads: int, rounds: int) -> dict[str, Any]:
    """All measurements."""
    for needed in (GGUF, FOLDER / "model.yaml", binary):
        if not needed.exists():
            raise BenchError(f"{paths.shown(needed)} is missing; run scripts/setup.sh and cargo build --release")
    described = machine.describe(threads)
    machine.warn_if_busy(described)
    ids = Tokenizer.from_file(str(FOLDER / "tokenizer.json")).encode(TEXT).ids
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        measured: dict[str, list[dict[str, Any]]] = {"edgefuse": [], "llama.cpp": []}
        for _ in range(rounds):
            measured["edgefuse"].append(_edgefuse(binary, threads))
            measured["llama.cpp"].append(_llama_cpp(work, ids[:PROMPT_TOKENS], threads))
        engines: dict[str, dict[str, Any]] = {
            name: {key: median(figures[key] for figures in all_figures) for key in all_figures[0]}
            for name, all_figures in measured.items()
        }
        for name, figures in _divergences(work, ids, threads).items():
            engines[name].update(figures)
    together = {str(count): clients.tokens_per_second(binary, threads, count, TOKENS) for count in COUNTS}
    return {
        **machine.origin(binary, ["llama-cpp-python", "onnxruntime"], described),
        "rounds": rounds,
        "engines": engines,
        "clients": together,
        "weights_bytes": GGUF.stat().st_size,
    }


def _edgefuse(binary: Path, threads: int) -> dict[str, Any]:
    """One fresh process for the long prompt, and one for the first token of a short one."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=paths.ROOT / "configs", delete=True) as device:
        device.write(f"device: bench\nextends: cpu.yaml\nruntime: {{threads: {{intra: {threads}}}}}\n")
        device.flush()
        command = [str(binary), "--quiet", "--format", "json", "--config", device.name, "chat", "--max-tokens"]
        # The chat template adds a few tokens, which are part of the count.
        long, short = run([*command, str(TOKENS), _prompt()]), run([*command, "1", SHORT])
    if long is None or short is None:
        raise BenchError("edgefuse failed")
    return {
        "prompt_tokens": long["prompt_tokens"],
        "prefill": long["prompt_tokens"] / long["first_token_ms"] * 1000,
        "decode": long["tokens_per_second"],
        "cold_s": short["wall"],
        "peak_bytes": long["peak"],
    }


def _prompt() -> str:
    """The beginning of the novel with about as many tokens."""
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    text: str = tokenizer.decode(tokenizer.encode(TEXT).ids[: PROMPT_TOKENS - 32])
    return text


def _llama_cpp(work: Path, ids: list[int], threads: int, *options: str) -> dict[str, Any]:
    (work / "ids.json").write_text(json.dumps(ids))
    command = [sys.executable, "-m", "edgefuse_tools.bench.llm.llama_cpp", str(GGUF), str(work / "ids.json")]
    command += ["--threads", str(threads), "--tokens", str(TOKENS), *options]
    done = subprocess.run(command, env=machine.environment(threads), stdout=subprocess.PIPE, check=False)
    if done.returncode < 0:
        raise BenchError(f"llama.cpp ended by signal {-done.returncode} ({signal.strsignal(-done.returncode)})")
    if done.returncode != 0:
        raise BenchError("llama.cpp failed")
    figures: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    return figures


def _divergences(work: Path, ids: list[int], threads: int) -> dict[str, dict[str, Any]]:
    """Perplexity and divergence from the same weights in fp32, whose logits equal those of transformers (verify_llm)."""
    exact = OnnxLlm(export(GGUF, work / "fp32", Dialect.ORT, [Precision.FP32]), threads=threads)
    expected = exact.every_position(ids)
    _llama_cpp(work, ids, threads, "--logits", str(work / "logits.npy"))
    logits: dict[str, Callable[[], Any]] = {
        "edgefuse": lambda: OnnxLlm(FOLDER, "q4", threads).every_position(ids),
        "llama.cpp": lambda: np.load(work / "logits.npy"),
    }
    return {name: compared(made(), expected, ids) for name, made in logits.items()}

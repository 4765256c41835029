"""docs/benchmarks/llm.md."""

from __future__ import annotations

from typing import Any


def table(found: dict[str, Any]) -> str:
    """Both engines side by side, with the ratio of each figure: above 1, edgefuse is better."""
    ours, theirs = found["engines"]["edgefuse"], found["engines"]["llama.cpp"]
    rows = [
        ("prefill, tokens per second", "prefill", 1.0, 1),
        ("decode, tokens per second", "decode", 1.0, 1),
        ("cold start to the first token, s", "cold_s", 1.0, -1),
        ("peak memory, MB", "peak_bytes", 1e-6, -1),
        ("divergence (KL) from fp32", "kl", 1.0, -1),
        ("perplexity", "perplexity", 1.0, 0),
    ]
    lines = ["| | edgefuse | llama.cpp | ratio |", "| --- | ---: | ---: | ---: |"]
    for title, key, scale, better in rows:
        a, b = ours[key] * scale, theirs[key] * scale
        digits = 4 if key == "kl" else 2 if key in ("cold_s", "perplexity") else 0
        ratio = "" if better == 0 or not a or not b else f"{(a / b) ** better:.2f}"
        lines.append(f"| {title} | {a:.{digits}f} | {b:.{digits}f} | {ratio} |")
    return "\n".join(lines)


def page(found: dict[str, Any]) -> str:
    described, together = found["machine"], found["clients"]
    counts = "\n".join(f"| {count} | {rate:.0f} |" for count, rate in together.items())
    llama = found["versions"]["llama-cpp-python"]
    return f"""# Language model: comparison with llama.cpp

Written by `python scripts/bench.py llm`; every figure is in [llm.json](llm.json). SmolLM2-135M-Instruct from one GGUF file (Q4_1),
{described["threads"]} threads, a prompt of {found["engines"]["llama.cpp"]["prompt_tokens"]:.0f} tokens ({found["engines"]["edgefuse"]["prompt_tokens"]:.0f} with the chat template for edgefuse), then 128 tokens,
decoded greedily. Medians of {found["rounds"]} rounds, each engine in turn in a fresh process. llama.cpp: llama-cpp-python {llama}, built on this
machine for its processor, without AMX; its cold start and memory exclude starting Python, edgefuse's include everything.

{table(found)}

## Several clients of `edgefuse serve`

| concurrent clients | tokens per second, total |
| ---: | ---: |
{counts}

{described["cpu"]} ({", ".join(described["flags"])}), {described["threads"]} threads, load average {described["load_average"]};
commit {found["commit"]}, {found["date"]}.
"""

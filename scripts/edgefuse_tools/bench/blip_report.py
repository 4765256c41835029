"""BLIP results as Markdown: the page in docs/benchmarks, and the table in README.md."""

from __future__ import annotations

from typing import Any

from edgefuse_tools.bench import page as pages
from edgefuse_tools.bench.blip_variants import BEAM, CAPTION, TITLES, TOKENS, WORKLOADS

BEGIN, END = "<!-- benchmark:blip -->", "<!-- /benchmark:blip -->"
EMPTY = "No figures yet: run `scripts/bench.py blip`."
HEADER = ["engine", *TITLES.values(), "memory, caption"]
_NOTHING = "–"


def table(section: dict[str, Any]) -> str:
    """One row per variant. A peer's time is followed by its ratio to edgefuse's."""
    lines = [" | ".join(HEADER), " | ".join(["---", *["---:"] * (len(HEADER) - 1)])]
    for name, measured in section["engines"].items():
        memory = f"{measured[CAPTION]['peak_bytes'] / 1e6:.0f} MB" if CAPTION in measured else _NOTHING
        lines.append(" | ".join([name, *(_time(section, name, workload) for workload in WORKLOADS), memory]))
    return "\n".join(f"| {line} |" for line in lines)


def page(results: dict[str, Any]) -> str:
    """docs/benchmarks/blip.md."""
    return pages.page(results, "BLIP", _PREAMBLE, "blip.svg", table)


def readme_section(results: dict[str, Any]) -> str:
    """The text between the markers in README.md."""
    return pages.readme_section(results, "BLIP", "blip.svg", table, EMPTY)


def _time(section: dict[str, Any], name: str, workload: str) -> str:
    measured = section["engines"][name].get(workload)
    if measured is None:
        return _NOTHING
    text = f"{measured['median']:.2f} s"
    ratio = section["ratios"].get(workload, {}).get(name, {}).get(section["headline"])
    return text if ratio is None else f"{text} ({ratio:.1f}×)"


_PREAMBLE = f"""\
Written by `python scripts/bench.py blip`; every figure, with every single time, is in [blip.json](blip.json). The model is
BLIP base at 384 pixels with seeded random weights, the same for all engines: times do not depend on the values, and the end token
is suppressed in the weights, so that every engine writes the same number of tokens ({TOKENS[CAPTION]}; {BEAM} beams where stated).
All engines use the same picture and number of threads and take turns; times are medians after one warm-up run.

- Peers receive the picture in memory, and their time includes preprocessing; edgefuse receives the file and reports its own `ms`.
- **vision encoder**: edgefuse has no command for it alone; its time is that of a one-token caption.
- **candle** is a program around candle-transformers' BLIP (`scripts/edgefuse_tools/bench/candle_blip`), which captions greedily; its time excludes
  preprocessing.
- **onnxruntime** runs edgefuse's graphs from a plain Python loop without beam search.
- **memory**: the peak of the process that wrote the greedy caption; for peers it includes the Python interpreter.

In brackets: the ratio to edgefuse's time, of the variant in the first row.
"""

"""The results of BLIP as Markdown: the page in docs/benchmarks, and the table in README.md."""

from __future__ import annotations

from typing import Any

from bench import page as pages
from bench.blip_variants import BEAM, CAPTION, TITLES, TOKENS, WORKLOADS

BEGIN, END = "<!-- benchmark:blip -->", "<!-- /benchmark:blip -->"
EMPTY = "No figures yet: run `scripts/bench_peers.py blip`."
HEADER = ["engine", *TITLES.values(), "memory, caption"]
_NOTHING = "–"


def table(section: dict[str, Any]) -> str:
    """A row a variant. Behind a peer's time stands how many times edgefuse's it is."""
    lines = [" | ".join(HEADER), " | ".join(["---", *["---:"] * (len(HEADER) - 1)])]
    for name, measured in section["engines"].items():
        memory = f"{measured[CAPTION]['peak_bytes'] / 1e6:.0f} MB" if CAPTION in measured else _NOTHING
        lines.append(" | ".join([name, *(_time(section, name, workload) for workload in WORKLOADS), memory]))
    return "\n".join(f"| {line} |" for line in lines)


def page(results: dict[str, Any]) -> str:
    """docs/benchmarks/blip.md."""
    return pages.page(results, "BLIP", _PREAMBLE, "blip.svg", table)


def readme_section(results: dict[str, Any]) -> str:
    """What stands between the markers in README.md."""
    return pages.readme_section(results, "BLIP", "blip.svg", table, EMPTY)


def _time(section: dict[str, Any], name: str, workload: str) -> str:
    measured = section["engines"][name].get(workload)
    if measured is None:
        return _NOTHING
    text = f"{measured['median']:.2f} s"
    ratio = section["ratios"].get(workload, {}).get(name, {}).get(section["headline"])
    return text if ratio is None else f"{text} ({ratio:.1f}×)"


_PREAMBLE = f"""\
Written by `python scripts/bench_peers.py blip`; every figure, with every single time, is in [blip.json](blip.json). The model is
BLIP base at 384 pixels with seeded random weights, the same for all engines: times do not depend on the values, and the end token
is suppressed in the weights, so that everybody writes the same number of tokens ({TOKENS[CAPTION]}; {BEAM} beams where it says so).
All have the same picture and number of threads and take turns; the median after one that does not count.

- Peers are given the picture in memory, and preparing it is in their time; edgefuse is given the file and its own `ms` is taken.
- **vision encoder**: edgefuse has no command for it alone; its time is that of a caption of one token.
- **candle** is a program around candle-transformers' BLIP (`scripts/bench/candle_blip`), which captions greedily; preparing the picture is
  not in its time.
- **onnxruntime** is edgefuse's graphs with a plain loop in Python, which has no beam search.
- **memory**: the most that the process of the greedy caption held; peers' contains Python's own.

In brackets: how many times edgefuse's time that is, of the variant at the top.
"""

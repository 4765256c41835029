"""Whisper results as Markdown: the page in docs/benchmarks, and the table in README.md."""

from __future__ import annotations

from typing import Any

from edgefuse_tools.bench import page as pages
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.variants import BEAM, CLIP, COLD, LONG, WER

BEGIN, END = "<!-- benchmark:whisper -->", "<!-- /benchmark:whisper -->"
EMPTY = "No figures yet: run `scripts/bench.py whisper`."
HEADER = ["engine", "clip", "long", "cold", "memory, clip", "memory, long", "word errors, greedy", f"{BEAM} beams"]
_NOTHING = "–"


def table(section: dict[str, Any]) -> str:
    """One row per variant. A peer's time is followed by its ratio to edgefuse's."""
    lines = [" | ".join(HEADER), " | ".join(["---", *["---:"] * (len(HEADER) - 1)])]
    for name, measured in section["engines"].items():
        cells = [name, *(_time(section, name, workload) for workload in (CLIP, LONG, COLD))]
        # The process that ran the clip cold contains only the engine.
        cells += [_memory(measured, COLD), _memory(measured, LONG)]
        cells += [_rate(measured, "greedy"), _rate(measured, f"beam {BEAM}")]
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)


def headline(section: dict[str, Any], name: str, workload: str) -> str | None:
    """The variant that `name` is compared with: edgefuse in its shipped precision, batched if `name` is."""
    ours = section["headline"]
    if workload == LONG and "batch" in name and ours["batched"] in section["engines"]:
        return str(ours["batched"])
    return str(ours["sequential"])


def page(results: dict[str, Any]) -> str:
    """docs/benchmarks/whisper.md."""
    return pages.page(results, "Whisper", _PREAMBLE, "whisper.svg", table)


def readme_section(results: dict[str, Any]) -> str:
    """The text between the markers in README.md."""
    return pages.readme_section(results, "Whisper", "whisper.svg", table, EMPTY)


def replace_section(readme: str, section: str, begin: str = BEGIN, end: str = END) -> str:
    """`readme` with `section` between the markers."""
    if readme.count(begin) != 1 or readme.count(end) != 1 or readme.index(begin) > readme.index(end):
        raise BenchError(f"README.md: expected {begin} once, and {end} after it")
    before, rest = readme.split(begin)
    return f"{before}{begin}\n{section}\n{end}{rest.split(end)[1]}"


def _time(section: dict[str, Any], name: str, workload: str) -> str:
    measured = section["engines"][name].get(workload)
    if measured is None:
        return _NOTHING
    text = f"{measured['median']:.2f} s"
    ratio = section["ratios"].get(workload, {}).get(name, {}).get(headline(section, name, workload))
    return text if ratio is None else f"{text} ({ratio:.1f}×)"


def _memory(measured: dict[str, Any], workload: str) -> str:
    return f"{measured[workload]['peak_bytes'] / 1e6:.0f} MB" if workload in measured else _NOTHING


def _rate(measured: dict[str, Any], decoding: str) -> str:
    found = measured.get(WER, {}).get(decoding)
    return f"{100 * found['rate']:.1f} %" if found else _NOTHING


_PREAMBLE = """\
Written by `python scripts/bench.py whisper`; every figure, with every single time, is in [whisper.json](whisper.json).
All engines use the same weights, the same recordings and the same number of threads, and take turns. The language is set to
English, not detected; timestamps are on; conditioning on earlier text is off; temperature fallback follows each engine's default
(with `"fallback": false` in the results, temperature is 0 for all).

- **clip**: 11 s, greedy, in a process that has already transcribed once; the median. Peers receive samples in memory and their
  call is timed; edgefuse receives the file and reports its own `ms`. sherpa-onnx has no timestamps here, and it shortens the
  encoder's context to the recording and some silence, as edgefuse does with "auto context".
- **long**: 690 s of speech, greedy, one window after another or in batches.
- **cold**: from the start of the process to the transcript of the clip. edgefuse is a program; the others are libraries, called
  from a minimal Python program (`scripts/edgefuse_tools/bench/cold.py`), imports included.
- **memory**: the peak of the process, in `cold` (clip) and in `long`. For peers it includes the Python interpreter.
- **word errors**: over LibriVox, cards and JFK, after Whisper's own text normalisation.

In brackets: the ratio to edgefuse's time, of the variant in the first row, and for batched peers of batched edgefuse.
"""

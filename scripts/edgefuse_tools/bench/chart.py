"""The times as an SVG bar chart, in colours that are legible on light and dark backgrounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from edgefuse_tools.bench.variants import CLIP, COLD, EDGEFUSE, LONG

WIDTH, LEFT, RIGHT, BAR, GAP, TITLE = 760, 230, 90, 16, 6, 34
TEXT, OURS, THEIRS = "#7d8590", "#2f81f7", "#8b949e"
TITLES = {CLIP: "11 s clip, in process", LONG: "690 s of speech", COLD: "cold start to transcript of 11 s"}


def chart(models: dict[str, dict[str, Any]], titles: Mapping[str, str] = TITLES) -> str:
    """A group of bars for every model and each workload that has a title; shorter is faster."""
    y, parts = 8, []
    for model, section in models.items():
        for workload, title in titles.items():
            times = {
                name: measured[workload]["median"]
                for name, measured in section["engines"].items()
                if workload in measured
            }
            if not times:
                continue
            parts.append(f'<text x="8" y="{y + 18}" font-weight="bold">{escape(f"{model}: {title}")}</text>')
            y += TITLE
            longest = max(times.values()) or 1.0
            for name, seconds in times.items():
                parts.append(_bar(name, seconds, seconds / longest, y))
                y += BAR + GAP
            y += GAP
    style = f'font-family="system-ui, sans-serif" font-size="13" fill="{TEXT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" role="img" '
        f'aria-label="Times in seconds; shorter is faster"><g {style}>\n' + "\n".join(parts) + "\n</g></svg>\n"
    )


def _bar(name: str, seconds: float, share: float, y: int) -> str:
    length = max(1.0, share * (WIDTH - LEFT - RIGHT))
    colour = OURS if name.startswith(EDGEFUSE) else THEIRS
    base = y + BAR - 4
    return (
        f'<text x="{LEFT - 8}" y="{base}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>'
        f'<text x="{LEFT + length + 6:.1f}" y="{base}">{seconds:.2f} s</text>'
    )

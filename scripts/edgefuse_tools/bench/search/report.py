"""The results of the search benchmark as a page."""

from __future__ import annotations

from typing import Any


def table(found: dict[str, Any]) -> str:
    """One row for each program and number of vectors."""
    lines = [
        "| vectors | program | median ms | p95 ms | first ms | recall@10 | index s | MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for count, programs in found["counts"].items():
        for name, it in programs.items():
            cells = [
                f"{int(count):,}",
                name,
                f"{it['median_ms']:.2f}",
                f"{it['p95_ms']:.2f}",
                f"{it['first_ms']:.2f}",
                f"{it['recall_at_10']:.4f}",
                f"{it['index_seconds']:.1f}",
                f"{it['bytes'] / 1e6:.0f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def page(found: dict[str, Any]) -> str:
    """docs/benchmarks/search.md"""
    machine = found["machine"]
    return f"""# Search

Written by `scripts/bench.py search`: {found["queries"]} queries, one at a time, over random directions of
{found["dimensions"]} numbers, the worst case for approximate search. {machine["cpu"]}, {machine["threads"]} threads
(sqlite-vec: one); load average {machine["load_average"]} at the start.

{table(found)}

`first ms` is the first query, which reads the files; the other columns leave it out. edgefuse opens the index for every
query, as its service does. usearch searches a graph (HNSW) of 16-bit floats in memory with its own defaults; sqlite-vec
scans 32-bit floats.
"""

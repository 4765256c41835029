"""Compares two files of result lines: texts equal, numbers within a tolerance, times ignored.

scripts/dev.py compare_results HERE.jsonl THERE.jsonl --tolerance 1e-3
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

# Fields that differ between machines and runs.
TIMES = {"ms"}


def differences(
    here: Any, there: Any, tolerance: float, place: str = "result", seen: dict[str, float] | None = None
) -> list[str]:
    """Differences between the two; numbers may differ by `tolerance`, absolute or relative to the larger. The difference of
    each number is added to `seen`."""
    if isinstance(here, dict) and isinstance(there, dict):
        found = [] if here.keys() == there.keys() else [f"{place}: keys {sorted(here)} and {sorted(there)}"]
        for key in sorted(here.keys() & there.keys() - TIMES):
            found += differences(here[key], there[key], tolerance, f"{place}.{key}", seen)
        return found
    if isinstance(here, list) and isinstance(there, list):
        found = [] if len(here) == len(there) else [f"{place}: {len(here)} and {len(there)} entries"]
        for index, (ours, theirs) in enumerate(zip(here, there)):
            found += differences(ours, theirs, tolerance, f"{place}[{index}]", seen)
        return found
    if is_number(here) and is_number(there):
        difference = abs(here - there) / max(1.0, abs(here), abs(there))
        if seen is not None:
            seen[place] = difference
        equal = difference <= tolerance
    else:
        equal = type(here) is type(there) and here == there
    return [] if equal else [f"{place}: {here!r} and {there!r}"]


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("here", type=Path)
    parser.add_argument("there", type=Path)
    parser.add_argument("--tolerance", type=float, required=True)
    arguments = parser.parse_args()
    here, there = (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (arguments.here, arguments.there)
    )
    seen: dict[str, float] = {}
    found = differences(here, there, arguments.tolerance, seen=seen)
    if not here:
        found.append("no results")
    for difference in found[:20]:
        print(difference)
    if not found:
        place = max(seen, key=lambda place: seen[place], default="no number")
        print(f"largest difference: {seen.get(place, 0):.1e} ({place})")
    return 1 if found else 0

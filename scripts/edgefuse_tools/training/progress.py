"""Log of a run, with the remaining time, on stdout and in a file."""

from __future__ import annotations

import time
from pathlib import Path


class Log:
    """Prints lines with the time of day and appends them to a file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")

    def __call__(self, line: str) -> None:
        stamped = f"{time.strftime('%H:%M:%S')} {line}"
        print(stamped, flush=True)
        print(stamped, file=self._file, flush=True)


class Pace:
    """Measures the time per step since this process started."""

    def __init__(self, first: int, total: int) -> None:
        self._first, self._total = first, total
        self._started = time.monotonic()

    def describe(self, step: int) -> str:
        """``0.45 s per step, 20 min left``."""
        seconds = (time.monotonic() - self._started) / max(1, step - self._first)
        return f"{seconds:.2f} s per step, {seconds * (self._total - step) / 60:.0f} min left"

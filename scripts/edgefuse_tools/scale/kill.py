"""Kills workers at random: processes below this one that have loaded ONNX Runtime."""

from __future__ import annotations

import os
import random
import signal
import threading
from pathlib import Path
from types import TracebackType


class Killer:
    """Kills workers, ``times`` in all, while its block runs."""

    def __init__(self, times: int, *, every: tuple[float, float] = (0.3, 1.5), seed: int = 0) -> None:
        self.killed: list[int] = []
        self._times = times
        self._every = every
        self._choose = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while len(self.killed) < self._times and not self._stop.wait(self._choose.uniform(*self._every)):
            workers = [pid for pid in descendants(os.getpid()) if _has_onnxruntime(pid)]
            if workers:
                victim = self._choose.choice(workers)
                try:
                    os.kill(victim, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.killed.append(victim)


def descendants(parent: int) -> list[int]:
    """The processes that ``parent`` started, and those that they started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # After the name, which may contain anything: the state, then the parent.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, left = [], [parent]
    while left:
        below = children.get(left.pop(), [])
        found += below
        left += below
    return found


def _has_onnxruntime(pid: int) -> bool:
    try:
        return "libonnxruntime.so" in Path(f"/proc/{pid}/maps").read_text(errors="replace")
    except OSError:
        return False

"""Runs a command to completion and records its time, peak memory and output."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefuse_tools.bench.errors import BenchError


@dataclass(frozen=True)
class Finished:
    """Result of a command. `peak_bytes` is the kernel's ru_maxrss, which is never below the parent's memory at the
    fork: the parents here are small."""

    seconds: float
    peak_bytes: int
    code: int
    output: str
    complaint: str


def run(command: Sequence[str], environment: Mapping[str, str], cwd: Path, limit: float = 900.0) -> Finished:
    """Runs `command` for `limit` seconds at most."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaint:
        started = time.perf_counter()
        try:
            process = subprocess.Popen(
                command, env=environment, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=complaint
            )
        except OSError as error:
            raise BenchError(f"{command[0]}: {error.strerror}") from error
        try:
            usage = _wait(process, started + limit)
        except BaseException:
            process.kill()
            process.wait()
            raise
        seconds = time.perf_counter() - started
        if usage is None:
            process.kill()
            process.wait()
            raise BenchError(f"{command[0]}: not finished after {limit:.0f} s")
        output.seek(0)
        complaint.seek(0)
        texts = [stream.read().decode("utf-8", errors="replace") for stream in (output, complaint)]
    code, peak = usage
    return Finished(seconds, peak, code, *texts)


def _wait(process: subprocess.Popen[bytes], deadline: float) -> tuple[int, int] | None:
    """The exit code and the peak memory in bytes; None after the deadline."""
    # Waits in the kernel: polling would use the cores that are measured.
    waiter = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(waiter, select.POLLIN)
        if not poll.poll(max(0.0, deadline - time.perf_counter()) * 1000):
            return None
    finally:
        os.close(waiter)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss * 1024


def last_line(text: str) -> str:
    """The last line that is not empty."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")

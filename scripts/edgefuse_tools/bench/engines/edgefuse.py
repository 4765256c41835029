"""edgefuse through its command line. Its `ms` is the time in process, from the file to the result.

Further options:

    binary      the program
    device      the device file
    context     `auto`, `full` or `adaptive`, the encoder's context
    warm_up     recording that is transcribed first, in the same process, and not counted
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from edgefuse_tools.bench.engines.base import Transcript
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.process import Finished, last_line, run

# The same restrictions as for all engines. A build without one of these flags has no such feature to turn off.
PINNED: tuple[tuple[str, ...], ...] = (("--no-condition-on-previous-text",),)


def command(options: dict[str, Any], *audio: str, form: str = "text") -> list[str]:
    """The whole command line."""
    known = flags(options["binary"])
    pinned = list(PINNED)
    pinned += [] if options["fallback"] else [("--temperature", "0")]
    pinned += [] if options["batch"] > 1 else [("--no-vad",)]  # batches are cut by voice activity
    words = [options["binary"], "--config", options["device"], "--quiet", "--format", form, "transcribe"]
    words += ["--language", "en"]
    words += [word for flag in pinned if flag[0] in known for word in flag]
    chosen = {
        "--beams": str(options["beams"]),
        "--batch-size": str(options["batch"]),
        "--encoder-context": options["context"],
    }
    for flag, value in chosen.items():
        if value in ("1", "full") and flag not in known:
            continue
        if flag not in known:
            raise BenchError(f"edgefuse: unknown flag: {flag}")
        words += [flag, value]
    return [*words, *audio]


def flags(binary: str) -> set[str]:
    """Flags that this build's `transcribe` accepts."""
    done = run([binary, "transcribe", "--help"], os.environ, Path.cwd(), limit=20)
    return set(re.findall(r"^\s+(?:-\w, )?(--[a-z-]+)", done.output, re.MULTILINE))


class Edgefuse:
    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    def transcribe(self, audio: Path) -> Transcript:
        words = command(self._options, self._options["warm_up"], str(audio), form="json")
        done = run(words, os.environ, Path.cwd())
        check(done)
        try:
            result = json.loads(done.output.splitlines()[-1])["transcript"]
            return Transcript(result["text"].strip(), result["ms"] / 1000.0, done.peak_bytes)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise BenchError(f"edgefuse: unexpected output: {done.output[-200:]!r}") from error


def check(done: Finished) -> None:
    """Raises edgefuse's error message."""
    if done.code != 0:
        raise BenchError(f"edgefuse: exit code {done.code}: {last_line(done.complaint)}")


def load(options: dict[str, Any]) -> Edgefuse:
    engine = Edgefuse(options)
    command(options)  # fails early if a flag is missing
    return engine

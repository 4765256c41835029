"""One engine in its own process: requests as JSON lines on standard input, answers as JSON lines on standard output.

    python -m edgefuse_tools.bench.worker faster_whisper
    < {"do": "load", "options": {...}}             > {"seconds": ...}
    < {"do": "transcribe", "audio": "clip.wav"}    > {"text": "...", "seconds": ..., "peak_bytes": ...}
    < {"do": "run"}                                > the same, for an engine whose options define the work

A failed request is answered with {"error": "one line"}. Output of libraries goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgefuse_tools.bench.engines.base import Engine, PictureEngine
from edgefuse_tools.bench.errors import BenchError


def load(name: str, options: dict[str, Any]) -> Any:
    """The loaded engine `name` of `bench.engines`."""
    engine: Engine | PictureEngine = importlib.import_module(f"edgefuse_tools.bench.engines.{name}").load(options)
    return engine


def peak_bytes() -> int:
    """Peak resident memory of this process: VmHWM."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status: no VmHWM")


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    engine: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "load":
                started = time.perf_counter()
                engine = load(sys.argv[1], request["options"])
                answer: dict[str, Any] = {"seconds": time.perf_counter() - started}
            else:
                assert engine is not None, "not loaded"
                given = [Path(request["audio"])] if "audio" in request else []
                answer = asdict(getattr(engine, request["do"])(*given))
                answer["peak_bytes"] = answer["peak_bytes"] or peak_bytes()
        except Exception as error:  # an error in a library fails this request, not the benchmark
            kind = "" if isinstance(error, BenchError) else f"{type(error).__name__}: "
            answer = {"error": (kind + " ".join(str(error).split()))[:500]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

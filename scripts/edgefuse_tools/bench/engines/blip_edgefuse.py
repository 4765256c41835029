"""edgefuse through its command line, after a warm-up on another picture in the same process. Its `ms` is the time in
process, from the file to the result.

Further options: `binary`, the program, and `warm_up`, the other picture. edgefuse has no command for the vision encoder
alone: that workload is a caption of one token, whose time includes reading the file and one decoder step.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from edgefuse_tools.bench.blip_variants import ANSWER, BEAM, BEAMS, QUESTION, TOKENS, VISION
from edgefuse_tools.bench.engines.base import Transcript
from edgefuse_tools.bench.engines.edgefuse import check
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.process import run
from edgefuse_tools.parity import blip_binary


class Edgefuse:
    def __init__(self, options: dict[str, Any]) -> None:
        self._binary = Path(options["binary"])
        if not blip_binary.searches_with_beams(self._binary):
            raise BenchError(f"{self._binary}: this build has no beam search for BLIP; rebuild it")
        workload = options["workload"]
        step: dict[str, Any] = {"max_tokens": 1 if workload == VISION else TOKENS[workload]}
        step |= {"beams": BEAM} if workload == BEAMS else {}
        name = "ask" if workload == ANSWER else "caption"
        self._device = blip_binary.device_file(
            Path(options["model"]), {name: step}, options["precision"], options["threads"]
        )
        # Not the same picture twice: it would be encoded only once.
        question = {"text": QUESTION} if name == "ask" else {}
        self._records = [{"image": options[one]} | question for one in ("warm_up", "image")]

    def run(self) -> Transcript:
        with tempfile.TemporaryDirectory() as scratch:
            command = blip_binary.write_command(Path(scratch), self._binary, self._device, self._records)
            done = run(command, os.environ, Path.cwd())
        check(done)
        try:
            result = blip_binary.read_results(self._device, done.output)[-1]
            return Transcript(result["text"].strip(), result["ms"] / 1000.0, done.peak_bytes)
        except (IndexError, KeyError, ValueError) as error:
            raise BenchError(f"edgefuse: unexpected output: {done.output[-200:]!r}") from error


def load(options: dict[str, Any]) -> Edgefuse:
    return Edgefuse(options)

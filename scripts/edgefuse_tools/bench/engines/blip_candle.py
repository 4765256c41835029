"""candle's BLIP, which only captions greedily: the program in `bench/candle_blip`, one process per run, with a warm-up
caption. It gets the preprocessed picture, so its time excludes preprocessing.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml
from PIL import Image
from tokenizers import Tokenizer

from edgefuse_tools.bench import paths
from edgefuse_tools.bench.blip_variants import TOKENS, VISION
from edgefuse_tools.bench.engines.base import Transcript
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.process import run
from edgefuse_tools.parity.blip_onnx import pixel_values

_SOURCE = Path(__file__).resolve().parents[1] / "candle_blip"
_BUILT = paths.WORK / "candle"


class Candle:
    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._program = build()
        self._model = Path(options["model"])
        self._description = yaml.safe_load((self._model / "model.yaml").read_text("utf-8"))
        self._tokenizer = Tokenizer.from_file(str(self._model / self._description["tokenizer"]))

    def run(self) -> Transcript:
        workload, tokens = self._options["workload"], self._description["tokens"]
        picture = Image.open(self._options["image"]).convert("RGB")
        most = 0 if workload == VISION else TOKENS[workload]
        with tempfile.TemporaryDirectory() as scratch:
            pixels = Path(scratch) / "pixels.f32"
            pixels.write_bytes(pixel_values(picture, self._description["image"]).astype("<f4").tobytes())
            words = [self._program, self._options["checkpoint"], pixels, tokens["start"], tokens["end"], most]
            environment = os.environ | {"RAYON_NUM_THREADS": str(self._options["threads"])}
            done = run([str(word) for word in words], environment, Path.cwd())
        if done.code:
            raise BenchError(f"candle: exit code {done.code}: {done.complaint.strip()[-200:]}")
        result = json.loads(done.output)
        return Transcript(self._tokenizer.decode(result["tokens"]), result["seconds"], done.peak_bytes)


def build() -> Path:
    """The program, built if necessary (some minutes)."""
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", str(_SOURCE / "Cargo.toml")]
    try:
        done = subprocess.run([*command, "--target-dir", str(_BUILT)], capture_output=True, text=True)
    except OSError as error:
        raise BenchError(f"cargo: {error.strerror}; it builds candle's BLIP") from error
    if done.returncode:
        raise BenchError(f"candle's BLIP cannot be built: {done.stderr.strip()[-300:]}")
    return _BUILT / "release" / "candle-blip"


def load(options: dict[str, Any]) -> Candle:
    return Candle(options)

"""Weights in each engine's format, converted once from build/checkpoints into the work folder.

python -m edgefuse_tools.bench.prepare ggml build/checkpoints/whisper-tiny.en TARGET
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from edgefuse_tools.bench import paths
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.paths import shown
from edgefuse_tools.bench.process import last_line

MADE = {
    "ggml": "ggml.bin",
    "hugging_face": "hugging-face",
    "openvino-fp32": "openvino-fp32",
    "openvino-int8": "openvino-int8",
    "sherpa-fp32": "sherpa-fp32",
    "sherpa-int8": "sherpa-int8",
}
"""Format, and its name in the model's work folder."""

MADE_OF = {"openvino-fp32": "hugging_face", "openvino-int8": "hugging_face", "sherpa-int8": "sherpa-fp32"}
"""Formats that are not converted from the checkpoint itself."""


def weights(form: str, model: str) -> Path:
    """The weights of Whisper `model` ("tiny.en") for an engine, converted if missing."""
    checkpoint = paths.CHECKPOINTS / f"whisper-{model}"
    if not (checkpoint / "model.bin").is_file():
        extra = "" if model == "tiny.en" else f" whisper-{model}"
        raise BenchError(f"{shown(checkpoint)}: no weights; run scripts/setup.sh{extra}")
    if form == "ctranslate2":
        return checkpoint
    if form == "edgefuse":
        folder = paths.MODELS / f"whisper-{model}"
        if not (folder / "model.yaml").is_file():
            raise BenchError(f"{shown(folder)}: no model; run scripts/setup.sh")
        return folder
    target = paths.WORK / "models" / model / MADE[form]
    if not target.exists():
        source = weights(MADE_OF[form], model) if form in MADE_OF else checkpoint
        _make(form, source, target)
    return target


def _make(form: str, source: Path, target: Path) -> None:
    """Converts in a separate process, so that a converter's memory and crashes do not affect the benchmark."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.draft")
    _remove(draft)
    print(f"bench: creating {shown(target)}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "edgefuse_tools.bench.prepare", form, str(source), str(draft)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "DISABLE_TELEMETRY": "1"}
    made = subprocess.run(
        command, cwd=paths.SCRIPTS, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if made.returncode != 0:
        _remove(draft)
        raise BenchError(f"{form}: the conversion failed: {last_line(made.stderr)}")
    draft.rename(target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def main(form: str, source: Path, target: Path) -> None:
    """The conversion itself."""
    if form == "ggml":
        from edgefuse_tools.bench.convert.ggml import write_ggml

        write_ggml(source, target)
    elif form == "hugging_face":
        from edgefuse_tools.bench.convert.hugging_face import write_hugging_face

        write_hugging_face(source, target)
    elif form.startswith("openvino-"):
        from edgefuse_tools.bench.convert.openvino import write_openvino

        write_openvino(source, target, form.removeprefix("openvino-"))
    elif form == "sherpa-fp32":
        from edgefuse_tools.bench.convert.sherpa import write_sherpa

        write_sherpa(source, target)
    elif form == "sherpa-int8":
        from edgefuse_tools.bench.convert.sherpa import quantize_sherpa

        quantize_sherpa(source, target)
    else:
        raise BenchError(f"{form}: unknown format of weights")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))

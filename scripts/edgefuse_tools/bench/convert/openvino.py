"""Converts a Hugging Face folder to OpenVINO with optimum-intel: stateful decoder and tokenizer included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def write_openvino(hugging_face: Path, folder: Path, precision: str) -> None:
    """precision: fp32, or int8 for weights in 8 bits."""
    # The command, not its `main_export`: only the command compresses weights.
    command = [sys.executable, "-m", "optimum.commands.optimum_cli", "export", "openvino", "--model", str(hugging_face)]
    command += ["--task", "automatic-speech-recognition-with-past", "--weight-format", precision, str(folder)]
    subprocess.run(command, check=True)

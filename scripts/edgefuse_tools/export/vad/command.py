"""Exports Silero VAD (the silero_vad.onnx of the package silero-vad) to a model folder that edgefuse runs.

python scripts/export.py vad build/checkpoints/silero-vad/silero_vad.onnx onnx/silero-vad
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edgefuse_tools.export.arguments import exit_code
from edgefuse_tools.export.vad.exporter import export_vad


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 if the folder was written, 2 if the input cannot be exported."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="silero_vad.onnx of the package silero-vad, version 5 or 6")
    parser.add_argument("target", type=Path, help="model folder to write; an earlier model folder is replaced")
    parser.add_argument("--name", help="name of the model (default: name of the model folder)")
    parser.add_argument("--origin", default="unknown", help="source of the weights, for model.yaml")
    parser.add_argument("--license", default="unknown", help="licence of the weights, for model.yaml")
    options = parser.parse_args(arguments)

    def export() -> None:
        export_vad(
            options.checkpoint,
            options.target,
            name=options.name or options.target.resolve().name,
            origin=options.origin,
            license_name=options.license,
        )

    return exit_code(options.target, export)

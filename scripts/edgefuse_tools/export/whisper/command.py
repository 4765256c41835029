"""Exports Whisper (a CTranslate2 or Hugging Face folder) to a model folder that edgefuse runs.

python scripts/export.py whisper build/checkpoints/whisper-tiny.en onnx/whisper-tiny.en
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edgefuse_tools.export.arguments import add_common_arguments, chosen_precisions, exit_code
from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.whisper.exporter import export_whisper


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 if the folder was written, 2 if the input cannot be exported."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "checkpoint", type=Path, help="CTranslate2 folder (model.bin) or Hugging Face folder of Whisper"
    )
    parser.add_argument("target", type=Path, help="model folder to write; an earlier model folder is replaced")
    add_common_arguments(parser)
    options = parser.parse_args(arguments)

    def export() -> None:
        export_whisper(
            options.checkpoint,
            options.target,
            name=options.name or options.target.resolve().name,
            dialect=Dialect(options.dialect),
            precisions=chosen_precisions(options.precision, Dialect(options.dialect)),
            origin=options.origin,
            license_name=options.license,
        )

    return exit_code(options.target, export)

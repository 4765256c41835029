"""Exports a vision-language model from a Hugging Face folder to a model folder.

    python scripts/export.py vlm path/to/SmolVLM-256M-Instruct onnx/smolvlm-256m-instruct

Supports SmolVLM, SmolVLM2 for pictures, and Idefics3 (`SmolVLMForConditionalGeneration`,
`Idefics3ForConditionalGeneration`) with a Llama language model. Needs numpy, onnx and PyYAML; neither PyTorch nor
transformers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from edgefuse_tools.export.arguments import add_common_arguments, chosen_precisions, exit_code, provenance
from edgefuse_tools.export.checkpoints.hub import checkpoint_folder
from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.vlm.exporter import export_vlm


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if the folder was written, 2 if the input cannot be exported."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="DIR", help="folder or hub id of a vision-language model")
    parser.add_argument("out", type=Path, metavar="OUT", help="model folder to write")
    parser.add_argument("--context", type=int, metavar="N", help="most positions (default: the model's, up to 8192)")
    add_common_arguments(parser)
    args = parser.parse_args(arguments)
    dialect = Dialect(args.dialect)

    def export() -> None:
        path = checkpoint_folder(args.source)
        export_vlm(
            path,
            args.out,
            name=args.name or args.out.resolve().name,
            source=provenance(args, path.resolve().name, "vlm"),
            dialect=dialect,
            precisions=chosen_precisions(args.precision, dialect) if args.precision else None,
            context=args.context,
        )

    return exit_code(args.out, export)

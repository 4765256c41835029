"""Exports BLIP-2 (Blip2ForConditionalGeneration with OPT or T5) from a Hugging Face folder to a model folder.

    python scripts/export.py blip2 blip2-opt-2.7b --out onnx/blip2-opt-2.7b

The folder contains config.json, the weights (safetensors or .bin, sharded or not), preprocessor_config.json or
processor_config.json, and tokenizer.json. Needs numpy, onnx and PyYAML; neither PyTorch nor transformers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from edgefuse_tools.export.arguments import add_common_arguments, chosen_precisions, exit_code, provenance
from edgefuse_tools.export.blip2.exporter import QUESTION_PROMPT, export_blip2
from edgefuse_tools.export.checkpoints.hub import checkpoint_folder
from edgefuse_tools.export.graphs.graph import Dialect


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if the folder was written, 2 if the input cannot be exported."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", metavar="DIR", help="folder or hub id of a Blip2ForConditionalGeneration")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="model folder to write")
    parser.add_argument(
        "--question-prompt",
        default=QUESTION_PROMPT,
        metavar="TEXT",
        help="prompt of a question, with {question} as its placeholder (default: %(default)r)",
    )
    parser.add_argument(
        "--weights", help="description of the weights, for model.yaml (default: name of the checkpoint)"
    )
    add_common_arguments(parser)
    args = parser.parse_args(arguments)
    dialect = Dialect(args.dialect)

    def export() -> None:
        export_blip2(
            checkpoint_folder(args.checkpoint),
            args.out,
            name=args.name or args.out.resolve().name,
            source=provenance(args, args.weights or Path(args.checkpoint).resolve().name, "blip2"),
            dialect=dialect,
            precisions=chosen_precisions(args.precision, dialect),
            question_prompt=args.question_prompt,
        )

    return exit_code(args.out, export)

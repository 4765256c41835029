"""Exports BLIP-2 (Blip2ForConditionalGeneration with OPT or T5) from a Hugging Face folder into a model folder.

    python scripts/export.py blip2 blip2-opt-2.7b --out onnx/blip2-opt-2.7b

The folder holds config.json, the weights (safetensors or .bin, sharded or not), preprocessor_config.json or
processor_config.json, and tokenizer.json. Needs numpy, onnx and PyYAML; neither PyTorch nor transformers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from edgefuse_tools.export.arguments import add_common_arguments, chosen_precisions, exit_code
from edgefuse_tools.export.blip2.exporter import QUESTION_PROMPT, export_blip2
from edgefuse_tools.export.checkpoints.hub import checkpoint_folder
from edgefuse_tools.export.graphs.graph import Dialect


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the folder is written, 2 when the input cannot be exported."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", metavar="DIR", help="folder or hub id of a Blip2ForConditionalGeneration")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the model folder to write")
    parser.add_argument(
        "--question-prompt",
        default=QUESTION_PROMPT,
        metavar="TEXT",
        help="what the language model reads of a question, which takes the place of {question} (default: %(default)r)",
    )
    parser.add_argument("--weights", help="what the weights are, for model.yaml (default: the checkpoint's name)")
    add_common_arguments(parser)
    args = parser.parse_args(arguments)
    dialect = Dialect(args.dialect)

    def export() -> None:
        export_blip2(
            checkpoint_folder(args.checkpoint),
            args.out,
            name=args.name or args.out.resolve().name,
            source={
                "weights": args.weights or Path(args.checkpoint).resolve().name,
                "origin": args.origin,
                "license": args.license,
                "exporter": "scripts/export.py blip2",
            },
            dialect=dialect,
            precisions=chosen_precisions(args.precision, dialect),
            question_prompt=args.question_prompt,
        )

    return exit_code(args.out, export)

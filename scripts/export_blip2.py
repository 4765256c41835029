"""Exports BLIP-2 (Blip2ForConditionalGeneration with OPT or T5) from a Hugging Face folder into a model folder.

    python scripts/export_blip2.py blip2-opt-2.7b --out onnx/blip2-opt-2.7b

The folder holds config.json, the weights (safetensors or .bin, sharded or not), preprocessor_config.json or
processor_config.json, and tokenizer.json. Needs numpy, onnx and PyYAML; neither PyTorch nor transformers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from export.blip2 import QUESTION_PROMPT, export_blip2
from export.errors import ExportError
from export.graph import Dialect
from export.precision import DEFAULT, PLAIN, Precision


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the folder is written, 2 when the input cannot be exported."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="folder of a Blip2ForConditionalGeneration")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the model folder to write")
    parser.add_argument(
        "--dialect",
        choices=[dialect.value for dialect in Dialect],
        default=Dialect.ORT.value,
        help="ort: fused operators of ONNX Runtime (default); standard: plain ONNX operators",
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=[precision.value for precision in Precision],
        help=f"of the weights; one or more (default: {' '.join(precision.value for precision in DEFAULT)}, of which the "
        "standard dialect has fp32)",
    )
    parser.add_argument(
        "--question-prompt",
        default=QUESTION_PROMPT,
        metavar="TEXT",
        help="what the language model reads of a question, which takes the place of {question} (default: %(default)r)",
    )
    parser.add_argument("--name", help="name of the model (default: the name of the folder to write)")
    parser.add_argument("--weights", help="what the weights are, for model.yaml (default: the checkpoint's name)")
    parser.add_argument("--origin", default="unknown", help="where the weights came from, for model.yaml")
    parser.add_argument("--license", default="unknown", help="licence of the weights, for model.yaml")
    args = parser.parse_args(arguments)
    dialect = Dialect(args.dialect)
    try:
        export_blip2(
            args.checkpoint,
            args.out,
            name=args.name or args.out.resolve().name,
            source={
                "weights": args.weights or args.checkpoint.resolve().name,
                "origin": args.origin,
                "license": args.license,
                "exporter": "scripts/export_blip2.py",
            },
            dialect=dialect,
            precisions=_precisions(args.precision, dialect),
            question_prompt=args.question_prompt,
        )
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or args.out}: {error.strerror or error}", file=sys.stderr)
        return 2
    print(f"wrote {args.out}", file=sys.stderr)
    return 0


def _precisions(names: list[str] | None, dialect: Dialect) -> list[Precision]:
    """In the order of `Precision`, whatever the order of the names."""
    if names is not None:
        return [precision for precision in Precision if precision.value in names]
    return [precision for precision in DEFAULT if dialect is Dialect.ORT or precision in PLAIN]


if __name__ == "__main__":
    sys.exit(main())

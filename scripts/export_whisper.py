"""Exports Whisper (a CTranslate2 or Hugging Face folder) to a model folder that edgefuse runs.

python scripts/export_whisper.py build/checkpoints/whisper-tiny.en onnx/whisper-tiny.en
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from export.errors import ExportError
from export.graph import Dialect
from export.precision import DEFAULT, PLAIN, Precision
from export.whisper import export_whisper


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 when the folder is written, 2 when the input cannot be exported."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "checkpoint", type=Path, help="CTranslate2 folder (model.bin) or Hugging Face folder of Whisper"
    )
    parser.add_argument("target", type=Path, help="model folder to write; an earlier model folder is replaced")
    parser.add_argument("--name", help="name of the model (default: the target's folder name)")
    parser.add_argument(
        "--dialect",
        choices=[dialect.value for dialect in Dialect],
        default=Dialect.ORT.value,
        help="ort: ONNX Runtime's fused operators (default); standard: plain ONNX operators, for TensorRT",
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=[precision.value for precision in Precision],
        help="of the weights; one or more (default: "
        + " ".join(precision.value for precision in DEFAULT)
        + ", of which "
        "the standard dialect has fp32)",
    )
    parser.add_argument("--origin", default="unknown", help="where the weights came from, for model.yaml")
    parser.add_argument("--license", default="unknown", help="licence of the weights, for model.yaml")
    options = parser.parse_args(arguments)
    try:
        export_whisper(
            options.checkpoint,
            options.target,
            name=options.name or options.target.resolve().name,
            dialect=Dialect(options.dialect),
            precisions=_precisions(options.precision, Dialect(options.dialect)),
            origin=options.origin,
            license_name=options.license,
        )
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or options.target}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"wrote {options.target}", file=sys.stderr)
    return 0


def _precisions(names: list[str] | None, dialect: Dialect) -> list[Precision]:
    """In the order of `Precision`, whatever the order of the names."""
    if names is not None:
        return [precision for precision in Precision if precision.value in names]
    return [precision for precision in DEFAULT if dialect is Dialect.ORT or precision in PLAIN]


if __name__ == "__main__":
    sys.exit(main())

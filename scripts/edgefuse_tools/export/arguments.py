"""Command-line options that the exporters share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.graphs.precision import DEFAULT, PLAIN, Precision


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --name, --dialect, --precision, --origin and --license."""
    parser.add_argument("--name", help="name of the model (default: name of the model folder)")
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
        help="precision of the weights; one or more (default: "
        + " ".join(precision.value for precision in DEFAULT)
        + "; in the standard dialect, fp32)",
    )
    parser.add_argument("--origin", default="unknown", help="source of the weights, for model.yaml")
    parser.add_argument("--license", default="unknown", help="licence of the weights, for model.yaml")


def provenance(args: argparse.Namespace, weights: str, exporter: str) -> dict[str, str]:
    """The section `source` of model.yaml: where the weights are from, and which exporter wrote them."""
    return {
        "weights": weights,
        "origin": args.origin,
        "license": args.license,
        "exporter": f"scripts/export.py {exporter}",
    }


def exit_code(target: Path, export: Callable[[], None]) -> int:
    """Runs `export`, which writes the model folder `target`; returns 0, or 2 after printing an error."""
    try:
        export()
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or target}: {error.strerror or error}", file=sys.stderr)
        return 2
    print(f"wrote {target}", file=sys.stderr)
    return 0


def chosen_precisions(names: list[str] | None, dialect: Dialect) -> list[Precision]:
    """The named precisions in the order of `Precision`; by default, those of the dialect."""
    if names is None:
        return [precision for precision in DEFAULT if dialect is Dialect.ORT or precision in PLAIN]
    chosen = [precision for precision in Precision if precision.value in names]
    for precision in chosen:
        if dialect is Dialect.STANDARD and precision not in PLAIN:
            plain = " and ".join(name.value for name in PLAIN)
            raise ExportError(f"precision {precision.value} needs the ort dialect; standard supports {plain}")
    return chosen

"""Compares exported encoders with transformers, torchvision and timm, on seeded random weights.

    python scripts/dev.py verify_encoders [--json] [ARCHITECTURE ...]

Exports every architecture in both dialects, runs the graphs, and prints the largest difference of embeddings (divided by
the length of the reference's) and of probabilities from the reference. Exits with 1 if one is above 1e-4. Needs torch,
torchvision, timm, transformers and onnxruntime.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from edgefuse_tools import offline  # noqa: F401  before any library that looks for a network
from edgefuse_tools.export.encoder.architectures import read_encoder
from edgefuse_tools.export.encoder.classifiers import Choices
from edgefuse_tools.export.encoder.parts import Parts
from edgefuse_tools.export.graphs.graph import Dialect, GraphBuilder
from edgefuse_tools.parity.encoder_random import CASES, Case

TOLERANCE = 1e-4
SOME_DIFFER = 1


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architectures", nargs="*", metavar="ARCHITECTURE", help=", ".join(CASES))
    parser.add_argument("--json", action="store_true", help="one line of JSON per comparison")
    options = parser.parse_args(arguments)
    names = options.architectures or list(CASES)
    if unknown := [name for name in names if name not in CASES]:
        parser.error(f"unknown architecture {unknown[0]}; known: {', '.join(CASES)}")
    worst = 0.0
    for name in names:
        for row in compare(name, CASES[name]):
            worst = max(worst, float(str(row["difference"])))
            print(
                json.dumps(row)
                if options.json
                else f"{row['difference']:.1e}  {name:14} {row['dialect']:9} {row['output']}"
            )
    return SOME_DIFFER if worst > TOLERANCE else 0


def compare(name: str, make: Callable[[Path], Case]) -> list[dict[str, object]]:
    """One row for each dialect and output: the largest difference."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as scratch:
        case = make(Path(scratch))
        parts = read_encoder(case.source, Choices(classes=case.classes, side=case.side))
        for dialect in Dialect:
            for role, inputs in case.inputs.items():
                found = run(parts, role, dialect, Path(scratch), inputs)
                for output, expected in case.expected[role].items():
                    scale = float(np.linalg.norm(expected, axis=-1).max()) if output == "embedding" else 1.0
                    difference = float(np.abs(found[output] - expected).max()) / scale
                    rows.append(
                        {
                            "architecture": name,
                            "dialect": dialect.value,
                            "output": f"{role}.{output}",
                            "difference": difference,
                        }
                    )
    return rows


def run(
    parts: Parts, role: str, dialect: Dialect, scratch: Path, inputs: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The outputs of one graph by name."""
    from edgefuse_tools.ort_session import open_session

    path = scratch / f"{role}.{dialect.value}.onnx"
    graph = GraphBuilder(role, dialect)
    parts.graphs[role](graph)
    graph.save(path)
    session = open_session(path)
    outputs = [output.name for output in session.get_outputs()]
    return dict(zip(outputs, session.run(outputs, inputs)))


if __name__ == "__main__":
    sys.exit(main())

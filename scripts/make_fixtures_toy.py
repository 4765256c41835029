"""Writes tests/fixtures/toy: a model of the kind that shows what a new kind takes. Needs the set-up alone.

python scripts/make_fixtures_toy.py
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests/fixtures/toy"
EXPORTER = "scripts/make_fixtures_toy.py"

OPSET = 17


def graph() -> bytes:
    """The mean square of the samples, `[1, samples]` to `[1]`."""
    nodes = [
        helper.make_node("Mul", ["samples", "samples"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["power"], axes=[1], keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("samples", TensorProto.FLOAT, [1, "samples"])]
    outputs = [helper.make_tensor_value_info("power", TensorProto.FLOAT, [1])]
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(helper.make_graph(nodes, "toy", inputs, outputs), opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIXTURES, metavar="DIR")
    out: Path = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    data = graph()
    (out / "toy.onnx").write_bytes(data)
    (out / "model.yaml").write_text(f"""\
format: 1
kind: toy
name: toy
dialect: standard
opset: {OPSET}
source: {{weights: none, origin: {EXPORTER}, license: MIT, exporter: {EXPORTER}}}
files:
  toy.onnx: {{sha256: {hashlib.sha256(data).hexdigest()}, bytes: {len(data)}}}
graphs:
  toy:
    files: {{fp32: toy.onnx}}
    inputs:
      samples: {{name: samples, type: float32, shape: [1, samples]}}
    outputs:
      power: {{name: power, type: float32, shape: [1]}}
sample_rate: 16000
""")
    return 0


if __name__ == "__main__":
    sys.exit(main())

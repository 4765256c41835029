"""Opens ONNX Runtime sessions as edgefuse's engine does. Nothing else in scripts/ and tests/ imports onnxruntime.

Importing this module loads the library, so that no session can miss either of two settings:

- `ORT_DISABLE_TELEMETRY=1`: from 1.32 on the library has telemetry, and reads the variable only when it is loaded;
- `session.x64quantprecision`: on x86-64 without VNNI, sums of 8-bit products saturate, with errors far larger than the
  rounding of int8. With VNNI they are exact anyway, and the option would make int8 as slow as fp32 (as in
  `src/engine/session.rs`).
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from edgefuse_tools import offline  # noqa: F401  before onnxruntime, which reads the variable while it is loaded

# isort: split
import onnxruntime
from onnxruntime import InferenceSession as Session

from edgefuse_tools.processor import CPUINFO, saturates

__all__ = ["ERRORS_ONLY", "EXACT_BYTE_PRODUCTS", "VERSION", "Session", "open_session", "quantize_weights"]

VERSION: str = onnxruntime.__version__

EXACT_BYTE_PRODUCTS = "session.x64quantprecision"
ERRORS_ONLY = 3


def open_session(graph: str | PathLike[str] | bytes, *, threads: int = 0, quiet: bool = False) -> Session:
    """Opens a CPU session for a graph file or its bytes. `threads` 0 means one per physical core; `quiet` hides
    warnings."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    if not CPUINFO.exists() or saturates(CPUINFO.read_text("utf-8")):
        options.add_session_config_entry(EXACT_BYTE_PRODUCTS, "1")
    if quiet:
        options.log_severity_level = ERRORS_ONLY
    return Session(graph, options, providers=["CPUExecutionProvider"])


def quantize_weights(source: Path, target: Path) -> None:
    """Writes `source` with its matrix products in dynamic int8, using ONNX Runtime's own quantiser."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(source, target, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8)

"""edgefuse_tools/ort_session.py: the only module that loads ONNX Runtime."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import numpy as np
import pytest

from edgefuse_tools import ROOT, ort_session
from edgefuse_tools.export.graphs.graph import Dialect, GraphBuilder
from edgefuse_tools.export.graphs.linear import linear
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.ort_session import EXACT_BYTE_PRODUCTS, open_session

ONLY = Path(ort_session.__file__)


def loads_onnxruntime(source: str) -> bool:
    """Whether a module imports onnxruntime, directly or by name."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if function in {"importorskip", "import_module", "__import__"}:
                names = [str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)]
        if any(name.split(".")[0] == "onnxruntime" for name in names):
            return True
    return False


@pytest.mark.parametrize(
    ("source", "loads"),
    [
        ("import onnxruntime as ort", True),
        ("def late():\n    from onnxruntime.quantization import quantize_dynamic", True),
        ('pytest.importorskip("onnxruntime", reason="x")', True),
        ("from ort_session import open_session", False),
        ("import onnxruntime_extensions", False),
    ],
)
def test_an_import_is_recognised(source: str, loads: bool) -> None:
    assert loads_onnxruntime(source) is loads


def test_no_other_file_loads_onnxruntime() -> None:
    files = [path for folder in ("scripts", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert ONLY in files and len(files) > 100
    found = [path for path in files if path != ONLY and loads_onnxruntime(path.read_text("utf-8"))]
    assert found == [], "open sessions with ort_session.open_session"


def test_telemetry_is_off() -> None:
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


@pytest.fixture
def large_products(tmp_path: Path) -> Path:
    """A graph that multiplies 64 numbers by 1 in int8, so that every product of bytes is near the maximum."""
    g = GraphBuilder("sum", Dialect.ORT, Precision.INT8)
    y = linear(g, g.input("x", "float32", ["batch", 64]), "sum", np.ones((8, 64), np.float32), np.zeros(8, np.float32))
    g.output("y", y, "float32", ["batch", 8])
    g.save(tmp_path / "sum.onnx")
    return tmp_path / "sum.onnx"


def test_sums_of_large_byte_products_are_exact(large_products: Path) -> None:
    # Two products of 255 and 127 do not fit into 16 bits, in which x86 without VNNI adds pairs.
    session = open_session(large_products)
    (found,) = session.run(None, {"x": np.ones((3, 64), np.float32)})
    np.testing.assert_allclose(found, 64.0, rtol=0.01)


@pytest.mark.parametrize(("flags", "exact"), [("avx2 fma", True), ("avx2 fma avx512_vnni", False), ("asimd", False)])
def test_exact_products_are_requested_where_sums_saturate(
    flags: str, exact: bool, large_products: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n", "utf-8")
    monkeypatch.setattr(ort_session, "CPUINFO", tmp_path / "cpuinfo")
    options = open_session(large_products).get_session_options()
    if exact:
        assert options.get_session_config_entry(EXACT_BYTE_PRODUCTS) == "1"
    else:
        with pytest.raises(RuntimeError):
            options.get_session_config_entry(EXACT_BYTE_PRODUCTS)


def test_the_number_of_threads_is_set(large_products: Path) -> None:
    assert open_session(large_products, threads=3).get_session_options().intra_op_num_threads == 3

"""Makes tests/fixtures/engine: small graphs, sound and hostile, for the checks around ONNX Runtime.

Run it only to change a fixture:

    pip install -r scripts/requirements/fixtures.txt
    python scripts/make_fixtures_engine.py
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OUT = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "engine"
OPSET = 17
IR_VERSION = 8
VALUES = np.array([1, 2, 4], np.float32)
DATA = "inside.onnx.data"


def save(name: str, graph: onnx.GraphProto, functions: list[onnx.FunctionProto] | None = None) -> onnx.ModelProto:
    """Writes a model of one graph."""
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("local", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, functions=functions or [])
    (OUT / name).write_bytes(model.SerializeToString())
    return model


def reshape() -> None:
    """y = Reshape(x, shape): a test chooses by `shape` what comes out, and `rows` sets the length of the batch."""
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["count"]),
        helper.make_tensor_value_info("shape", TensorProto.INT64, ["rank"]),
        helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["batch", 1]),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])
    save(
        "reshape.onnx",
        helper.make_graph([helper.make_node("Reshape", ["x", "shape"], ["y"], allowzero=1)], "g", inputs, [output]),
    )


def external(location: str, name: str = "w") -> onnx.TensorProto:
    """VALUES, kept in the file `location`."""
    tensor = numpy_helper.from_array(VALUES, name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(VALUES.nbytes))):
        tensor.external_data.add(key=key, value=value)
    return tensor


def info(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [3])


def external_data() -> None:
    """y = x + VALUES, the values in the weights file (inside) or, wherever a tensor can be, in another (outside)."""
    (OUT / DATA).write_bytes(VALUES.tobytes())
    add = helper.make_node("Add", ["x", "w"], ["y"])

    def graph(nodes: list[onnx.NodeProto], initializers: list[onnx.TensorProto]) -> onnx.GraphProto:
        return helper.make_graph(nodes, "g", [info("x")], [info("y")], initializers)

    save("inside.onnx", graph([add], [external(DATA)]))
    for name, location in (
        ("outside_above", "../outside.bin"),
        ("outside_absolute", "/tmp/outside.bin"),
        ("outside_unlisted", "unlisted.bin"),
        ("outside_dotted", f"./{DATA}"),
        ("outside_memory", "*/_ORT_MEM_ADDR_/*"),
    ):
        save(f"{name}.onnx", graph([add], [external(location)]))
    constant = helper.make_node("Constant", [], ["w"], value=external("../outside.bin"))
    save("outside_attribute.onnx", graph([constant, add], []))

    branch = helper.make_graph([constant], "branch", [], [info("w")])
    condition = numpy_helper.from_array(np.array(True), "condition")
    choice = helper.make_node("If", ["condition"], ["w"], then_branch=branch, else_branch=branch)
    save("outside_subgraph.onnx", graph([choice, add], [condition]))

    function = helper.make_function("local", "Shift", ["x"], ["y"], [constant, add], [helper.make_opsetid("", OPSET)])
    call = helper.make_node("Shift", ["x"], ["y"], domain="local")
    save("outside_function.onnx", graph([call], []), [function])

    sparse = helper.make_sparse_tensor(external("../outside.bin"), numpy_helper.from_array(np.arange(3), "i"), [3])
    outside = graph([add], [])
    outside.sparse_initializer.append(sparse)
    save("outside_sparse.onnx", outside)

    model = save("outside_training.onnx", graph([add], [numpy_helper.from_array(VALUES, "w")]))
    training = model.training_info.add()
    training.initialization.initializer.append(external("../outside.bin"))
    training.initialization.name = "t"
    (OUT / "outside_training.onnx").write_bytes(model.SerializeToString())


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    reshape()
    external_data()
    print(f"{len(list(OUT.iterdir()))} files, {sum(path.stat().st_size for path in OUT.iterdir())} bytes")


if __name__ == "__main__":
    main()

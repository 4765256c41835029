"""Writes a fusion model's folder: graph, tokenizer, model.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from edgefuse_tools.easyvqa import tokenizer
from edgefuse_tools.easyvqa.drawing import SIZE
from edgefuse_tools.easyvqa.labels import ANSWERS
from edgefuse_tools.easyvqa.pixels import DEVIATION, MEAN
from edgefuse_tools.easyvqa.tokenizer import PAD
from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.model_folder import new_model_folder, write_description
from edgefuse_tools.student import onnx_graph
from edgefuse_tools.student.forms import TOKENIZER_FILE, Form, Interface, Picture, Readings, Sound, Words
from edgefuse_tools.student.model import MODALITIES, Student

_SOURCE = {
    "weights": "student, distilled from blip-easyvqa",
    "origin": "trained by scripts/dev.py train_student on easy-VQA (MIT), drawings in its style and speech from espeak-ng",
    "license": "MIT OR Apache-2.0",
    "exporter": "scripts/dev.py train_student",
}


def write(student: Student, folder: Path, readings: Readings | None = None, temperature: float = 1.0) -> None:
    """Writes the easy-VQA student's ``folder``, replacing an existing student.

    readings: its sensors, if it has that modality
    """
    write_model(student, interface(student, readings), folder, _SOURCE, temperature)


def interface(student: Student, readings: Readings | None = None) -> Interface:
    """Inputs and outputs of the easy-VQA student."""
    wordpiece = tokenizer.build()
    forms: dict[str, Form | None] = {
        "image": Picture(SIZE, SIZE, MEAN, DEVIATION),
        "text": Words(wordpiece, student.sizes.longest_text, wordpiece.token_to_id(PAD)),
        "audio": Sound(),
        "sensors": readings,
    }
    taken = {name: form for name in MODALITIES if (form := forms[name]) is not None}
    return Interface(taken, list(ANSWERS), student.sizes.hidden)


def write_model(
    model: nn.Module,
    taken: Interface,
    folder: Path,
    source: Mapping[str, str],
    temperature: float = 1.0,
    extras: Mapping[str, str] | None = None,
) -> None:
    """Writes the ``folder`` of any fusion model, replacing an existing model.

    model: see ``onnx_graph.trace``
    source: ``weights``, ``origin``, ``license`` and ``exporter``
    temperature: divisor of the logits
    extras: further text files for the folder, by name
    """
    graph = onnx_graph.trace(model, taken, temperature)
    with new_model_folder(folder) as building:
        path = building / "student.onnx"
        path.write_bytes(graph.SerializeToString(deterministic=True))
        words = taken.words()
        if words is not None:
            words.tokenizer.save(str(building / TOKENIZER_FILE))
        entry = {
            "files": {"fp32": path.name},
            "inputs": {role: port.describe() for role, port in taken.inputs().items()},
            "outputs": {role: port.describe() for role, port in taken.outputs().items()},
        }
        write_description(
            building,
            kind="student",
            name=folder.name,
            dialect=Dialect.STANDARD,
            source=source,
            graphs={"student": entry},
            details=taken.details(),
        )
        for name, text in (extras or {}).items():
            (building / name).write_text(text, encoding="utf-8")

"""Writes the student's model folder: graph, tokenizer, description."""

from __future__ import annotations

from pathlib import Path

import onnx

from easyvqa import tokenizer
from easyvqa.drawing import SIZE
from easyvqa.labels import ANSWERS
from easyvqa.pixels import DEVIATION, MEAN
from easyvqa.tokenizer import PAD
from export.graph import Dialect
from export.model_folder import graph_entry, new_model_folder, write_description
from student import onnx_graph
from student.log_mel import HOP, MELS, SAMPLE_RATE, WINDOW
from student.model import MODALITIES, Student

_SOURCE = {
    "weights": "student, distilled from blip-easyvqa",
    "origin": "trained by scripts/train_student.py on easy-VQA (MIT), drawings in its style and speech from espeak-ng",
    "license": "MIT OR Apache-2.0",
    "exporter": "scripts/train_student.py",
}


def write(student: Student, folder: Path) -> None:
    """Write ``folder``, replacing a student that is there."""
    graph = onnx_graph.build(student.state_dict(), student.sizes)
    wordpiece = tokenizer.build()
    with new_model_folder(folder) as building:
        path = building / "student.onnx"
        written = graph.save(path)
        onnx.save(onnx.load(path), path)  # small enough for one file
        for extra in written[1:]:
            extra.unlink()
        wordpiece.save(str(building / "tokenizer.json"))
        write_description(
            building,
            kind="student",
            name=folder.name,
            dialect=Dialect.STANDARD,
            source=_SOURCE,
            graphs={"student": graph_entry(graph, {"fp32": path.name})},
            details={
                "modalities": list(MODALITIES),
                "labels": list(ANSWERS),
                "image": {
                    "width": SIZE,
                    "height": SIZE,
                    "resample": "bicubic",
                    "rescale": 1.0 / 255.0,
                    "mean": list(MEAN),
                    "std": list(DEVIATION),
                },
                "tokenizer": "tokenizer.json",
                "text": {"max_tokens": student.sizes.longest_text, "pad": wordpiece.token_to_id(PAD)},
                "audio": {
                    "sample_rate": SAMPLE_RATE,
                    "n_fft": WINDOW,
                    "hop_length": HOP,
                    "n_mels": MELS,
                    "chunk_seconds": 30,
                },
            },
        )

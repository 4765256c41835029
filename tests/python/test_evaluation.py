"""The evaluation's use of the binary, and the assignment of recordings to questions."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgefuse_tools.student.speech import SPOKEN
from edgefuse_tools.training.evaluation import spoken
from edgefuse_tools.training.evaluation.binary import Binary

#: Answers the records in reverse order, counts its runs, and fails for the text "bad".
_PROGRAM = """\
#!{python}
import json, pathlib, sys
runs = pathlib.Path({runs!r})
runs.write_text(runs.read_text() + "x")
manifest = pathlib.Path(sys.argv[sys.argv.index("run") + 1])
output = pathlib.Path(sys.argv[sys.argv.index("--output") + 1])
lines = []
for record in map(json.loads, manifest.read_text().splitlines()):
    result = {{"error": "no"}} if record["text"] == "bad" else {{"label": record["text"].upper(), "ms": 1.0}}
    lines.insert(0, json.dumps({{"id": record["id"], "fusion": result}}))
output.write_text("\\n".join(lines))
"""


def binary(folder: Path) -> Binary:
    for model in ("blip-easyvqa", "whisper-tiny.en", "student"):
        (folder / "onnx" / model).mkdir(parents=True)
        (folder / "onnx" / model / "model.yaml").write_text(model)
    (folder / "runs").write_text("")
    program = folder / "program"
    program.write_text(_PROGRAM.format(python=sys.executable, runs=str(folder / "runs")))
    program.chmod(0o755)
    return Binary(program, folder, folder / "onnx" / "student", 1, folder / "kept")


def test_results_come_in_the_order_of_the_records_and_are_kept(tmp_path: Path) -> None:
    asked = binary(tmp_path)
    records = [{"text": "red"}, {"text": "blue"}]
    for _ in range(2):
        assert [line["fusion"]["label"] for line in asked.run("row", records, ["fuse"])] == ["RED", "BLUE"]
    assert (tmp_path / "runs").read_text() == "x"


def test_another_model_is_run_again(tmp_path: Path) -> None:
    asked = binary(tmp_path)
    asked.run("row", [{"text": "red"}], ["fuse"])
    (tmp_path / "onnx" / "blip-easyvqa" / "model.yaml").write_text("another, which fuse does not use")
    asked.run("row", [{"text": "red"}], ["fuse"])
    assert (tmp_path / "runs").read_text() == "x"
    (tmp_path / "onnx" / "student" / "model.yaml").write_text("another")
    asked.run("row", [{"text": "red"}], ["fuse"])
    assert (tmp_path / "runs").read_text() == "xx"


def test_a_record_without_a_result_stops_the_evaluation(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="record 1 and 0 others"):
        binary(tmp_path).run("row", [{"text": "red"}, {"text": "bad"}], ["fuse"])


def test_a_question_has_a_recording_of_its_text_and_all_voices_are_used(tmp_path: Path) -> None:
    texts = [SPOKEN[index % 5] for index in range(400)]
    paths = spoken.assign(tmp_path, 0, texts)
    assert paths == spoken.assign(tmp_path, 0, texts) != spoken.assign(tmp_path, 1, texts)
    assert all(SPOKEN[int(path.stem.split("-")[0])] == text for path, text in zip(paths, texts))
    assert {path.stem.split("-")[1] for path in paths} == set(map(str, range(spoken.VOICES)))

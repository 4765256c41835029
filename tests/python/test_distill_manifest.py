"""Manifests of scripts/distill.py: valid records, and an error with its line for every problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgefuse_tools.distill.manifest import Manifest, ManifestError, check_learnable, read, read_labels

LABELS = ["cat", "dog"]


def manifest(folder: Path, lines: list[Any]) -> Path:
    path = folder / "train.jsonl"
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def problem(folder: Path, lines: list[Any], taught: bool = False) -> str:
    with pytest.raises(ManifestError) as raised:
        read(manifest(folder, lines), LABELS, taught)
    return str(raised.value)


def learnable(folder: Path, lines: list[Any], taught: bool = False) -> Manifest:
    found = read(manifest(folder, lines), LABELS, taught)
    check_learnable(found, LABELS)
    return found


def test_reads_records_relative_to_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    lines = [
        {"id": "first", "image": "a.png", "text": "what?", "label": "dog"},
        "",
        {"sensors": {"hot": 1, "wet": 2.5}, "label": "cat"},
        {"sensors": {"wet": 3, "hot": 4}, "label": "cat"},
        {"sensors": [5, 6], "label": "cat"},
    ]
    found = read(manifest(tmp_path, lines), LABELS, taught=False)
    assert [record.line for record in found.records] == [1, 3, 4, 5]
    assert found.records[0].image == tmp_path / "a.png" and found.records[0].label == 1
    assert [record.sensors for record in found.records[1:]] == [(1.0, 2.5), (4.0, 3.0), (5.0, 6.0)]
    assert found.sensors == ("hot", "wet")
    assert found.modalities() == ("image", "text", "sensors")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{nonsense", "malformed record"),
        ("[1]", "a line must be an object"),
        ({"text": "a", "label": "cat", "lable": "cat"}, "unknown key `lable`; a record has audio, id, image, label"),
        ({"label": "cat"}, "none of image, audio, text and sensors"),
        ({"text": "a"}, "no label, and no teacher (--teacher-config)"),
        ({"text": "a", "label": "cow"}, 'unknown label "cow"; the labels are cat, dog'),
        ({"text": "a", "label": 3}, "unknown label 3"),
        ({"text": " ", "label": "cat"}, "`text` must be a non-empty text"),
        ({"image": "none.png", "label": "cat"}, "none.png does not exist"),
        ({"audio": ".", "label": "cat"}, "is not a file"),
        ({"sensors": 3, "label": "cat"}, "`sensors` must be an object of numbers by name, or a list"),
        ({"sensors": {"hot": "3"}, "label": "cat"}, 'hot is "3", not a number'),
        ({"sensors": [True], "label": "cat"}, "sensor1 is true, not a number"),
        ('{"sensors": [NaN], "label": "cat"}', "NaN is not a number"),
    ],
)
def test_a_problem_is_reported_with_its_line(tmp_path: Path, line: Any, expected: str) -> None:
    good = {"text": "fine", "label": "cat"}
    message = problem(tmp_path, [good, line, good])
    assert message.startswith(f"{tmp_path / 'train.jsonl'}:2: ") and expected in message
    assert "\n" not in message


def test_sensors_must_be_the_same_everywhere(tmp_path: Path) -> None:
    message = problem(tmp_path, [{"sensors": {"hot": 1}, "label": "cat"}, {"sensors": {"cold": 1}, "label": "cat"}])
    assert "train.jsonl:2: `sensors` has cold, and earlier records have hot" in message


def test_all_problems_are_reported_up_to_a_limit(tmp_path: Path) -> None:
    lines = problem(tmp_path, ["x"] * 50).splitlines()
    assert len(lines) == 21 and lines[-1] == "... and 30 more"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        read(tmp_path / "none.jsonl", LABELS, taught=False)
    path = tmp_path / "latin.jsonl"
    path.write_bytes(b'{"text": "a", "label": "cat"}\n{"text": "\xe9"}\n')
    with pytest.raises(ManifestError, match=r"latin.jsonl:2: not UTF-8"):
        read(path, LABELS, taught=False)
    path.write_text("\n")
    with pytest.raises(ManifestError, match="no records"):
        read(path, LABELS, taught=False)


def test_labels(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("cat\n\n a dog \n")
    assert read_labels(path) == ["cat", "a dog"]
    path.write_text("cat\ndog\ncat\n")
    with pytest.raises(ManifestError, match=r"labels.txt:3: duplicate label `cat`"):
        read_labels(path)
    path.write_text("cat\n")
    with pytest.raises(ManifestError, match="at least two are needed"):
        read_labels(path)


def test_there_must_be_something_to_learn(tmp_path: Path) -> None:
    two = [{"text": "a", "label": "cat"}, {"text": "b", "label": "dog"}]
    learnable(tmp_path, two * 5)
    for lines, expected in (
        (two, "2 records; at least 10 are needed"),
        ([two[0]] * 12, "every record has the label `cat`"),
    ):
        with pytest.raises(ManifestError, match=expected):
            learnable(tmp_path, lines)
    # Without labels, the teacher may still distinguish the classes.
    learnable(tmp_path, [{"text": "a", "label": "cat"}] * 9 + [{"text": "b"}], taught=True)


def test_modalities_must_occur_together(tmp_path: Path) -> None:
    text = [{"text": "a", "label": label} for label in LABELS] * 5
    sensors = [{"sensors": [1], "label": label} for label in LABELS] * 5
    with pytest.raises(
        ManifestError, match="no overlap between modalities: no record has sensors together with any of text"
    ):
        learnable(tmp_path, text + sensors)
    learnable(tmp_path, [*text, *sensors, {"text": "a", "sensors": [1], "label": "cat"}])

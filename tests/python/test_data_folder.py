"""tests/data stays small, complete and documented."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"
FILES = sorted(path.relative_to(DATA).as_posix() for path in DATA.rglob("*") if path.is_file())


def test_every_recording_has_a_transcript() -> None:
    transcripts = json.loads((DATA / "transcripts.json").read_text(encoding="utf-8"))
    assert sorted(transcripts) == [name for name in FILES if fnmatch(name, "*.wav") and "/" not in name]


def test_every_picture_has_its_answers() -> None:
    pictures = json.loads((DATA / "easyvqa.json").read_text(encoding="utf-8"))
    assert sorted(picture["image"] for picture in pictures) == [
        name for name in FILES if fnmatch(name, "easyvqa-*.png")
    ]
    assert len({picture["color"] for picture in pictures}) == 8
    assert len({picture["shape"] for picture in pictures}) == 3
    assert all(picture["questions"] for picture in pictures)


def test_the_manifest_names_existing_files() -> None:
    records = [json.loads(line) for line in (DATA / "records.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len({record["id"] for record in records}) == len(records)
    for record in records:
        assert all(record[key] in FILES for key in ("image", "audio") if key in record)


def test_every_file_is_in_the_readme() -> None:
    lines = (DATA / "README.md").read_text(encoding="utf-8").splitlines()
    named = {
        word for line in lines if line.startswith("| `") for word in line.split("|")[1].replace("`", "").split(", ")
    }
    patterns = {word.strip() for word in named} - {"bad/*"}  # each of these has its own line
    for name in FILES:
        known = any(fnmatch(name, pattern) or fnmatch(name, f"bad/{pattern}") for pattern in patterns)
        assert known or name == "README.md", f"{name} is missing in README.md"


def test_the_folder_stays_small() -> None:
    assert sum((DATA / name).stat().st_size for name in FILES) < 3_000_000

"""Manifests of training records: JSONL, each line with any of image, audio, text and sensors, and a label."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODALITIES = ("image", "text", "audio", "sensors")
_KEYS = frozenset({"id", "label", *MODALITIES})
_LISTED = 20  # problems
_FEWEST = 10  # records
_MISSING_LABEL = "no label, and no teacher (--teacher-config)"


class ManifestError(Exception):
    """Invalid manifest or list of labels: one line per problem, with file and line number."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = [f"... and {len(problems) - _LISTED} more"] if len(problems) > _LISTED else []
        super().__init__("\n".join([*problems[:_LISTED], *more]))


@dataclass(frozen=True)
class Record:
    """One record. ``line``: line number in the manifest; ``label``: index into the labels, or None."""

    line: int
    image: Path | None
    audio: Path | None
    text: str | None
    sensors: tuple[float, ...] | None
    label: int | None

    def has(self, modality: str) -> bool:
        """Whether the record has the modality."""
        return getattr(self, modality) is not None


@dataclass(frozen=True)
class Manifest:
    """A validated manifest. ``sensors``: their names, in the order of each record's readings."""

    path: Path
    records: tuple[Record, ...]
    sensors: tuple[str, ...]

    def modalities(self) -> tuple[str, ...]:
        """Modalities that at least one record has."""
        return tuple(name for name in MODALITIES if any(record.has(name) for record in self.records))


def read_labels(path: Path) -> list[str]:
    """Reads one label per line; ignores empty lines.

    Raises ManifestError.
    """
    labels: list[str] = []
    problems = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        label = line.strip()
        if label in labels:
            problems.append(f"{path}:{number}: duplicate label `{label}`")
        elif label:
            labels.append(label)
    if not problems and len(labels) < 2:
        problems.append(f"{path}: {len(labels)} label; at least two are needed, one per line")
    if problems:
        raise ManifestError(problems)
    return labels


def read(path: Path, labels: Sequence[str], taught: bool, sensors: tuple[str, ...] | None = None) -> Manifest:
    """Reads and validates ``path``; relative paths in it start from its folder.

    taught: whether a teacher can label records without a label
    sensors: their names, if known from another manifest
    Raises ManifestError with every problem found.
    """
    reader = _Reader(path, labels, taught, sensors)
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if line.strip():
            reader.take(number, line)
    return reader.finish()


def check_learnable(manifest: Manifest, labels: Sequence[str]) -> None:
    """Checks that ``manifest`` can be learned from.

    Raises ManifestError for too few records, a single class, or modalities that never occur together.
    """
    problems = []
    path, records = manifest.path, manifest.records
    if len(records) < _FEWEST:
        problems.append(f"{path}: {len(records)} records; at least {_FEWEST} are needed")
    found = Counter(record.label for record in records)
    if None not in found and len(found) == 1:
        only = labels[records[0].label or 0]
        problems.append(f"{path}: every record has the label `{only}`; with one class there is nothing to distinguish")
    modalities = manifest.modalities()
    for apart in _apart(records, modalities):
        others = ", ".join(name for name in modalities if name not in apart)
        problems.append(
            f"{path}: no overlap between modalities: no record has {' or '.join(apart)} together with any of {others}, "
            "so their relation cannot be learned; distil one student for each, or add records with both"
        )
    if problems:
        raise ManifestError(problems)


def _apart(records: Sequence[Record], modalities: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of modalities that no record connects to the first modality's group."""
    groups = [{name} for name in modalities]
    for record in records:
        joined = [group for group in groups if any(record.has(name) for name in group)]
        if len(joined) > 1:
            groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    home = next((group for group in groups if modalities and modalities[0] in group), set())
    return [tuple(name for name in modalities if name in group) for group in groups if group is not home]


class _Reader:
    def __init__(self, path: Path, labels: Sequence[str], taught: bool, sensors: tuple[str, ...] | None) -> None:
        self._path = path
        self._labels = {label: index for index, label in enumerate(labels)}
        self._taught = taught
        self._sensors = sensors
        self._records: list[Record] = []
        self._problems: list[str] = []
        self._line = 0

    def take(self, number: int, line: str) -> None:
        self._line = number
        try:
            self._records.append(self._record(line))
        except _Problem as problem:
            self._problems.append(f"{self._path}:{number}: {problem}")

    def finish(self) -> Manifest:
        if not self._records and not self._problems:
            self._problems.append(f"{self._path}: no records")
        if self._problems:
            raise ManifestError(self._problems)
        return Manifest(self._path, tuple(self._records), self._sensors or ())

    def _record(self, line: str) -> Record:
        try:
            given = json.loads(line.lstrip("\ufeff"), parse_constant=_no_number)
        except ValueError as error:
            message = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise _Problem(f"malformed record: {message}") from None
        if not isinstance(given, dict):
            raise _Problem('malformed record: a line must be an object such as {"image": "a.png", "label": "cat"}')
        unknown = sorted(set(given) - _KEYS)
        if unknown:
            raise _Problem(f"unknown key `{unknown[0]}`; a record has {', '.join(sorted(_KEYS))}")
        record = Record(
            line=self._line,
            image=self._file(given, "image"),
            audio=self._file(given, "audio"),
            text=self._string(given, "text"),
            sensors=self._readings(given.get("sensors")),
            label=self._label(given),
        )
        if not any(record.has(name) for name in MODALITIES):
            raise _Problem("none of image, audio, text and sensors")
        return record

    def _label(self, given: Mapping[str, Any]) -> int | None:
        label = given.get("label")
        if label is None:
            if not self._taught:
                raise _Problem(_MISSING_LABEL)
            return None
        if not isinstance(label, str) or label not in self._labels:
            known = list(self._labels)
            listed = ", ".join(known[:_LISTED]) + (", ..." if len(known) > _LISTED else "")
            raise _Problem(f"unknown label {json.dumps(label, ensure_ascii=False)}; the labels are {listed}")
        return self._labels[label]

    def _string(self, given: Mapping[str, Any], key: str) -> str | None:
        value = given.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise _Problem(f"`{key}` must be a non-empty text")
        return value

    def _file(self, given: Mapping[str, Any], key: str) -> Path | None:
        name = self._string(given, key)
        if name is None:
            return None
        path = self._path.parent / name
        if not path.is_file():
            raise _Problem(f"`{key}`: {path} {'is not a file' if path.exists() else 'does not exist'}")
        return path

    def _readings(self, given: Any) -> tuple[float, ...] | None:
        if given is None:
            return None
        if not isinstance(given, (dict, list)) or not given:
            raise _Problem("`sensors` must be an object of numbers by name, or a list of numbers")
        names = tuple(given) if isinstance(given, dict) else self._list_names(len(given))
        if self._sensors is None:
            self._sensors = names
        if sorted(names) != sorted(self._sensors):
            raise _Problem(f"`sensors` has {', '.join(names)}, and earlier records have {', '.join(self._sensors)}")
        readings = [given[name] for name in self._sensors] if isinstance(given, dict) else given
        for name, reading in zip(self._sensors, readings):
            number = isinstance(reading, (int, float)) and not isinstance(reading, bool)
            if not number or not math.isfinite(reading) or abs(reading) > 1e30:
                raise _Problem(f"`sensors`: {name} is {json.dumps(reading)}, not a number")
        return tuple(float(reading) for reading in readings)

    def _list_names(self, count: int) -> tuple[str, ...]:
        """Names of readings given as a list, in the order of earlier records."""
        known = self._sensors
        return known if known and len(known) == count else tuple(f"sensor{index + 1}" for index in range(count))


class _Problem(Exception):
    """Problem with one line."""


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ManifestError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ManifestError([f"{path}:{line}: not UTF-8"]) from None

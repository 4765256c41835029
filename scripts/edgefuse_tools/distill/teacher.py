"""The teacher's soft labels: the probability of every label for each record, from the models of a device file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from edgefuse_tools.distill.binary import Binary, Line
from edgefuse_tools.distill.manifest import Manifest, Record

_LEAST = -30.0  # lowest log-probability of a label


def soft_labels(
    binary: Binary,
    manifest: Manifest,
    labels: Sequence[str],
    question: str | None,
    cache: Path,
    report: Callable[[str], None],
) -> np.ndarray:
    """Log-probabilities [records, labels] float32; rows of NaN for records without an answer.

    The question about a record's picture is its text, else the transcript of its audio, else ``question``. Answers are
    kept in ``cache``: an interrupted run resumes, a finished one is reused. Raises BinaryError.
    """
    asked = [record for record in manifest.records if _can_ask(record, question)]
    spoken = any(record.text is None and record.audio is not None for record in asked)
    ask: Line = {"answers": list(labels)}
    steps: list[Line | str] = ["transcribe"] if spoken and question is None else []
    device = binary.device([*steps, {"ask": ask if question is None else ask | {"question": question}}])
    lines = [_line(record, question) for record in asked]
    digest = hashlib.sha256(json.dumps([device, lines], sort_keys=True).encode()).hexdigest()[:12]
    cache.mkdir(parents=True, exist_ok=True)
    output = cache / f"teacher-{digest}.jsonl"
    if asked and not output.is_file():
        report(f"asking the teacher about {len(asked)} records; an interrupted run can be resumed")
        binary.run(device, lines, output, resume=True)
    taught = np.full((len(manifest.records), len(labels)), np.nan, dtype=np.float32)
    if not asked:
        return taught
    found = {line["id"]: line for line in map(json.loads, output.read_text(encoding="utf-8").splitlines())}
    for row, record in enumerate(manifest.records):
        answers = found.get(str(record.line), {}).get("answer", {}).get("answers")
        if answers:
            taught[row] = _log_probabilities(answers, labels)
    report(f"the teacher answered for {int(np.isfinite(taught[:, 0]).sum())} of {len(taught)} records")
    return taught


def agreement(taught: np.ndarray, truth: np.ndarray) -> float | None:
    """Share of records with both where the teacher's first label is the true one."""
    both = np.isfinite(taught[:, 0]) & (truth >= 0)
    return float((taught[both].argmax(axis=1) == truth[both]).mean()) if both.any() else None


def _can_ask(record: Record, question: str | None) -> bool:
    return record.image is not None and (question is not None or record.text is not None or record.audio is not None)


def _line(record: Record, question: str | None) -> Line:
    line: Line = {"id": str(record.line), "image": str(record.image.resolve() if record.image else "")}
    if question is None and record.text is not None:
        line["text"] = record.text
    elif question is None and record.audio is not None:
        line["audio"] = str(record.audio.resolve())
    return line


def _log_probabilities(answers: Sequence[Line], labels: Sequence[str]) -> np.ndarray:
    """Normalised over the labels: the probability of other answers is distributed among them."""
    found = {answer["text"]: float(answer["log_probability"]) for answer in answers}
    row = np.array([max(found.get(label, _LEAST), _LEAST) for label in labels])
    row -= row.max()
    return (row - np.log(np.exp(row).sum())).astype(np.float32)

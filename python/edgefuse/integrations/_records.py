"""What Ray Data and Spark share: lines of a manifest in, rows of a table out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..media import Line
from ..pipeline import Pipeline, Steps
from ..results import Result

#: Columns of a record: its line in the manifest, from 1, and the text of that line.
NUMBER, RECORD = "number", "record"

#: Columns of a result: the record's line and id, its text and errors if it has any, and the line that ``edgefuse run``
#: writes.
SCHEMA = pa.schema(
    [
        (NUMBER, pa.int64()),
        ("id", pa.string()),
        ("text", pa.string()),
        ("error", pa.string()),
        ("result", pa.string()),
    ]
)

_pipelines: dict[str, Pipeline] = {}


def pipeline_of_process(config: Any, threads: int) -> Pipeline:
    """The pipeline of this worker process, created once."""
    key = repr((config, threads))
    if key not in _pipelines:
        _pipelines[key] = Pipeline(config, threads=threads)
    return _pipelines[key]


def rows_of_manifest(path: str | Path) -> Iterator[dict[str, Any]]:
    """The lines of a manifest as rows. Broken lines are rows too; empty ones are not."""
    with open(path, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield {NUMBER: number, RECORD: line.rstrip("\n")}


def results(
    pipeline: Pipeline, numbers: Iterable[int], records: Iterable[str], steps: Steps | None, in_flight: int
) -> dict[str, list[Any]]:
    """The columns of the results of some rows, in their order."""
    numbers = [int(number) for number in numbers]
    lines = (Line(record, None, None, 16_000, f"line {number}") for number, record in zip(numbers, records))
    found: list[Result] = list(pipeline.run(lines, steps=steps, in_flight=in_flight))
    return {
        NUMBER: numbers,
        "id": [result.id for result in found],
        "text": [result.text for result in found],
        "error": ["; ".join(result.errors) or None for result in found],
        "result": [result.json() for result in found],
    }

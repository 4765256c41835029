"""edgefuse in Ray Data: a pool of actors, each with a pipeline of its own.

import edgefuse.integrations.ray as edgefuse_ray

results = edgefuse_ray.run(edgefuse_ray.read_manifest("archive.jsonl"), "configs/cpu.yaml", workers=4)
results.write_parquet("results")
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import ray

from ..pipeline import Steps
from ._records import NUMBER, RECORD, SCHEMA, pipeline_of_process, results, rows_of_manifest


class Worker:
    """An actor: loads the models once, and processes batches of records."""

    def __init__(self, config: Any, steps: Steps | None = None, threads: int = 1, in_flight: int = 1) -> None:
        self._pipeline = pipeline_of_process(config, threads)
        self._steps = steps
        self._in_flight = in_flight

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The results of a batch, in its order."""
        numbers, records = batch.column(NUMBER).to_pylist(), batch.column(RECORD).to_pylist()
        columns = results(self._pipeline, numbers, records, self._steps, self._in_flight)
        return pa.table(columns, schema=SCHEMA)


def read_manifest(path: str | Path, *, done: str | Path | None = None, blocks: int = 64) -> Any:
    """The records of a manifest as a data set with the columns ``number`` and ``record``.

    ``done`` is a folder of Parquet files with earlier results: their records are left out, so that an interrupted run is
    continued. A file there that was not completely written is removed.
    """
    finished = _numbers(Path(done)) if done is not None and Path(done).is_dir() else set()
    rows = [row for row in rows_of_manifest(path) if row[NUMBER] not in finished]
    columns = {key: [row[key] for row in rows] for key in (NUMBER, RECORD)}
    table = pa.table(columns, schema=pa.schema([(NUMBER, pa.int64()), (RECORD, pa.string())]))
    size = max(1, -(-len(rows) // blocks))
    return ray.data.from_arrow([table.slice(start, size) for start in range(0, max(len(rows), 1), size)])


def run(
    records: Any,
    config: Any,
    *,
    workers: int,
    threads: int = 1,
    steps: Steps | None = None,
    in_flight: int = 1,
    batch_size: int = 32,
    **remote: Any,
) -> Any:
    """The results of records, as a data set with the columns of ``SCHEMA``.

    Args:
        records: a data set with the columns ``number`` and ``record``, which is a line of a manifest.
        config: the device file, at the same path on every node.
        workers: actors; each holds the models.
        threads: cores per actor.
        steps: instead of those of the device file.
        in_flight: records in work at once in each actor.
        batch_size: records that are repeated if an actor is lost.
        remote: further arguments of ``map_batches``.

    An actor that is lost is replaced, and its batches are repeated as often as necessary.
    """
    return records.map_batches(
        Worker,
        fn_constructor_kwargs={"config": config, "steps": steps, "threads": threads, "in_flight": in_flight},
        compute=ray.data.ActorPoolStrategy(size=workers),
        batch_format="pyarrow",
        batch_size=batch_size,
        num_cpus=threads,
        max_restarts=-1,
        max_task_retries=-1,
        **remote,
    )


def _numbers(folder: Path) -> set[int]:
    """The records that have a result in a folder."""
    found: set[int] = set()
    for file in sorted(folder.rglob("*.parquet")):
        try:
            found.update(parquet.read_table(file, columns=[NUMBER]).column(NUMBER).to_pylist())
        except (OSError, pa.ArrowInvalid) as problem:
            warnings.warn(f"{file}: removed, because it is not complete: {problem}", stacklevel=3)
            file.unlink()
    return found

"""edgefuse in Spark: in Python workers (``mapInArrow``), or as processes behind a pipe (``rdd.pipe``).

import edgefuse.integrations.spark as edgefuse_spark

records = edgefuse_spark.read_manifest(session, "archive.jsonl", partitions=64)
edgefuse_spark.run(records, "configs/cpu.yaml").write.parquet("results")
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..pipeline import Steps
from ._records import NUMBER, RECORD, SCHEMA, pipeline_of_process, results, rows_of_manifest

#: ``SCHEMA`` as Spark writes it.
_SPARK_SCHEMA = f"{NUMBER} long, id string, text string, error string, result string"

#: Environment variables that matter to the program.
_VARIABLES = ("HOME", "LD_LIBRARY_PATH", "ORT_DYLIB_PATH", "PATH", "RUST_LOG", "TMPDIR")


def read_manifest(session: Any, path: str | Path, *, done: str | Path | None = None, partitions: int = 64) -> Any:
    """The records of a manifest as a data frame with the columns ``number`` and ``record``.

    ``done`` is a folder of Parquet files with earlier results: their records are left out, so that an interrupted run is
    continued.
    """
    rows = [(row[NUMBER], row[RECORD]) for row in rows_of_manifest(path)]
    records = session.createDataFrame(rows, f"{NUMBER} long, {RECORD} string")
    if done is not None and any(Path(done).glob("*.parquet")):
        records = records.join(session.read.parquet(str(done)).select(NUMBER), NUMBER, "left_anti")
    return records.repartition(partitions)


def run(records: Any, config: Any, *, threads: int = 1, steps: Steps | None = None, in_flight: int = 1) -> Any:
    """The results of records, as a data frame with the columns of ``SCHEMA``.

    Each Python worker holds the models, and Spark starts one per core: keep ``spark.python.worker.reuse`` on, and set
    ``spark.task.cpus`` to ``threads``. A task whose worker is lost is repeated, ``spark.task.maxFailures`` times
    (``local[CORES,FAILURES]`` in local mode), and only completed tasks are committed.
    """

    # Arrow, since importing pandas costs each worker more than loading a small model.
    def batches(found: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pipeline = pipeline_of_process(config, threads)
        for batch in found:
            numbers, lines = (batch.column(batch.schema.get_field_index(name)).to_pylist() for name in (NUMBER, RECORD))
            columns = results(pipeline, numbers, lines, steps, in_flight)
            yield pa.RecordBatch.from_pydict(columns, schema=SCHEMA)

    return records.mapInArrow(batches, _SPARK_SCHEMA)


def pipe(lines: Any, config: str | Path, *, program: str = "edgefuse", arguments: Sequence[str] = ()) -> Any:
    """Result lines of an RDD of manifest lines, through a process of the program ``edgefuse`` for each partition.

    Needs the program on every node, and no Python package. A partition whose process fails is repeated as a whole. Of
    the environment, the processes get the variables of ``_VARIABLES`` as they are here.
    """
    words = [program, "--quiet", "--config", os.fspath(config), "run", "-", "--output", "-", *arguments]
    # Spark passes no environment by itself.
    environment = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return lines.pipe(shlex.join(words), env=environment, checkCode=True)

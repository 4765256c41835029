"""The same records through bare processes, Ray Data, and Spark in two ways."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .corpus import Corpus

#: A result: its id, and the record's first error.
Row = tuple[str, "str | None", "str | None"]


@dataclass(frozen=True)
class Job:
    """What an engine is to do."""

    corpus: Corpus
    config: Path
    program: Path
    #: A folder for results, where those of an interrupted run may be.
    output: Path
    workers: int


@dataclass(frozen=True)
class Done:
    """Results by id, and the seconds from the first record to the last result, without starting the engine."""

    rows: list[Row]
    seconds: float


def bare(job: Job) -> Done:
    """As many processes as workers, each with a shard; one that dies is started again and continues."""
    started = time.monotonic()
    output = job.output / "results.jsonl"

    def start(index: int) -> subprocess.Popen[bytes]:
        shard = f"{index}/{job.workers}"
        words: list[str | Path] = [job.program, "--quiet", "--config", job.config, "run", job.corpus.manifest]
        words += ["--shard", shard, "--output", output, "--resume"]
        return subprocess.Popen(words, stderr=subprocess.DEVNULL)

    running = {index: start(index) for index in range(job.workers)}
    while running:
        for index, process in list(running.items()):
            code = process.poll()
            if code is not None and code < 0:
                running[index] = start(index)
            elif code is not None:
                if code not in (0, 1):
                    raise RuntimeError(f"shard {index} ended with {code}")
                del running[index]
        time.sleep(0.02)
    seconds = time.monotonic() - started
    lines = [line for path in sorted(job.output.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return Done([_row(json.loads(line)) for line in lines], seconds)


def ray(job: Job) -> Done:
    """Ray Data: an actor per worker."""
    import pyarrow.parquet as parquet
    import ray as engine

    import edgefuse.integrations.ray as edgefuse_ray

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    engine.init(num_cpus=job.workers, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    engine.data.DataContext.get_current().enable_progress_bars = False
    try:
        started = time.monotonic()
        records = edgefuse_ray.read_manifest(job.corpus.manifest, done=job.output, blocks=4 * job.workers)
        edgefuse_ray.run(records, str(job.config), workers=job.workers).write_parquet(str(job.output))
        seconds = time.monotonic() - started
    finally:
        engine.shutdown()
    return Done(_rows(parquet.read_table(job.output)), seconds)


def spark(job: Job) -> Done:
    """Spark: Python workers, by ``mapInArrow``."""
    import pyarrow.parquet as parquet

    import edgefuse.integrations.spark as edgefuse_spark

    session = _session(job.workers)
    try:
        started = time.monotonic()
        records = edgefuse_spark.read_manifest(
            session, job.corpus.manifest, done=job.output, partitions=8 * job.workers
        )
        results = edgefuse_spark.run(records, str(job.config))
        results.write.mode("append").parquet(str(job.output))
        seconds = time.monotonic() - started
    finally:
        session.stop()
    return Done(_rows(parquet.read_table(job.output)), seconds)


def spark_pipe(job: Job) -> Done:
    """Spark: a process of the program for each partition, by ``rdd.pipe``."""
    import edgefuse.integrations.spark as edgefuse_spark

    session = _session(job.workers)
    try:
        started = time.monotonic()
        lines = session.sparkContext.textFile(str(job.corpus.manifest), 2 * job.workers)
        found = edgefuse_spark.pipe(lines, job.config, program=str(job.program)).collect()
        seconds = time.monotonic() - started
    finally:
        session.stop()
    return Done([_row(json.loads(line)) for line in found], seconds)


ENGINES: dict[str, Callable[[Job], Done]] = {"bare": bare, "ray": ray, "spark": spark, "spark_pipe": spark_pipe}


def _session(workers: int) -> Any:
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    # A task is repeated however often its worker is killed.
    builder = SparkSession.builder.master(f"local[{workers},1000]").appName("edgefuse")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.log.level": "OFF",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "32",
        # A task's results are committed when it ends, not with the whole job, so that an interrupted job is continued.
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _rows(table: Any) -> list[Row]:
    return list(zip(*(table.column(name).to_pylist() for name in ("id", "error", "text"))))


def _row(line: dict[str, Any]) -> Row:
    steps = [value["error"] for value in line.values() if isinstance(value, dict) and "error" in value]
    errors = ([line["error"]] if "error" in line else []) + steps
    texts = [line[key]["text"] for key in ("transcript", "caption", "answer") if "text" in line.get(key, {})]
    return line["id"], "; ".join(dict.fromkeys(errors)) or None, texts[0] if texts else None

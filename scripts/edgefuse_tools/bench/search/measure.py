"""Measures searches: every program indexes the same vectors and answers the same queries, one at a time.

The vectors are random directions. That is the worst case for approximate search: real embeddings cluster, and their nearest
neighbours stand out more. `exact` is NumPy's product in float32, which says what the nearest ten are.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefuse_tools.bench import machine, paths
from edgefuse_tools.bench.errors import BenchError

Floats = npt.NDArray[np.float32]

DIMENSIONS = 512
TOP = 10
BLOCK = 50_000


def section(counts: list[int], queries: int, threads: int, example: Path, only: list[str]) -> dict[str, Any]:
    """Latencies, recall and sizes of every program for each number of vectors."""
    if not example.exists():
        raise BenchError(f"{paths.shown(example)} is missing; run `cargo build --release --example search`")
    described = machine.describe(threads)
    machine.warn_if_busy(described)
    found: dict[str, Any] = {"machine": described, "dimensions": DIMENSIONS, "queries": queries, "counts": {}}
    for count in counts:
        print(f"bench: {count} vectors", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=_work()) as folder:
            found["counts"][str(count)] = _count(Path(folder), count, queries, threads, example, only)
    return found


def _work() -> Path:
    paths.WORK.mkdir(parents=True, exist_ok=True)
    return paths.WORK


def _count(
    folder: Path, count: int, queries: int, threads: int, example: Path, only: list[str]
) -> dict[str, dict[str, Any]]:
    vectors, asked = _made(folder, count, queries)
    exact = _exact(vectors, asked)
    programs: dict[str, Callable[[], tuple[float, int, list[float], list[list[int]]]]] = {
        "edgefuse": lambda: _edgefuse(folder, example, threads),
        "usearch": lambda: _usearch(folder, vectors, asked, threads),
        "sqlite-vec": lambda: _sqlite_vec(folder, vectors, asked),
    }
    results = {}
    for name, run in programs.items():
        if only and not any(part in name for part in only):
            continue
        print(f"bench: {name}", file=sys.stderr)
        seconds, size, times, answers = run()
        right = sum(len(set(one) & set(other)) for one, other in zip(answers, exact))
        # The first query reads the files.
        warm = sorted(times[1:])
        results[name] = {
            "index_seconds": round(seconds, 1),
            "bytes": size,
            "first_ms": round(times[0], 2),
            "median_ms": round(warm[len(warm) // 2], 2),
            "p95_ms": round(warm[int(len(warm) * 0.95)], 2),
            "recall_at_10": round(right / (TOP * len(answers)), 4),
        }
    return results


def _made(folder: Path, count: int, queries: int) -> tuple[Floats, Floats]:
    """Random directions, in a file so that a million of them need not be in memory twice."""
    random = np.random.default_rng(17)
    vectors = np.memmap(folder / "vectors.f32", dtype=np.float32, mode="w+", shape=(count, DIMENSIONS))
    for start in range(0, count, BLOCK):
        block = random.standard_normal((min(BLOCK, count - start), DIMENSIONS), dtype=np.float32)
        vectors[start : start + BLOCK] = block / np.linalg.norm(block, axis=1, keepdims=True)
    vectors.flush()
    asked = random.standard_normal((queries, DIMENSIONS), dtype=np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    asked.tofile(folder / "queries.f32")
    return vectors, asked


def _exact(vectors: Floats, asked: Floats) -> list[list[int]]:
    scores = np.concatenate([vectors[start : start + BLOCK] @ asked.T for start in range(0, len(vectors), BLOCK)])
    return [list(map(int, np.argpartition(-scores[:, at], TOP)[:TOP])) for at in range(len(asked))]


def _edgefuse(folder: Path, example: Path, threads: int) -> tuple[float, int, list[float], list[list[int]]]:
    index = folder / "vectors.idx"
    files = [str(folder / name) for name in ("vectors.f32", "queries.f32")]
    command = [str(example), str(index), str(DIMENSIONS), *files, str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{example.name}: {done.stderr.strip()[-300:]}")
    found = json.loads(done.stdout)
    size = sum(file.stat().st_size for file in index.iterdir())
    shutil.rmtree(index)
    queries = found["queries"]
    return found["index_seconds"], size, [it["ms"] for it in queries], [it["found"] for it in queries]


def _usearch(
    folder: Path, vectors: Floats, asked: Floats, threads: int
) -> tuple[float, int, list[float], list[list[int]]]:
    """usearch's graph (HNSW) over 16-bit floats, with its own defaults."""
    from usearch.index import Index

    started = time.perf_counter()
    index = Index(ndim=DIMENSIONS, metric="cos", dtype="f16")
    index.add(np.arange(len(vectors)), np.asarray(vectors), threads=threads)
    path = folder / "usearch"
    index.save(str(path))
    seconds = time.perf_counter() - started
    times, answers = [], []
    for query in asked:
        started = time.perf_counter()
        answers.append([int(key) for key in index.search(query, TOP, threads=threads).keys])
        times.append((time.perf_counter() - started) * 1e3)
    return seconds, path.stat().st_size, times, answers


def _sqlite_vec(folder: Path, vectors: Floats, asked: Floats) -> tuple[float, int, list[float], list[list[int]]]:
    """sqlite-vec's scan over 32-bit floats: exact, one thread."""
    # Python's own sqlite3 often cannot load extensions.
    import apsw
    import sqlite_vec

    path = folder / "sqlite-vec.db"
    started = time.perf_counter()
    database = apsw.Connection(str(path))
    database.enable_load_extension(True)
    database.load_extension(sqlite_vec.loadable_path())
    database.execute(f"create virtual table vectors using vec0(embedding float[{DIMENSIONS}] distance_metric=cosine)")
    with database:
        rows = ((at, vectors[at].tobytes()) for at in range(len(vectors)))
        database.executemany("insert into vectors(rowid, embedding) values (?, ?)", rows)
    seconds = time.perf_counter() - started
    times, answers = [], []
    query = "select rowid from vectors where embedding match ? and k = ? order by distance"
    for vector in asked:
        started = time.perf_counter()
        answers.append([row for (row,) in database.execute(query, (vector.tobytes(), TOP))])
        times.append((time.perf_counter() - started) * 1e3)
    database.close()
    return seconds, path.stat().st_size, times, answers

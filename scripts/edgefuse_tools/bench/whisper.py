"""The Whisper benchmark: runs the requested variants and returns a section of the results."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgefuse_tools.bench import audio, edgefuse_model, environment, machine, paths, prepare, stats, variants
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.measure import Bench
from edgefuse_tools.bench.variants import CLIP, COLD, LONG, WER, Variant
from edgefuse_tools.bench.wer import whisper_normalizer


def section(
    model: str,
    binary: Path,
    threads: int,
    workloads: Sequence[str],
    repeats: dict[str, int],
    only: Sequence[str],
    fallback: bool,
) -> dict[str, Any]:
    """One model's section of the results.

    only: run variants whose names contain one of these; empty for all
    """
    bench = _bench(model, binary, threads, fallback)
    selected = [one for one in _variants(model) if not only or any(part in one.name for part in only)]
    # Measured before our own load: load from other programs spoils the times.
    described = machine.describe(threads)
    machine.warn_if_busy(described)
    usable = bench.usable(selected)
    if CLIP in workloads:
        bench.clip_in_process(usable, repeats[CLIP])
    if COLD in workloads:
        bench.cold(usable, repeats[COLD])
    if LONG in workloads:
        bench.long_in_process(usable, repeats[LONG])
    if WER in workloads:
        bench.word_errors(usable)
    bench.finish()
    ours = [one for one in selected if one.engine == variants.EDGEFUSE]
    packages = [package for one in usable for package in one.packages]
    return {
        **machine.origin(binary, packages, described),
        "fallback": fallback,
        "repeats": {workload: repeats[workload] for workload in workloads if workload in repeats},
        "audio": {
            name: {"source": recording.source, "seconds": recording.seconds, "sha256": recording.sha256}
            for name, recording in ((CLIP, bench.clip), (LONG, bench.long))
        },
        "headline": _headline(ours),
        "engines": {one.name: bench.engines[one.name] for one in selected if one.name in bench.engines},
        "ratios": _ratios(bench.engines, [one.name for one in ours]),
        "not_run": bench.not_run,
    }


def _bench(model: str, binary: Path, threads: int, fallback: bool) -> Bench:
    if not binary.is_file():
        raise BenchError(f"{binary}: no such program; run `cargo build --release`, or pass --edgefuse")
    jfk: Path | None = paths.WORK / audio.JFK
    if not environment.is_jfk(paths.WORK / audio.JFK):
        jfk = None
    recordings = audio.speech(paths.DATA, jfk)
    committed = audio.speech(paths.DATA, None)
    normalize = None
    try:
        normalize = whisper_normalizer(english_only=model.endswith(".en"))
    except BenchError as error:
        print(f"bench: no word errors: {error}", file=sys.stderr)
    machine.pin(threads)
    return Bench(
        model=model,
        threads=threads,
        fallback=fallback,
        binary=binary.absolute(),
        environment=machine.environment(threads),
        clip=audio.make_clip(paths.DATA, jfk, paths.WORK / "audio" / "clip.wav"),
        long=audio.make_long(committed, paths.WORK / "audio" / "long.wav"),
        recordings=recordings,
        normalize=normalize,
    )


def _variants(model: str) -> list[Variant]:
    precisions = edgefuse_model.precisions(prepare.weights("edgefuse", model))
    return [*variants.edgefuse(precisions), *variants.peers()]


def _headline(ours: list[Variant]) -> dict[str, str]:
    """The edgefuse variants that the table compares with."""
    sequential = next((one.name for one in ours if not one.batched), "")
    return {"sequential": sequential, "batched": next((one.name for one in ours if one.batched), "")}


def _ratios(engines: dict[str, dict[str, Any]], ours: list[str]) -> dict[str, dict[str, dict[str, float]]]:
    found = {}
    for workload in (CLIP, LONG, COLD):
        medians = {name: one[workload]["median"] for name, one in engines.items() if workload in one}
        found[workload] = stats.ratios(medians, ours)
    return found

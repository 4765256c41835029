"""The benchmark of BLIP: every engine in turn, round after round, one workload after another."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgefuse_tools.bench import blip_weights, machine, paths, stats
from edgefuse_tools.bench.blip_variants import TASK, BlipVariant, variants
from edgefuse_tools.bench.child import Child
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.variants import EDGEFUSE

PICTURE, OTHER_PICTURE = (paths.ROOT / f"tests/fixtures/blip/photo-{name}.png" for name in ("rgb", "gray"))


def section(binary: Path, threads: int, workloads: Sequence[str], repeats: int, only: Sequence[str]) -> dict[str, Any]:
    """Runs the variants and returns the results of BLIP base.

    only: run variants whose names contain one of these; empty for all
    """
    if not binary.is_file():
        raise BenchError(f"{binary}: no such program; run `cargo build --release`, or pass --edgefuse")
    described = machine.describe(threads)
    machine.warn_if_busy(described)
    machine.pin(threads)
    bench = BlipBench(binary.absolute(), threads)
    selected = [one for one in variants() if not only or any(part in one.name for part in only)]
    usable = [one for one in selected if bench.installed(one)]
    for workload in workloads:
        bench.rounds(workload, usable, repeats)
    ours = [one.name for one in usable if one.name.startswith(EDGEFUSE)]
    medians = {
        workload: {name: one[workload]["median"] for name, one in bench.engines.items() if workload in one}
        for workload in workloads
    }
    packages = [package for one in usable for package in one.packages]
    return {
        **machine.origin(binary, packages, described),
        "repeats": repeats,
        "headline": next(iter(ours), ""),
        "engines": bench.engines,
        "ratios": {workload: stats.ratios(found, ours) for workload, found in medians.items()},
        "not_run": bench.not_run,
    }


class BlipBench:
    """Results by engine variant and workload, and what did not run and why."""

    def __init__(self, binary: Path, threads: int) -> None:
        self._binary, self._threads = binary, threads
        self._environment = machine.environment(threads)
        self.engines: dict[str, dict[str, Any]] = {}
        self.not_run: list[dict[str, str]] = []

    def installed(self, variant: BlipVariant) -> bool:
        missing = [package for package in variant.packages if machine.version(package) is None]
        if missing:
            self._note(variant, "all", f"{missing[0]} is not installed; run `python scripts/bench.py setup`")
        return not missing

    def rounds(self, workload: str, usable: Sequence[BlipVariant], repeats: int) -> None:
        """Runs the workload `repeats` times with each variant that takes part, after a warm-up."""
        taking = [one for one in usable if workload in one.workloads]
        with contextlib.ExitStack() as stack:
            children: dict[str, Child] = {}
            for turn in range(-1, repeats):
                for variant in list(taking):
                    try:
                        if turn < 0:
                            child = Child(variant.engine, self._environment, paths.SCRIPTS)
                            children[variant.name] = stack.enter_context(child)
                            child.load(self._options(variant, workload))
                        done = children[variant.name].run()
                    except BenchError as error:
                        self._note(variant, workload, str(error))
                        taking.remove(variant)
                        continue
                    if turn >= 0:
                        self._add(variant, workload, done)
        for variant in taking:
            measured = self.engines[variant.name][workload]
            measured["median"] = stats.median(measured["seconds"])

    def _options(self, variant: BlipVariant, workload: str) -> dict[str, Any]:
        folder = blip_weights.weights(TASK[workload])
        return {
            "workload": workload,
            "checkpoint": str(folder / "checkpoint"),
            "model": str(folder / "onnx"),
            "image": str(PICTURE),
            "warm_up": str(OTHER_PICTURE),
            "threads": self._threads,
            "precision": variant.precision,
            "binary": str(self._binary),
        }

    def _add(self, variant: BlipVariant, workload: str, done: dict[str, Any]) -> None:
        empty = {"seconds": [], "peak_bytes": 0, "text": done["text"]}
        entry = self.engines.setdefault(variant.name, {}).setdefault(workload, empty)
        entry["seconds"].append(round(done["seconds"], 4))
        entry["peak_bytes"] = max(entry["peak_bytes"], done["peak_bytes"])
        self._say(variant, workload, f"{done['seconds']:.2f} s, {done['peak_bytes'] / 1e6:.0f} MB")

    def _note(self, variant: BlipVariant, workload: str, why: str) -> None:
        self.not_run.append({"engine": variant.name, "workload": workload, "why": why})
        self._say(variant, workload, f"not run: {why}")

    def _say(self, variant: BlipVariant, workload: str, what: str) -> None:
        print(f"bench: blip: {workload}: {variant.name}: {what}", file=sys.stderr, flush=True)

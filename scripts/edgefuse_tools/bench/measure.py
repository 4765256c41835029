"""The workloads: all variants take turns, round after round, so that other load on the machine affects them alike."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgefuse_tools.bench import edgefuse_model, paths, prepare
from edgefuse_tools.bench.audio import Recording
from edgefuse_tools.bench.child import Child
from edgefuse_tools.bench.engines import edgefuse as edgefuse_cli
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.machine import version
from edgefuse_tools.bench.process import last_line, run
from edgefuse_tools.bench.stats import median
from edgefuse_tools.bench.variants import BEAM, CLIP, COLD, EDGEFUSE, LONG, WER, Variant
from edgefuse_tools.bench.wer import Normalizer, score


@dataclass
class Bench:
    """One benchmark of one model: its settings and its results.

    engines     variant -> workload -> measurement
    not_run     what did not run, on which workload, and why
    """

    model: str
    threads: int
    fallback: bool
    binary: Path
    environment: dict[str, str]
    clip: Recording
    long: Recording
    recordings: list[Recording]
    normalize: Normalizer | None
    engines: dict[str, dict[str, Any]] = field(default_factory=dict)
    not_run: list[dict[str, str]] = field(default_factory=list)

    def usable(self, variants: Iterable[Variant]) -> list[Variant]:
        """The variants that are installed and have weights; the others are recorded as not run."""
        found = []
        for variant in variants:
            missing = [package for package in variant.packages if version(package) is None]
            try:
                if missing:
                    raise BenchError(f"{missing[0]} is not installed; run `python scripts/bench.py setup`")
                prepare.weights(variant.weights, self.model)
            except BenchError as error:
                self._note(variant, "all", str(error))
            else:
                found.append(variant)
        return found

    def clip_in_process(self, variants: list[Variant], repeats: int) -> None:
        """The clip, greedy, after a warm-up."""
        self._rounds(CLIP, self.clip, variants, repeats)

    def long_in_process(self, variants: list[Variant], repeats: int) -> None:
        """The long recording, greedy with timestamps, after the clip as warm-up."""
        self._rounds(LONG, self.long, variants, repeats)

    def cold(self, variants: list[Variant], repeats: int) -> None:
        """A process from its start to the clip's transcript: edgefuse itself, or a minimal Python program around a
        library (bench/cold.py). A first round, which loads the files into the page cache, does not count."""
        taking = [variant for variant in variants if COLD in variant.workloads]
        with tempfile.TemporaryDirectory() as folder:
            for turn in range(repeats + 1):
                for variant in list(taking):
                    try:
                        done = run(self._cold_command(variant, Path(folder)), self.environment, paths.SCRIPTS)
                        if done.code != 0:
                            raise BenchError(f"exit code {done.code}: {last_line(done.complaint)}")
                    except BenchError as error:
                        self._note(variant, COLD, str(error))
                        taking.remove(variant)
                        continue
                    if turn > 0:
                        self._add(variant, COLD, done.seconds, done.peak_bytes, done.output.strip())

    def word_errors(self, variants: list[Variant]) -> None:
        """Every recording, greedy and with beams; not timed."""
        for variant in variants:
            if WER not in variant.workloads or self.normalize is None:
                continue
            for beams in (1, BEAM):
                found: dict[str, str] = {}
                try:
                    with self._child(variant, beams) as child:
                        for recording in self.recordings:
                            found[recording.path.name] = child.transcribe(recording.path)["text"]
                except BenchError as error:
                    self._note(variant, WER if beams == 1 else f"{WER}, {beams} beams", str(error))
                    continue
                total = score(((one.text, found[one.path.name]) for one in self.recordings), self.normalize)
                self._say(WER, variant, f"{total.errors} of {total.words} words, {beams} beams")
                entry = {"rate": total.rate, "errors": total.errors, "words": total.words, "texts": found}
                self._entry(variant).setdefault(WER, {})["greedy" if beams == 1 else f"beam {beams}"] = entry

    def finish(self) -> None:
        """Medians, and the long recording's word errors."""
        for measured in self.engines.values():
            for name in (CLIP, LONG, COLD):
                if name in measured:
                    measured[name]["median"] = median(measured[name]["seconds"])
            if LONG in measured and self.normalize is not None:
                total = score([(self.long.text, measured[LONG]["text"])], self.normalize)
                measured[LONG]["wer"] = {"rate": total.rate, "errors": total.errors, "words": total.words}

    def _rounds(self, workload: str, recording: Recording, variants: list[Variant], repeats: int) -> None:
        with contextlib.ExitStack() as stack:
            children: dict[str, Child] = {}
            taking = [variant for variant in variants if workload in variant.workloads]
            for turn in range(-1, repeats):  # -1 is the warm-up
                for variant in list(taking):
                    if variant.once and workload == LONG and turn > 0:
                        continue
                    try:
                        if turn < 0:
                            children[variant.name] = stack.enter_context(self._child(variant, 1))
                        done = children[variant.name].transcribe(self.clip.path if turn < 0 else recording.path)
                    except BenchError as error:
                        self._note(variant, workload, str(error))
                        taking.remove(variant)
                        continue
                    if turn < 0:
                        self._say(workload, variant, "loaded and warm")
                    else:
                        self._add(variant, workload, done["seconds"], done["peak_bytes"], done["text"])

    def _child(self, variant: Variant, beams: int) -> Child:
        child = Child(variant.engine, self.environment, paths.SCRIPTS)
        try:
            child.load(self._options(variant, beams))
        except BaseException:
            child.__exit__(*sys.exc_info())
            raise
        return child

    def _options(self, variant: Variant, beams: int) -> dict[str, Any]:
        weights = prepare.weights(variant.weights, self.model)
        options = {**variant.options, "model": str(weights), "threads": self.threads, "beams": beams}
        options["fallback"] = self.fallback
        if variant.engine == EDGEFUSE:
            precision, batched = variant.options["precision"], variant.batched
            device = paths.WORK / EDGEFUSE / f"{self.model}-{precision}{'-batched' if batched else ''}.yaml"
            content = edgefuse_model.device_file(edgefuse_model.shipped(), weights, precision, self.threads, batched)
            edgefuse_model.write_device_file(device, content)
            options |= {"binary": str(self.binary), "device": str(device), "warm_up": str(self.clip.path)}
        return options

    def _cold_command(self, variant: Variant, folder: Path) -> list[str]:
        options = self._options(variant, 1)
        if variant.engine == EDGEFUSE:
            return edgefuse_cli.command(options, str(self.clip.path))
        file = folder / "options.json"
        file.write_text(json.dumps(options), encoding="utf-8")
        return [sys.executable, "-m", "edgefuse_tools.bench.cold", variant.engine, str(file), str(self.clip.path)]

    def _entry(self, variant: Variant) -> dict[str, Any]:
        return self.engines.setdefault(variant.name, {})

    def _add(self, variant: Variant, workload: str, seconds: float, peak: int, text: str) -> None:
        entry = self._entry(variant).setdefault(workload, {"seconds": [], "peak_bytes": 0, "text": text})
        entry["seconds"].append(round(seconds, 4))
        entry["peak_bytes"] = max(entry["peak_bytes"], peak)
        self._say(workload, variant, f"{seconds:.2f} s, {peak / 1e6:.0f} MB")

    def _note(self, variant: Variant, workload: str, why: str) -> None:
        self.not_run.append({"engine": variant.name, "workload": workload, "why": why})
        self._say(workload, variant, f"not run: {why}")

    def _say(self, workload: str, variant: Variant, what: str) -> None:
        print(f"bench: {self.model}: {workload}: {variant.name}: {what}", file=sys.stderr, flush=True)

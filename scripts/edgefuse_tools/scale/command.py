"""Runs every engine on one corpus: checks that no record is lost or repeated, also while workers are killed.

Without ``--kills`` it also prints the times, each engine's divided by that of bare processes. With ``--resume`` each engine's driver
is killed, too, and started again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import corpus
from .engines import ENGINES, Done, Job
from .kill import Killer
from .options import ROOT, add_options
from .resume import RESUMABLE, interrupted, resumed


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scale", description=__doc__)
    add_options(parser)
    options = parser.parse_args(arguments)
    report = run(options)
    if options.json:
        print(json.dumps(report))
    return 0


def run(options: argparse.Namespace) -> dict[str, object]:
    """Makes the records and measures the engines."""
    config = options.config or ROOT / "tests/fixtures/tiny/device.yaml"
    os.environ.setdefault("ORT_DYLIB_PATH", str(ROOT / "lib/libonnxruntime.so"))
    with tempfile.TemporaryDirectory(prefix="edgefuse-scale-") as folder:
        made = corpus.make(Path(folder, "corpus"), options.records)
        if options.resume:
            check_resume(options, made, config.resolve(), Path(folder))
        return measure(options, made, config.resolve(), Path(folder))


def measure(options: argparse.Namespace, made: corpus.Corpus, config: Path, folder: Path) -> dict[str, object]:
    """The times of the engines; raises if a record is lost, repeated or different."""
    seconds: dict[str, float] = {}
    texts: dict[str, str | None] | None = None
    for name in options.engines:
        output = folder / name
        output.mkdir()
        job = Job(made, config, options.edgefuse.resolve(), output, options.workers)
        with Killer(options.kills) as killer:
            done = ENGINES[name](job)
        check(name, made, done)
        found = {row[0]: row[2] for row in done.rows}
        texts = texts or found
        if found != texts:
            raise SystemExit(f"{name}: results differ from those of {options.engines[0]}")
        seconds[name] = done.seconds
        print(
            f"{name:10}  {made.records} records once, {len(made.broken)} errors in place, {len(killer.killed)} workers "
            f"killed  {done.seconds:.1f} s",
            file=sys.stderr,
        )
        shutil.rmtree(output)
    bare = seconds.get("bare")
    return {
        "records": made.records,
        "workers": options.workers,
        "config": str(config),
        "machine": machine(),
        "kills": options.kills,
        "seconds": seconds,
        "over_bare": {name: round(time / bare, 3) for name, time in seconds.items()} if bare else {},
    }


def check_resume(options: argparse.Namespace, made: corpus.Corpus, config: Path, folder: Path) -> None:
    """Raises if an engine that is killed and started again loses, repeats or processes everything again."""
    for name in [name for name in options.engines if name in RESUMABLE]:
        output = folder / f"{name}-resumed"
        output.mkdir()
        job = Job(made, config, options.edgefuse.resolve(), output, options.workers)
        files = interrupted(name, job)
        check(name, made, resumed(name, job, files))
        print(f"{name:10}  driver killed after {len(files)} files of results, then every record once", file=sys.stderr)
        shutil.rmtree(output)


def check(name: str, made: corpus.Corpus, done: Done) -> None:
    """Whether every record has one result, and exactly the broken ones an error."""
    expected = {f"r{number}" for number in range(1, made.records + 1)}
    ids = [row[0] for row in done.rows]
    if len(ids) != len(set(ids)) or set(ids) != expected:
        missing, unknown = sorted(expected - set(ids)), sorted(set(ids) - expected)
        raise SystemExit(
            f"{name}: {len(ids)} results of {made.records} records, {len(ids) - len(set(ids))} of them repeated; "
            f"missing {missing[:5]}, unknown {unknown[:5]}"
        )
    failed = {row[0] for row in done.rows if row[1]}
    broken = {f"r{number}" for number in made.broken}
    if failed != broken:
        raise SystemExit(f"{name}: errors of {sorted(failed ^ broken)[:5]} are not where they should be")


def machine() -> str:
    """The processor, and how many cores."""
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return f"{model}, {os.cpu_count()} cores, commit {commit.stdout.strip()}"


if __name__ == "__main__":
    sys.exit(main())

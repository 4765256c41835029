"""A run that is killed with its driver and all workers, as by a power cut, and started again on the same output.

The module's own command line is one driver: ``python -m edgefuse_tools.scale.resume ENGINE ...``.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from .corpus import Corpus
from .engines import ENGINES, Done, Job
from .kill import descendants

#: ``spark_pipe`` has no results before its end.
RESUMABLE = ("bare", "ray", "spark")
LONGEST_S = 300.0


def interrupted(name: str, job: Job) -> list[Path]:
    """Kills a driver once its first results are there; returns the files of results that it left."""
    words: list[str | Path] = [
        "--manifest",
        job.corpus.manifest,
        "--records",
        str(job.corpus.records),
        "--config",
        job.config,
    ]
    words += ["--program", job.program, "--output", job.output, "--workers", str(job.workers)]
    log = job.output.with_suffix(".log")
    with log.open("wb") as errors:
        driver = subprocess.Popen([sys.executable, "-m", __spec__.name, name, *words], stdout=errors, stderr=errors)
    limit = time.monotonic() + LONGEST_S
    while not _results(job.output):
        if driver.poll() is not None or time.monotonic() > limit:
            driver.kill()
            last = log.read_text(errors="replace").rstrip().rpartition("\n")[2]
            raise SystemExit(f"{name}: the driver ended with {driver.wait()} before it had written results: {last}")
        time.sleep(0.01)
    # Stopped first, so that none of them notices the end of another.
    below = descendants(driver.pid)
    for pid in (driver.pid, *below):
        _send(pid, signal.SIGSTOP)
    for pid in (*descendants(driver.pid), *below, driver.pid):
        _send(pid, signal.SIGKILL)
    driver.wait()
    return _results(job.output)


def resumed(name: str, job: Job, files: list[Path]) -> Done:
    """The results of a run that continues what :func:`interrupted` left in ``files``."""
    done = ENGINES[name](job)
    lost = [path.name for path in files if path.suffix == ".parquet" and not path.exists()]
    if lost:
        raise SystemExit(f"{name}: the second run replaced results of the first: {lost[:5]}")
    return done


def _results(output: Path) -> list[Path]:
    """Complete Parquet files, or of bare processes the files that they continue."""
    found = []
    for path in output.rglob("*"):
        if path.is_file() and "_temporary" not in path.parts and path.suffix != ".crc":
            content = path.read_bytes()
            if content.endswith(b"PAR1") if path.suffix == ".parquet" else content:
                found.append(path)
    return found


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def main() -> int:
    """A driver."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=RESUMABLE)
    for option in ("--manifest", "--config", "--program", "--output"):
        parser.add_argument(option, type=Path, required=True)
    for option in ("--records", "--workers"):
        parser.add_argument(option, type=int, required=True)
    options = parser.parse_args()
    corpus = Corpus(options.manifest, options.records, frozenset())
    ENGINES[options.engine](Job(corpus, options.config, options.program, options.output, options.workers))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Kills edgefuse at random moments, takes away disk space, folders and file handles, and checks the results.

Every check compares with the results of an undisturbed run of the same inputs: each there once, equal but for the times. The
moments are drawn from a seed, which is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edgefuse_tools import ROOT

PICTURES = sorted((ROOT / "tests/data").glob("easyvqa-*.png"))
LONGEST_MOMENT = 1.2
"""Seconds after the start in which a process is ended: loading the models is part of them."""
LONGEST_WORK = 0.3
"""Seconds after the first result in which `watch` is ended, three times out of four."""
FILES_PER_KILL = 10
RECORDS_PER_KILL = 40
SECONDS_TO_FINISH = 3600
"""After this a process hangs, on the busiest machine."""

Result = dict[str, object]


class Workspace:
    """The binary, a device file and a work folder."""

    def __init__(self, binary: Path, folder: Path, seed: int) -> None:
        self.binary = binary
        self.folder = folder
        self.draw = random.Random(seed)
        library = os.environ.get("ORT_DYLIB_PATH", ROOT / "lib/libonnxruntime.so")
        self.environment = {**os.environ, "EDGEFUSE_CACHE": str(folder / "cache"), "ORT_DYLIB_PATH": str(library)}
        self.device = folder / "board.yaml"
        self.device.write_text(
            f"device: kills\nmodels: {{blip: {{path: {ROOT}/onnx/blip-easyvqa}}, student: {{path: {ROOT}/onnx/student}}}}\n"
            "pipeline: [caption, fuse]\n"
        )

    def start(self, *arguments: object, handles: int | None = None) -> subprocess.Popen[str]:
        """Starts edgefuse and captures its standard error."""
        command = [str(self.binary), "--quiet", "--config", str(self.device), *map(str, arguments)]

        def limit() -> None:
            if handles:
                resource.setrlimit(resource.RLIMIT_NOFILE, (handles, handles))

        return subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            preexec_fn=limit,
        )

    def run(self, *arguments: object, handles: int | None = None) -> tuple[int, str]:
        """Runs edgefuse to completion; returns exit code and standard error."""
        process = self.start(*arguments, handles=handles)
        stderr = self.finish(process)
        return process.returncode, stderr

    def finish(self, process: subprocess.Popen[str]) -> str:
        """Waits for the end of a process, which is killed if it hangs; its standard error."""
        try:
            _, stderr = process.communicate(timeout=SECONDS_TO_FINISH)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        expect("panicked" not in stderr, f"a panic: {stderr}")
        return stderr

    def end_at_random(
        self, process: subprocess.Popen[str], by: signal.Signals, longest: float = LONGEST_MOMENT
    ) -> bool:
        """Signals the process at a random moment; returns whether it was still running."""
        try:
            _, stderr = process.communicate(timeout=self.draw.uniform(0, longest))
        except subprocess.TimeoutExpired:
            process.send_signal(by)
            self.finish(process)
            return True
        expect(process.returncode == 0, f"ended by itself with {process.returncode}: {stderr}")
        return False

    def manifest(self, records: int) -> Path:
        """Writes a manifest of records with unique ids."""
        path = self.folder / f"records-{records}.jsonl"
        lines = ({"id": f"r{n}", "image": str(PICTURES[n % len(PICTURES)])} for n in range(records))
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path


def main() -> int:
    """Runs every check; returns 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=200, help="how often each command is killed")
    parser.add_argument("--only", default="", help="only checks with this in their title, such as `watch`")
    parser.add_argument("--seed", type=int, default=20261130)
    options = parser.parse_args()
    print(f"seed {options.seed}")
    checks: list[tuple[str, Callable[[Workspace], str]]] = [
        ("run --resume, killed", lambda workspace: kill_runs(workspace, options.kills)),
        ("watch, killed", lambda workspace: kill_watch(workspace, options.kills, signal.SIGKILL)),
        (
            "watch, stopped by SIGTERM",
            lambda workspace: kill_watch(workspace, max(options.kills // 4, 3), signal.SIGTERM),
        ),
        ("two runs on one output", two_runs),
        ("disk full", full_disk),
        ("results folder away, then back", folder_away),
        ("few file handles", few_handles),
    ]
    failed = 0
    for title, check in (it for it in checks if options.only in it[0]):
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            try:
                outcome = check(Workspace(options.binary.resolve(), Path(folder), options.seed))
            except (AssertionError, subprocess.TimeoutExpired) as error:
                outcome, failed = f"FAILED: {error}", failed + 1
            print(f"{title}: {outcome} ({time.monotonic() - started:.0f} s)", flush=True)
    return min(failed, 1)


def kill_runs(workspace: Workspace, kills: int) -> str:
    """Resumes a run after each kill, and compares the whole file."""
    manifest = workspace.manifest(kills * RECORDS_PER_KILL)
    undisturbed, output = workspace.folder / "undisturbed.jsonl", workspace.folder / "killed.jsonl"
    code, stderr = workspace.run("run", manifest, "--output", undisturbed)
    expect(code == 0, stderr)
    killed = finished = amid = 0
    partial = output.with_name("killed.jsonl.partial")
    while killed < kills:
        before = written(partial)
        process = workspace.start("run", manifest, "--output", output, "--resume")
        if workspace.end_at_random(process, signal.SIGKILL):
            killed += 1
            amid += written(partial) > before
        else:
            # All done before all kills were spent: the last one is checked, and the next one starts over.
            finished += 1
            compare(lines(output), lines(undisturbed))
            output.unlink()
    expect(amid > 0, "no kill came while results were written")
    code, stderr = workspace.run("run", manifest, "--output", output, "--resume")
    expect(code == 0, stderr)
    compare(lines(output), lines(undisturbed))
    left = sorted(path.name for path in workspace.folder.glob("killed.jsonl*"))
    expect(left == ["killed.jsonl"], f"left behind: {left}")
    return f"{killed} kills, {amid} amid results, {finished + 1} whole files of {kills * RECORDS_PER_KILL} results"


def kill_watch(workspace: Workspace, kills: int, by: signal.Signals) -> str:
    """Ends the service again and again while files come in, and compares the results."""
    inputs, results = workspace.folder / "in", workspace.folder / "out"
    inputs.mkdir()
    results.mkdir()
    expected: dict[str, list[Result]] = {}
    killed = amid = put = 0
    while killed < kills:
        before = count(results)
        process = workspace.start("watch", inputs, "--results", results)
        for _ in range(FILES_PER_KILL if put < kills * FILES_PER_KILL else 0):
            shutil.copy(PICTURES[put % len(PICTURES)], inputs / f"{put:05}.png")
            put += 1
        if workspace.draw.random() < 0.25:
            killed += workspace.end_at_random(process, by)
            continue
        # A file is taken when three looks, half a second apart, saw it unchanged.
        wait_for_more(results, before)
        killed += workspace.end_at_random(process, by, LONGEST_WORK)
        amid += count(results) < put
    expect(amid > 0, "no kill came while files were waiting")
    made = {path.name: path.stat().st_mtime_ns for path in results.glob("*.jsonl")}
    code, stderr = workspace.run("watch", inputs, "--results", results, "--until-idle", 2)
    expect(code == 0, stderr)
    whole = list(results.glob("*.jsonl"))
    expect(len(whole) == kills * FILES_PER_KILL, f"{len(whole)} results of {kills * FILES_PER_KILL}")
    again = [name for name, at in made.items() if (results / name).stat().st_mtime_ns != at]
    expect(not again, f"made twice: {again}")
    left = [path.name for path in results.iterdir() if path.suffix != ".jsonl"]
    expect(not left, f"left behind: {left}")
    for n, picture in enumerate(PICTURES):
        code, stderr = workspace.run("run", picture, "--output", workspace.folder / f"{n}.jsonl")
        expect(code == 0, stderr)
        expected[picture.name] = [stripped(line) for line in lines(workspace.folder / f"{n}.jsonl")]
    for n in range(kills * FILES_PER_KILL):
        found = [stripped(line) for line in lines(results / f"{n:05}.png.jsonl")]
        picture = PICTURES[n % len(PICTURES)]
        expect(found == expected[picture.name], f"{n:05}.png: {found} for {expected[picture.name]}")
    return f"{killed} times, {amid} amid results; {len(made)} of {len(whole)} were there before the last start"


def two_runs(workspace: Workspace) -> str:
    """A second run is refused while the first writes, and may go on once that was killed."""
    manifest, output = workspace.manifest(600), workspace.folder / "r.jsonl"
    first = workspace.start("run", manifest, "--output", output)
    partial = output.with_name("r.jsonl.partial")
    while not partial.exists() or not partial.stat().st_size:
        expect(first.poll() is None, "the first run ended early")
        time.sleep(0.01)
    for extra in ([], ["--resume"]):
        code, stderr = workspace.run("run", manifest, "--output", output, *extra)
        expect(code == 2 and f"process {first.pid}" in stderr, f"{code}: {stderr}")
    first.kill()
    first.communicate()
    code, stderr = workspace.run("run", manifest, "--output", output, "--resume")
    expect(code == 0 and len({line["id"] for line in lines(output)}) == len(lines(output)) == 600, stderr)
    return "the second one was refused, and went on after the first was killed"


def full_disk(workspace: Workspace) -> str:
    """A full file system: an error and no lost line in `run`; `watch` waits until there is room."""
    with small_disk(workspace.folder) as disk:
        if disk is None:
            return "not run: no file system can be mounted here"
        manifest, output = workspace.manifest(600), disk / "r.jsonl"
        code, stderr = workspace.run("run", manifest, "--output", output)
        expect(code == 2 and "cannot write" in stderr, f"{code}: {stderr}")
        expect(not output.exists(), "a half-written output")
        there = len(lines(disk / "r.jsonl.partial", torn=True))
        expect(there > 0, "nothing of the interrupted run is left")
        shutil.move(disk / "r.jsonl.partial", workspace.folder / "r.jsonl.partial")
        code, stderr = workspace.run("run", manifest, "--output", workspace.folder / "r.jsonl", "--resume")
        expect(code == 0 and len(lines(workspace.folder / "r.jsonl")) == 600, stderr)

        inputs = workspace.folder / "in"
        inputs.mkdir()
        shutil.copy(PICTURES[0], inputs / "a.png")
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        results = disk / "out"
        try:
            results.mkdir()
        except OSError:
            ballast.write_bytes(b"")
            results.mkdir()
        process = workspace.start("watch", inputs, "--results", results)
        time.sleep(4)
        expect(process.poll() is None, "the service ended at a full disk")
        ballast.unlink(missing_ok=True)
        wait_for(results / "a.png.jsonl")
        process.terminate()
        process.communicate()
    return f"run stopped after {there} results and was resumed; watch went on once there was room"


def folder_away(workspace: Workspace) -> str:
    """The service outlives its results folder."""
    inputs, results = workspace.folder / "in", workspace.folder / "out"
    inputs.mkdir()
    results.mkdir()
    process = workspace.start("watch", inputs, "--results", results)
    time.sleep(1)
    results.rename(workspace.folder / "elsewhere")
    shutil.copy(PICTURES[0], inputs / "a.png")
    time.sleep(3)
    expect(process.poll() is None, "the service ended without its results folder")
    (workspace.folder / "elsewhere").rename(results)
    wait_for(results / "a.png.jsonl")
    process.terminate()
    _, stderr = process.communicate()
    expect("the next attempt is in" in stderr, f"nothing was reported: {stderr}")
    return "it waited, reported that, and went on"


def few_handles(workspace: Workspace) -> str:
    """Too few file handles are an error, not a panic, and leave no half-written output."""
    manifest = workspace.manifest(20)
    codes = []
    for handles in range(4, 16):
        output = workspace.folder / f"{handles}.jsonl"
        code, stderr = workspace.run("run", manifest, "--output", output, handles=handles)
        codes.append(code)
        expect(code >= 0, f"{handles} handles: ended by signal {-code}")
        expect((code == 0) == (not stderr), f"{handles} handles: {code}, {stderr}")
        if output.exists():
            expect(len(lines(output)) == 20, f"{handles} handles: a half-written output")
    return f"exit codes with 4 to 15 handles: {codes}"


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system of 256 KiB, or none where none can be mounted."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        yield None
        return
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=False)


def lines(path: Path, *, torn: bool = False) -> list[Result]:
    """The result lines of a file; with `torn` the last one may be cut off."""
    found = path.read_text().split("\n")
    last = found.pop()
    expect(torn or not last, f"{path.name}: the last line is torn")
    return [json.loads(line) for line in found]


def stripped(line: Result) -> Result:
    """A result without times, and without the paths and marks that differ between two places."""

    def cleaned(value: object) -> object:
        return {key: it for key, it in value.items() if key != "ms"} if isinstance(value, dict) else value

    return {k: cleaned(v) for k, v in line.items() if k not in ("id", "image", "made_from", "made_with")}


def compare(found: list[Result], expected: list[Result]) -> None:
    """Each id once, with the same result."""
    by_id = {str(line["id"]): stripped(line) for line in found}
    expect(len(by_id) == len(found), f"{len(found) - len(by_id)} results are there twice")
    wanted = {str(line["id"]): stripped(line) for line in expected}
    expect(by_id.keys() == wanted.keys(), f"missing: {sorted(wanted.keys() - by_id.keys())[:5]}")
    differing = [key for key in wanted if by_id[key] != wanted[key]]
    expect(not differing, f"differing: {differing[:5]}")


def written(path: Path) -> int:
    """Bytes of a file that may not be there."""
    return path.stat().st_size if path.exists() else 0


def count(results: Path) -> int:
    """Results in a folder."""
    return len(list(results.glob("*.jsonl")))


def wait_for_more(results: Path, before: int) -> None:
    """Waits for another result."""
    wait_until(lambda: count(results) > before, f"no result after {before} of them")


def wait_for(path: Path) -> None:
    """Waits until a file is there."""
    wait_until(path.exists, f"{path.name} has not come")


def wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    """Waits until something holds, up to two minutes."""
    until = time.monotonic() + 120
    while not holds():
        expect(time.monotonic() < until, otherwise)
        time.sleep(0.02)


def expect(holds: bool, otherwise: str) -> None:
    """Fails the check."""
    if not holds:
        raise AssertionError(otherwise)

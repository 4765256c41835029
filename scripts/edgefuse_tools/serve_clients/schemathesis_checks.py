"""Schemathesis: requests derived from the description of the API, valid and not, and answers compared with it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from openapi_spec_validator import validate
from openapi_spec_validator.readers import read_from_filename

from .server import ROOT, Server

DESCRIPTION = ROOT / "src/serve/http/openapi.json"
#: Random bytes are no recording: valid requests may be refused for what their files contain.
LEFT_OUT = "positive_data_acceptance"
#: Without a WebSocket's handshake its status is 426 whatever else is wrong, which Schemathesis does not take for a refusal.
WEBSOCKET = "realtime"
LIMIT_S = 3600


def check_description(server: Server, examples: int = 0, seed: int = 1) -> str:
    """Validates the description, then tests every operation by its rules and with `examples` random requests each.

    Returns how many requests were sent.
    """
    content, _ = read_from_filename(str(DESCRIPTION))
    validate(content)
    phases = "coverage,fuzzing" if examples else "coverage"
    command = [str(Path(sys.prefix) / "bin/schemathesis"), "run", str(DESCRIPTION), "--url", server.url]
    command += ["--phases", phases, "--exclude-checks", LEFT_OUT, "--seed", str(seed), "--no-color"]
    command += ["--max-examples", str(max(examples, 1)), "--exclude-operation-id", WEBSOCKET]
    # It leaves a cache in the folder in which it runs.
    folder = server.folder.name
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    found = re.search(r"(\d+) generated, \1 passed", done.stdout)
    assert found is not None, done.stdout[-1000:]
    return f"{found[1]} requests"

"""Judges `edgefuse serve` by programs that others wrote: OpenAI's, Wyoming's and Prometheus's clients, Schemathesis, a
browser that uses the page; and by hostile clients.

scripts/test_serve.sh runs it with these clients installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from edgefuse_tools.debian import NotRun
from edgefuse_tools.serve_clients.browser_checks import check_page
from edgefuse_tools.serve_clients.hostile_checks import check_crowd, check_hostile, check_operations
from edgefuse_tools.serve_clients.javascript_checks import check_javascript
from edgefuse_tools.serve_clients.openai_checks import (
    check_chats,
    check_embeddings,
    check_models_and_errors,
    check_transcripts,
)
from edgefuse_tools.serve_clients.realtime_checks import check_realtime
from edgefuse_tools.serve_clients.schemathesis_checks import check_description
from edgefuse_tools.serve_clients.server import Server
from edgefuse_tools.serve_clients.wyoming_checks import check_wyoming

CHECKS: tuple[tuple[str, Callable[[Server], str | None]], ...] = (
    ("openai: transcripts", check_transcripts),
    ("openai: chats", check_chats),
    ("openai: embeddings", check_embeddings),
    ("openai: models, errors", check_models_and_errors),
    ("openai: realtime", check_realtime),
    ("wyoming", check_wyoming),
    ("page", check_page),
    ("operations, prometheus", check_operations),
    ("hostile clients", check_hostile),
    ("fifty clients", check_crowd),
    ("openai again", check_transcripts),
)


#: Thousands of requests derived from the description need models that answer at once, not good answers.
TINY = "tests/fixtures/tiny/device.yaml"


def main() -> None:
    """Runs every check on one server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default="target/release/edgefuse")
    parser.add_argument("--config", default="configs/cpu.yaml")
    parser.add_argument("--javascript", type=Path, help="folder with openai_checks.mjs and its node_modules")
    arguments = parser.parse_args()
    checks = list(CHECKS)
    if arguments.javascript is not None:
        checks.insert(3, ("openai: JavaScript", lambda server: check_javascript(server, arguments.javascript)))
    with Server(arguments.binary, TINY) as server:
        print(f"{'schemathesis':24} ok, {check_description(server)}", flush=True)
        code, said = server.stop()
        assert code == 0 and "panicked" not in said, (code, said)
    with Server(arguments.binary, arguments.config, runtime="requests: {at_once: 2, waiting: 4}") as server:
        print(f"{'idle':24} {server.resident_bytes() >> 20} MiB", flush=True)
        for name, check in checks:
            try:
                found = check(server)
            except NotRun as reason:
                print(f"{name:24} not run: {reason}", flush=True)
                continue
            print(f"{name:24} ok, {server.resident_bytes() >> 20} MiB{f', {found}' if found else ''}", flush=True)
        code, said = server.stop()
        assert code == 0 and "panicked" not in said, (code, said)
        print(f"{'SIGTERM':24} ok")


if __name__ == "__main__":
    main()

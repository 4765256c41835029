"""Several clients of `edgefuse serve` at once, each with a conversation of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from edgefuse_tools.bench import paths

DEVICE = """device: bench
extends: {root}/configs/cpu.yaml
runtime: {{threads: {{intra: {threads}}}, requests: {{at_once: {clients}, waiting: 64}}}}
server: {{http: {{listen: '127.0.0.1:0'}}}}
"""
QUESTION = "Name {number} things to check before starting a lathe, and explain each of them."


def tokens_per_second(binary: Path, threads: int, clients: int, tokens: int) -> float:
    """Tokens that all clients together receive per second."""
    folder = Path(tempfile.mkdtemp(prefix="edgefuse-bench-"))
    (folder / "device.yaml").write_text(DEVICE.format(root=paths.ROOT, threads=threads, clients=clients))
    environment = {"ORT_DYLIB_PATH": str(paths.LIBRARY), **os.environ}
    with (folder / "stderr").open("w") as said:
        command = [str(binary), "--config", str(folder / "device.yaml"), "serve"]
        process = subprocess.Popen(command, stderr=said, env=environment, cwd=paths.ROOT)
    try:
        address = _address(folder / "stderr")
        _ask(address, "Hello", 1)
        received = [0] * clients

        def work(number: int) -> None:
            received[number] = _ask(address, QUESTION.format(number=number + 3), tokens)

        workers = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
        started = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return sum(received) / (time.perf_counter() - started)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _address(said: Path) -> str:
    for _ in range(300):
        found = re.search(r"http://\S+", said.read_text())
        if found:
            return found[0]
        time.sleep(0.1)
    raise RuntimeError(f"edgefuse serve did not start: {said.read_text()}")


def _ask(address: str, text: str, tokens: int) -> int:
    """Sends a message; returns the number of tokens of its answer."""
    body = {"model": "writer", "messages": [{"role": "user", "content": text}], "max_tokens": tokens}
    request = urllib.request.Request(
        f"{address.rstrip('/')}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=600) as answer:
        count: int = json.load(answer)["usage"]["completion_tokens"]
    return count

"""The sinks `webhook` and `jsonl`."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from edgefuse_tools.debian import NotRun
from edgefuse_tools.live.broker import Broker
from edgefuse_tools.live.device import Device, times
from edgefuse_tools.live.mqtt_checks import expected, ids, judge
from edgefuse_tools.live.receiver import Receiver
from edgefuse_tools.live.subscriber import Subscriber


def check_webhook(binary: str, _full: bool) -> str:
    """A receiver that fails and then works."""
    with tempfile.TemporaryDirectory() as folder, Receiver() as receiver:
        secret = Path(folder) / "secret"
        secret.write_text("shared\n")
        hook = (
            f"url: 'http://127.0.0.1:{receiver.port}/hook', secret_file: {secret}, spool: {{path: '{{folder}}/spool'}}"
        )
        with Device(binary, f"  - webhook: {{{hook}}}\n") as device:
            receiver.status = 503
            device.feed(20, 10)
            device.wait("failed requests", lambda: len(receiver.requests) >= 3)
            receiver.status = 200
            device.feed(5)
            device.wait("everything sent", lambda: device.metric("sink_delivered_total", "webhook") == device.next)
            receiver.status = 422
            device.feed(2)
            device.wait("refusals", lambda: device.metric("sink_dropped_total", "webhook") == 2)
            said = device.stop()
        taken = receiver.taken()
        judge([request.json()["id"] for request in taken], 25)
        assert all(request.is_signed("shared") for request in receiver.requests)
        assert len({request.headers["x-edgefuse-delivery"] for request in taken}) == 25
        assert times(said, "answers 503") == 1 and times(said, "answers again after") == 1, said
        assert times(said, "answers 422") == 1, said
    return "25 results, none lost, none twice, in order, all signed; 2 refused and counted"


def _lines(file: Path) -> list[str]:
    """The ids of a file's lines, all of which are whole."""
    text = file.read_text()
    assert text.endswith("\n"), text[-100:]
    return [json.loads(line)["id"] for line in text.splitlines()]


def check_disk_full(binary: str, _full: bool) -> str:
    """The disk of one sink's file and of another one's spool is full for a while."""
    if os.geteuid() != 0:
        raise NotRun("needs root, for a small file system of its own")
    with tempfile.TemporaryDirectory() as small:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=True)
        try:
            return _disk_full(binary, Path(small))
        finally:
            subprocess.run(["umount", "--lazy", small], check=True)


def _fill(file: Path) -> None:
    """Takes all the room that is left."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
    for size in (4096, 1):
        try:
            while True:
                os.write(descriptor, bytes(size))
        except OSError:
            pass
    os.close(descriptor)


def _disk_full(binary: str, small: Path) -> str:
    filler = small / "filler"
    with Broker() as broker, Subscriber(broker.port, "edgefuse/#") as subscriber:
        sinks = (
            f"  - jsonl: {{path: {small}/out}}\n"
            "  - jsonl: {path: '{folder}/out'}\n"
            f"  - mqtt: {{broker: 'mqtt://127.0.0.1:{broker.port}', spool: {{path: {small}/spool, limit: 1MiB}}}}\n"
        )
        with Device(binary, sinks) as device:
            full = f"jsonl {small}"
            device.feed(10, 50)
            device.wait("lines", lambda: device.metric("sink_delivered_total", full) == 10)
            _fill(filler)
            device.feed(100, 50)
            device.wait("dropped lines", lambda: device.metric("sink_dropped_total", full) > 0)
            other = f"jsonl {device.folder}"
            device.wait("the other sink's lines", lambda: device.metric("sink_delivered_total", other) == 110)
            messages = subscriber.wait("results", lambda messages: len(ids(messages)) >= 110)
            judge(ids(messages), 110)
            dropped = int(device.metric("sink_dropped_total", full))
            filler.unlink()
            device.feed(5, 50)
            device.wait("new lines", lambda: device.metric("sink_delivered_total", other) == 115)
            device.wait("lines again", lambda: device.metric("sink_delivered_total", full) == 115 - dropped)
            said = device.stop()
            kept = _lines(small / "out/results.jsonl")
            assert len(kept) == 115 - dropped and kept == [it for it in expected(115) if it in set(kept)]
            assert _lines(device.folder / "out/results.jsonl") == expected(115)
        assert times(said, f"sink {full}/out/results.jsonl: No space left on device") == 1, said
        assert times(said, f"sink {full}/out/results.jsonl: writes again after") == 1, said
    return f"{dropped} lines dropped and counted, no half line; 115 of 115 results in the other file and at the broker"

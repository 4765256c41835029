"""Clients that misbehave, and too many of them: others are answered as before."""

from __future__ import annotations

import errno
import http.client
import json
import random
import socket
from concurrent.futures import ThreadPoolExecutor

import openai
from prometheus_client import parser as plain
from prometheus_client.openmetrics import parser as openmetrics

from .openai_checks import DATA, client
from .server import PATIENCE_S, Server


def get(server: Server, path: str, accept: str = "*/*") -> tuple[int, str, str]:
    """Status, content type and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    connection.request("GET", path, headers={"accept": accept})
    answer = connection.getresponse()
    return answer.status, answer.headers["content-type"], answer.read().decode()


def metrics(server: Server) -> dict[str, float]:
    """The sum of every metric over its labels, by Prometheus's own parser of each of the two formats."""
    sums: dict[str, float] = {}
    types: list[dict[str, str]] = []
    for kind, families_of in (
        ("text/plain; version=0.0.4", plain.text_string_to_metric_families),
        ("application/openmetrics-text", openmetrics.text_string_to_metric_families),
    ):
        status, found, text = get(server, "/metrics", kind)
        assert status == 200 and found.startswith(kind), (status, found)
        families = list(families_of(text))
        types.append({family.name: family.type for family in families})
        sums.clear()
        for family in families:
            for sample in family.samples:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    assert types[0] == types[1] and "unknown" not in types[0].values(), types
    return sums


def check_operations(server: Server) -> None:
    """Health, readiness and metrics after some work."""
    for path, status in (
        ("/health", "ok"),
        ("/ready", "ready"),
        ("/v2/health/live", "ok"),
        ("/v2/health/ready", "ready"),
    ):
        code, _, body = get(server, path)
        assert code == 200 and json.loads(body)["status"] == status, (path, body)
    found = metrics(server)
    assert found["edgefuse_http_requests_total"] > 0 and found["edgefuse_sound_seconds_total"] > 0, found
    assert found["edgefuse_transcribing_seconds_total"] > 0 and found["edgefuse_tokens_total"] > 0, found
    assert found["process_resident_memory_bytes"] > 1 << 20, found


def raw(server: Server, port: int, data: bytes, *, wait: bool = True) -> bytes:
    """Sends bytes; what comes back until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        received = b""
        try:
            connection.sendall(data)
            if not wait:
                return b""
            connection.shutdown(socket.SHUT_WR)
            while block := connection.recv(1 << 16):
                received += block
        except OSError as error:
            # The server may have refused and closed the connection already.
            if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
                raise
        return received


def head(path: str, *headers: str) -> bytes:
    """A request's header."""
    lines = [f"POST {path} HTTP/1.1", "host: localhost", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def check_hostile(server: Server, seed: int = 7) -> None:
    """A fixed set of bad requests and some random ones: no answer of success, and the server goes on."""
    form = "content-type: multipart/form-data; boundary=x"
    cases = [
        head("/v1/audio/transcriptions", form, "content-length: 100") + b"--x\r\n",
        head("/v1/audio/transcriptions", form, "transfer-encoding: chunked") + b"ffffffffffffffff\r\n",
        head("/v1/audio/transcriptions", "content-type: multipart/form-data", "content-length: 5") + b"--x--",
        head("/v1/audio/transcriptions", form, "content-length: -1"),
        head("/v1/audio/transcriptions", form, "content-length: 99999999999999999999"),
        head("/v1/run", "content-type: application/json", "content-length: 2") + b"{]",
        head("/v1/run", "content-type: application/json", "content-length: 24") + b'{"image": "/etc/passwd"}',
        head("/v1/run", "content-type: text/html", "content-length: 2") + b"{}",
        head("/v1/run", *(f"x-{count}: 1" for count in range(500))),
        head("/v1/run", "x: " + "x" * (1 << 20)),
        head("/" + "../" * 20 + "etc/passwd", "content-length: 0"),
        head("/v1/models/%00%ff", "content-length: 0"),
        b"\0" * 1000,
        b"GET " + b"x" * 100_000,
    ]
    generator = random.Random(seed)
    whole = (
        head("/v1/audio/transcriptions", form, "content-length: 60")
        + b'--x\r\ncontent-disposition: form-data; name="file"\r\n'
    )
    for _ in range(200):
        damaged = bytearray(whole[: generator.randrange(1, len(whole))])
        for _ in range(generator.randrange(4)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        cases.append(bytes(damaged))
    for case in cases:
        answer = raw(server, server.port, case)
        assert not answer.startswith(b"HTTP/1.1 2"), (case[:200], answer[:200])
        raw(server, server.wyoming_port, case)
    for _ in range(50):
        raw(server, server.port, whole, wait=False)
    assert server.process.poll() is None, server.said()


def check_crowd(server: Server) -> None:
    """Fifty concurrent clients, more than the queue holds: each gets the same answer or a 503 with `Retry-After`."""
    recording = DATA / "librivox-0930.wav"

    def ask(_: int) -> str | None:
        try:
            return client(server).audio.transcriptions.create(model="whisper-1", file=recording).text
        except openai.InternalServerError as error:
            assert error.status_code == 503 and error.response.headers["retry-after"] == "1", error
            return None

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
    answered = [answer for answer in answers if answer is not None]
    assert answered and len(set(answered)) == 1, answers
    assert len(answered) < 50, "nobody was refused"
    # The client's own retries are what a refusal is for.
    assert client(server, retries=2).audio.transcriptions.create(model="whisper-1", file=recording).text == answered[0]

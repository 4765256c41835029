"""A closed-loop load: each client sends its next request when it has the answer to the last one.

HTTP/1.1 over plain sockets with requests that are made in advance, so that the clients need little of the processor that
they share with the server. Every request has a connection of its own: some servers tie a connection to a thread, and
would starve clients that wait for one.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

#: A request without an answer for this long has failed, in seconds.
PATIENCE_S = 600.0
#: Counting begins after this many seconds at the latest, even if a server lets some clients wait for longer.
LONGEST_RISE_S = 180.0
#: Pause after an answer that is an error, so that a broken server is not asked all the time.
BROKEN_PAUSE_S = 0.1
OK, BUSY = 200, 503


@dataclass
class Load:
    """What a load measured.

    seconds    for which answers were counted
    latencies  seconds of each answer with status 200
    refused    seconds of each answer with status 503
    statuses   number of answers by status; 0 for a connection that broke
    bodies     number of answers with status 200 by their body
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    bodies: Counter[bytes] = field(default_factory=Counter)

    def add(self, other: Load) -> None:
        """Adds a later round of the same load."""
        self.seconds += other.seconds
        self.latencies += other.latencies
        self.refused += other.refused
        self.statuses += other.statuses
        self.bodies += other.bodies

    def count(self, status: int, body: bytes, seconds: float) -> None:
        """Counts an answer that took `seconds`."""
        self.statuses[status] += 1
        if status == OK:
            self.latencies.append(seconds)
            self.bodies[body] += 1
        elif status == BUSY:
            self.refused.append(seconds)

    @property
    def per_second(self) -> float:
        """Answers with status 200 per second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile; NaN without values."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]


def request(path: str, content_type: str, body: bytes, method: str = "POST") -> bytes:
    """The bytes of a request whose connection ends with the answer."""
    lines = (
        f"{method} {path} HTTP/1.1",
        "host: 127.0.0.1",
        "connection: close",
        f"content-type: {content_type}",
        f"content-length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def form(fields: dict[str, str], file: bytes, name: str) -> tuple[str, bytes]:
    """Content type and body of a form with one file."""
    boundary = "edgefuse-form"
    head = "".join(
        f'--{boundary}\r\ncontent-disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    )
    head += f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n'
    head += "content-type: application/octet-stream\r\n\r\n"
    return f"multipart/form-data; boundary={boundary}", head.encode() + file + f"\r\n--{boundary}--\r\n".encode()


async def exchange(port: int, message: bytes) -> tuple[int, bytes]:
    """Sends a request and returns status and body of the answer; status 0 if the connection broke."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    except OSError:
        return 0, b""
    try:
        writer.write(message)
        answer = await asyncio.wait_for(reader.read(-1), PATIENCE_S)
    except OSError:
        return 0, b""
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        return 0, b""
    return int(words[1]), body


async def closed_loop(port: int, messages: Sequence[bytes], clients: int, seconds: float, pause: float = 0.0) -> Load:
    """`clients` send the messages in turn. Answers are counted for `seconds`, from when every client has had one: until
    then the queue is shorter than it will be.

    pause: seconds that a client waits after a refusal
    """
    load = Load(seconds=seconds)
    answered: set[int] = set()
    last_start = time.perf_counter() + LONGEST_RISE_S
    begun, end = math.inf, math.inf

    async def client(number: int) -> None:
        nonlocal begun, end
        turn = number
        while (sent := time.perf_counter()) < end:
            status, body = await exchange(port, messages[turn % len(messages)])
            done = time.perf_counter()
            turn += clients
            if begun < done <= end:
                load.count(status, body, done - sent)
            answered.add(number)
            if begun == math.inf and (len(answered) == clients or done > last_start):
                begun, end = done, done + seconds
            if status != OK:
                await asyncio.sleep(pause if status == BUSY else BROKEN_PAUSE_S)

    await asyncio.gather(*(client(number) for number in range(clients)))
    return load

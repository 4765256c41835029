"""A server that reads a request and answers at once: PORT. It shows what the load's own clients can do."""

from __future__ import annotations

import asyncio
import sys

ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"text":""}'


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    writer.write(ANSWER)
    writer.close()


async def serve(port: int) -> None:
    """Serves for ever."""
    server = await asyncio.start_server(answer, "127.0.0.1", port, backlog=512, limit=1 << 20)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))

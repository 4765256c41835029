"""Plain sockets: one message out, everything that comes back in."""

from __future__ import annotations

import socket
import struct

#: A connection that the server keeps open for longer, although the client has said everything, hangs.
PATIENCE_S = 60.0
_BLOCK = 1 << 16


def connect(port: int, source: str = "127.0.0.1", patience: float = PATIENCE_S) -> socket.socket:
    """A connection from an address of this machine."""
    return socket.create_connection(("127.0.0.1", port), timeout=patience, source_address=(source, 0))


def reset_on_close(connection: socket.socket) -> None:
    """Closing resets the connection instead of ending it, and leaves no port in TIME_WAIT."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_all(connection: socket.socket) -> bytes:
    """What comes until the connection ends, in whatever way.

    Raises TimeoutError if nothing comes for the connection's patience.
    """
    received = bytearray()
    try:
        while block := connection.recv(_BLOCK):
            received += block
    except ConnectionError:
        pass
    return bytes(received)


def exchange(port: int, message: bytes) -> bytes:
    """Sends a message and returns what comes back until the connection ends."""
    with connect(port) as connection:
        try:
            connection.sendall(message)
        except ConnectionError:
            pass
        return read_all(connection)

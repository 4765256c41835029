"""A webhook receiver that fails on demand."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple

from edgefuse_tools.live.certificates import Authority


class Request(NamedTuple):
    """A request as it arrived, and the status that answered it."""

    headers: Mapping[str, str]
    body: bytes
    status: int

    def json(self) -> Any:
        """Its body as JSON."""
        return json.loads(self.body)

    def is_signed(self, secret: str) -> bool:
        """Whether it has the signature of its body."""
        digest = hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(self.headers.get("x-edgefuse-signature", ""), f"sha256={digest}")


class Receiver:
    """Answers requests with `status`, which the check changes. With an authority, over TLS."""

    def __init__(self, tls: Authority | None = None) -> None:
        self.status = 200
        self.requests: list[Request] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append(Request(headers, body, receiver.status))
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls["server.pem"], tls["server.key"])
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def taken(self) -> list[Request]:
        """The requests that were accepted."""
        return [request for request in self.requests if request.status == 200]

    def __enter__(self) -> Receiver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()

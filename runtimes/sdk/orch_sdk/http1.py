"""Just enough HTTP/1.1 for one trusted peer on a Unix socket.

The standard library's http.server spends more time on one request than everything else here together.
"""

from __future__ import annotations

import json
import socket
from typing import Any, NamedTuple, Optional

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024

REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 409: "Conflict", 500: "Error", 501: "Not Implemented"}
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
)
STREAM_END = b"0\r\n\r\n"


class BadRequest(Exception):
    """The peer does not speak HTTP as we do; the connection is closed after the answer."""


class Request(NamedTuple):
    method: str
    path: str
    body: bytes
    keep_alive: bool


class RequestReader:
    """Reads one request after the other from a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def read(self) -> Optional[Request]:
        """The next request, or None when the peer has closed. Raises BadRequest."""
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end >= 0:
                break
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise BadRequest("the head of the request is too long")
            if not self._fill():
                return None
        head, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
        return self._parse(head.decode("latin-1"))

    def _parse(self, head: str) -> Optional[Request]:
        line, *fields = head.split("\r\n")
        words = line.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise BadRequest("not an HTTP/1.1 request")
        length, keep_alive = 0, words[2] != "HTTP/1.0"
        for field in fields:
            name, _, value = field.partition(":")
            name, value = name.lower(), value.strip()
            if name == "content-length":
                if not value.isascii() or not value.isdigit() or int(value) > MAX_BODY_BYTES:
                    raise BadRequest("bad Content-Length")
                length = int(value)
            elif name == "transfer-encoding":
                raise BadRequest("a request needs a Content-Length")
            elif name == "connection":
                keep_alive = value.lower() != "close"
        while len(self._buffer) < length:
            if not self._fill():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Request(words[0], words[1], body, keep_alive)

    def _fill(self) -> bool:
        data = self._connection.recv(65536)
        self._buffer += data
        return len(data) > 0


def json_response(status: int, value: Any) -> bytes:
    """A whole response with a JSON body."""
    body = json.dumps(value).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n"
    )
    return head.encode() + body


def chunk(data: bytes) -> bytes:
    """One piece of a stream."""
    return b"%x\r\n%b\r\n" % (len(data), data)

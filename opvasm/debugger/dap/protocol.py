"""The wire of the Debug Adapter Protocol: a header with the length, then a JSON object."""

from __future__ import annotations

import json
from threading import Lock
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit

from ...json_values import loads

Message = dict[str, Any]
HEADER_MAX = 8192
BODY_MAX = 64 << 20


class ProtocolError(Exception):
    """Bytes that are not a message; nothing after them can be understood."""


class BodyError(Exception):
    """A message of the length that its header says, but no JSON object: the next one follows it."""


def read_message(stream: BinaryIO) -> Message | None:
    """The next message; None at the end of the stream.  Raises ProtocolError, BodyError."""
    length: int | None = None
    seen = 0
    while True:
        line = stream.readline(HEADER_MAX)
        if not line:
            if seen:
                raise ProtocolError("the stream ends within a header")
            return None
        seen += len(line)
        if seen > HEADER_MAX:
            raise ProtocolError(f"a header of more than {HEADER_MAX} bytes")
        if line in (b"\r\n", b"\n"):
            if length is None:
                raise ProtocolError("a header without Content-Length")
            break
        name, colon, value = line.partition(b":")
        if not colon:
            raise ProtocolError(f"{line[:40]!r} is not a header field")
        if name.strip().lower() == b"content-length":
            if not value.strip().isdigit() or int(value) > BODY_MAX:
                raise ProtocolError(f"Content-Length {value.strip()[:20]!r} is not a length")
            length = int(value)
    body = stream.read(length)
    if len(body) < length:
        raise ProtocolError("the stream ends within a message")
    try:
        message = loads(body)
    except ValueError as error:
        raise BodyError(f"a message is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise BodyError("a message is not a JSON object")
    return message


def uri_of_path(path: str) -> str:
    """An absolute path as a client with ``pathFormat: uri`` writes it."""
    return f"file://{quote(path)}"


def path_of_uri(uri: str) -> str:
    """The path of a ``file`` URI; of another scheme, which names no file, the text as it is."""
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme == "file" else uri


class Sender:
    """Writes messages with their sequence numbers; safe from several threads."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._number = 0
        self._lock = Lock()

    def send(self, message: Message) -> None:
        """Write one message.  Raises OSError when nobody reads any more."""
        with self._lock:
            self._number += 1
            body = json.dumps({"seq": self._number} | message).encode()
            self._stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            self._stream.flush()

    def event(self, name: str, **body: Any) -> None:
        """Tell the client something."""
        self.send({"type": "event", "event": name, "body": body})

    def response(self, request: Message, body: Message | None = None) -> None:
        """Answer a request."""
        self._respond(request, True, {"body": body or {}})

    def failure(self, request: Message, message: str) -> None:
        """Answer a request that can't be carried out."""
        error = {"id": 1, "format": message.replace("{", "(").replace("}", ")"), "showUser": True}
        self._respond(request, False, {"message": message, "body": {"error": error}})

    def _respond(self, request: Message, success: bool, rest: Message) -> None:
        self.send(
            {
                "type": "response",
                "request_seq": request.get("seq", 0),
                "success": success,
                "command": str(request.get("command", "")),
            }
            | rest
        )

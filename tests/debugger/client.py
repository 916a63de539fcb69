"""A scripted client of the Debug Adapter Protocol."""

from __future__ import annotations

import json
from typing import IO, Any

Message = dict[str, Any]


class Client:
    """Sends requests and sorts what comes back into responses and events."""

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source = source
        self._sink = sink
        self._number = 0
        self.events: list[Message] = []

    def send(self, command: str, **arguments: Any) -> int:
        """A request, not waited for."""
        self._number += 1
        message = {
            "seq": self._number,
            "type": "request",
            "command": command,
            "arguments": arguments,
        }
        body = json.dumps(message).encode()
        self._sink.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._sink.flush()
        return self._number

    def receive(self) -> Message:
        """The next message."""
        length = 0
        while (line := self._source.readline()) != b"\r\n":
            assert line, "the adapter went away"
            name, _, value = line.partition(b":")
            assert name == b"Content-Length"
            length = int(value)
        message: Message = json.loads(self._source.read(length))
        if message["type"] == "event":
            self.events.append(message)
        return message

    def response(self, number: int) -> Message:
        """The response to a request; events on the way are kept."""
        while True:
            message = self.receive()
            if message["type"] == "response" and message["request_seq"] == number:
                return message

    def request(self, command: str, **arguments: Any) -> Message:
        """A request that succeeds: the body of its response."""
        message = self.response(self.send(command, **arguments))
        assert message["success"], message
        body: Message = message["body"]
        return body

    def event(self, name: str) -> Message:
        """The body of the next event of that name."""
        while True:
            for index, message in enumerate(self.events):
                if message["event"] == name:
                    del self.events[: index + 1]
                    body: Message = message["body"]
                    return body
            self.receive()

    def stopped(self) -> tuple[str, int]:
        """The next stop: its reason, and the line of the innermost frame."""
        reason = self.event("stopped")["reason"]
        frames = self.request("stackTrace", threadId=1)["stackFrames"]
        return reason, frames[0]["line"]

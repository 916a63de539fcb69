"""Another implementation as an engine: a command that reads cases and writes answers.

The protocol (docs/plugin.md): the command gets one case a line on standard input, the JSON of
docs/cases.md with one more field, ``quirks``: the names of the historic bugs to model.  It writes one
answer a line on standard output, in the same order: ``{"id": …, "ret": …, "memory_after": […]}``.
With ``"trace": true`` in the case it may add ``trace``: the call's events, as docs/traces.md has
them.  It ends when its input does.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
from collections.abc import Collection

from ..conformance_case import Case
from ..json_values import loads
from .base import Answer, EngineError


class PluginEngine:
    """Answers with a command's answers.  Raises EngineError when it can't be started.

    ``traced`` asks for a trace with each answer; a command that has none leaves it out.
    """

    def __init__(self, command: str, traced: bool = False) -> None:
        self.name = command
        self.traced = traced
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise EngineError(f"the plugin command {command!r} can't be split: {error}") from None
        if not words:
            raise EngineError("the plugin command is empty")
        try:
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
            )
        except OSError as error:
            raise EngineError(f"plugin {words[0]!r} can't be started: {error.strerror}") from None

    def answer(self, case: Case, quirks: Collection[str]) -> Answer:
        """Ask the command; see Engine."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        record = json.loads(case.text) | {"quirks": sorted(quirks)}
        if self.traced:
            record["trace"] = True
        with contextlib.suppress(BrokenPipeError):  # it ended, but may have answered first
            process.stdin.write(json.dumps(record) + "\n")
            process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            self.close()
            status = process.returncode
            raise EngineError(f"plugin {self.name!r} ended with status {status}, no answer given")
        try:
            answer = loads(line)
            if answer.get("id", case.identifier) != case.identifier:
                raise ValueError(f"it answers case {answer['id']!r}")
            changed = {
                int(run[0], 16) + offset: byte
                for run in answer["memory_after"]
                for offset, byte in enumerate(
                    bytes.fromhex(run[1]) * (run[2] if len(run) > 2 else 1)
                )
            }
            trace = answer.get("trace") if self.traced else None
            events = None if trace is None else tuple(dict(each) for each in trace)
            return Answer(int(answer["ret"]), changed, events)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            self.close()
            reason = f"field {error} is missing" if isinstance(error, KeyError) else str(error)
            raise EngineError(
                f"plugin {self.name!r} answered case {case.identifier} with no answer: {reason}; "
                f"the line was {line.strip()[:80]!r}"
            ) from None

    def close(self) -> None:
        """Close its input and wait; a command that does not end is killed."""
        process = self._process
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

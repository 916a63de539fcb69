"""The results file of a sweep: a line for each finished unit, so that an interrupt loses none.

JSON lines rather than SQLite: a finished unit is one append, any tool reads it, it can be mailed
while the sweep goes on, and what an interrupt can spoil is the last line, which is easy to see.
The first line says which sweep it is.  The file is locked while a sweep writes to it.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Mapping
from types import TracebackType

from .._version import __version__
from ..json_values import loads
from ..light_typing import Any
from .plan import Sweep
from .unit import Result, result_of, result_record

FORMAT = "opvasm-sweep-results/1"


class ResultsError(Exception):
    """A results file that can't be used; ``help`` says what to do instead."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


class ResultsFile:
    """A results file that is open and locked.

    ``known`` are the units that were finished before, by their keys; ``dropped`` says whether a
    last line was cut off by whatever ended the sweep before.
    """

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.known: dict[str, Result] = {}
        self.dropped = False
        self._descriptor = descriptor

    def __enter__(self) -> ResultsFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it, which also gives up the lock."""
        os.close(self._descriptor)

    def add(self, key: str, result: Result) -> None:
        """Write down a finished unit; it is on the disk when this returns.  Raises OSError."""
        self._append({"unit": key, **result_record(result)})

    def _append(self, record: Mapping[str, Any]) -> None:
        line = _line(record)
        while line:
            line = line[os.write(self._descriptor, line) :]
        os.fdatasync(self._descriptor)

    def _read(self, sweep: Sweep) -> None:
        """Take over what is there; raise ResultsError where it is of another sweep."""
        data = b""
        while piece := os.read(self._descriptor, 1 << 20):
            data += piece
        expected = header(sweep)
        whole, _, torn = data.rpartition(b"\n")
        lines = whole.split(b"\n") if whole else []
        if not lines and _line(expected).startswith(torn):  # not even the first line was finished
            self._cut(0, bool(torn))
            self._append(expected)
            return
        first = _object(lines[0]) if lines else None
        if first is None or first.get("format") != FORMAT:
            raise ResultsError(
                f"{self.path} is not a results file of a sweep", "--results writes a new one"
            )
        _same(self.path, first, expected)
        keys = {unit.key for unit in sweep.units}
        for number, line in enumerate(lines[1:], 2):
            record = _object(line)
            try:
                if record is None or record["unit"] not in keys:
                    raise KeyError("unit")
                self.known.setdefault(record["unit"], result_of(record))
            except (KeyError, TypeError):
                if number == len(lines) and not torn:  # a power failure can leave zeros
                    whole, torn = b"\n".join(lines[:-1]), line
                    break
                raise ResultsError(
                    f"{self.path}:{number}: this line is not a result of this sweep",
                    "take the line out, and the unit is explored again",
                ) from None
        self._cut(len(whole) + 1, bool(torn))

    def _cut(self, length: int, dropped: bool) -> None:
        self.dropped = dropped
        if dropped:
            os.ftruncate(self._descriptor, length)


def new_results(path: str, sweep: Sweep) -> ResultsFile:
    """A new results file.  Raises ResultsError where one is there already, OSError."""
    results = _open(path, os.O_CREAT)
    try:
        if os.fstat(results._descriptor).st_size:
            raise ResultsError(
                f"{path} is there already, and is not empty",
                "--resume goes on with it; or name another file, or remove it",
            )
        results._append(header(sweep))
    except BaseException:
        results.close()
        raise
    return results


def old_results(path: str, sweep: Sweep) -> ResultsFile:
    """The results file of a sweep that was interrupted.  Raises ResultsError, OSError."""
    results = _open(path, 0)
    try:
        results._read(sweep)
    except BaseException:
        results.close()
        raise
    return results


def _open(path: str, flags: int) -> ResultsFile:
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | flags, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ResultsError(f"{path} is not a regular file", "name a file on a disk")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResultsError(
                f"another sweep is writing to {path}", "wait for it, or name another file"
            ) from None
    except BaseException:
        os.close(descriptor)
        raise
    return ResultsFile(path, descriptor)


def header(sweep: Sweep) -> dict[str, Any]:
    """The first line: what tells this sweep from others, and why, where they differ."""
    return {
        "format": FORMAT,
        "tool": f"opvasm {__version__}",
        "identity": sweep.identity(),
        "units": len(sweep.units),
        "options": sweep.options(),
        "files": {name: text.sha256 for name, text in sweep.texts().items()},
    }


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _same(path: str, first: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raise ResultsError, saying what differs, unless the header is that of this sweep."""
    if first.get("identity") == expected["identity"]:
        return
    help = "the results of two sweeps do not mix: write others with --results"
    if first.get("tool") != expected["tool"]:
        message = f"it was written by {first.get('tool')}, this is {expected['tool']}"
    elif first.get("files") != expected["files"]:
        message = _files_text(first.get("files"), expected["files"])
    else:
        message = _options_text(first.get("options"), expected["options"])
    raise ResultsError(f"{path} is of another sweep: {message}", help)


def _files_text(old: Any, new: Mapping[str, str]) -> str:
    if not isinstance(old, dict):
        return "its header is damaged"
    for name in (*new, *old):
        if name not in old:
            return f"{name} is new"
        if name not in new:
            return f"{name} is not in this one"
        if old[name] != new[name]:
            return f"{name}, or a file that it uses, has changed"
    return "the files are in another order"


def _options_text(old: Any, new: Mapping[str, Any]) -> str:
    if isinstance(old, dict):
        for name, value in new.items():
            if old.get(name) != value:
                return f"{name} was {json.dumps(old.get(name))}, now it is {json.dumps(value)}"
    return "the options or the abi are other ones"

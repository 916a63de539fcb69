"""Writing: to standard output, or to a file that is replaced whole or not at all."""

from __future__ import annotations

import os
import stat
import sys

from ...light_typing import TYPE_CHECKING
from .exits import UsageError

if TYPE_CHECKING:
    from typing import BinaryIO

STDOUT = "-"


def write_text(text: str, path: str | None) -> None:
    """Text as UTF-8, whatever the locale: it is data that another command will read."""
    _write(text.encode("utf-8", "backslashreplace"), path)


def write_binary(data: bytes, path: str | None, hint: str) -> None:
    """Bytes; refused for a terminal, where they would do harm and help nobody."""
    if (path is None or path == STDOUT) and sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("raw bytes are not written to a terminal", hint)
    _write(data, path)


def _write(data: bytes, path: str | None) -> None:
    if path is not None and path != STDOUT:
        replace_file(path, data)
        return
    if sys.stdout is None:
        raise UsageError("standard output is closed", "write to a file with -o")
    try:
        sys.stdout.flush()
        rest = memoryview(data)
        while rest:  # an unbuffered stream may take a part only
            rest = rest[sys.stdout.buffer.write(rest) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"cannot write to standard output: {error.strerror}") from None
    flush()


def protocol_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for a protocol of messages.

    Whatever else is printed goes to standard error, and gets between no messages.  Raises
    UsageError where one of them is closed.
    """
    if sys.stdin is None or sys.stdout is None:
        raise UsageError("standard input or output is closed")
    source = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return source, sink


def flush() -> None:
    """Hand everything printed so far to the system; an error that this meets is told."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"cannot write to standard output: {error.strerror}") from None


def replace_file(path: str, data: bytes) -> None:
    """Put ``data`` in a file's place at once; the old content stays when anything goes wrong.

    The permissions of a file that exists are kept, a symbolic link is followed, and what is not a
    regular file (/dev/null, a pipe) is written to as it stands.
    """
    try:
        target = os.path.realpath(path)
        try:
            mode = os.stat(target).st_mode
        except FileNotFoundError:
            mode = None
        if mode is not None and stat.S_ISDIR(mode):
            raise UsageError(f"cannot write {path}: it is a directory", "name a file inside it")
        if mode is not None and not stat.S_ISREG(mode):
            with open(target, "wb") as file:
                file.write(data)
            return
        _replace(target, data, mode)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
    except ValueError as error:  # a NUL inside the path
        raise UsageError(f"cannot write {path!r}: {error}") from None


def _replace(target: str, data: bytes, mode: int | None) -> None:
    if mode is not None and not os.access(target, os.W_OK):
        raise PermissionError(13, "Permission denied (the file is read-only)")
    folder, name = os.path.split(target)
    beside = os.path.join(folder, f".{name[:200]}.{os.getpid()}.part")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
            file.write(data)
        os.replace(beside, target)
    except BaseException:
        os.unlink(beside)
        raise


def picture_width(path: str | None) -> int:
    """The characters that a picture may be wide which is written to ``path`` (None: standard output).

    That is what COLUMNS says, else the width of the terminal that it goes to, else PICTURE_WIDTH.
    """
    try:
        said = int(os.environ.get("COLUMNS", ""))
        if said > 0:
            return max(said, NARROWEST_PICTURE)
    except ValueError:
        pass
    try:
        found = os.get_terminal_size(1).columns if path in (None, "-") else 0
    except OSError:
        found = 0
    return max(found, NARROWEST_PICTURE) if found else PICTURE_WIDTH


PICTURE_WIDTH = 100
NARROWEST_PICTURE = 40

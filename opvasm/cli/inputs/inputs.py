"""Reading files and standard input, whole, with an error that says what is wrong with them."""

from __future__ import annotations

import os
import stat
import sys

from ...source import SourceFile
from ..terminal.exits import UsageError

STDIN = "-"
STDIN_NAME = "<stdin>"
# Far above any real vector or scenario file; keeps an endless stream from eating the machine.
LARGEST_INPUT = 64 << 20
FIFO_NOTICE_MILLISECONDS = 1000


def display_name(path: str) -> str:
    """How messages call an input."""
    return STDIN_NAME if path == STDIN else path


def read_bytes(path: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``."""
    try:
        return _read_stdin() if path == STDIN else _read_file(path)
    except OSError as error:
        raise UsageError(f"cannot read {display_name(path)}: {error.strerror or error}") from None
    except ValueError as error:  # a NUL inside the path
        raise UsageError(f"cannot read {path!r}: {error}") from None


def _read_stdin() -> bytes:
    if sys.stdin is None:
        raise UsageError("cannot read <stdin>: it is closed", "name a file")
    if sys.stdin.isatty():
        print("opvasm: reading from the terminal; Ctrl-D ends the input", file=sys.stderr)
    return _within_limit(sys.stdin.buffer.read(LARGEST_INPUT + 1), STDIN_NAME)


def _read_file(path: str) -> bytes:
    # Opening a FIFO would wait for somebody who writes to it, and say nothing.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISDIR(mode):
            raise UsageError(f"cannot read {path}: Is a directory")
        if stat.S_ISFIFO(mode):
            _wait_for_a_writer(file.fileno(), path)
        os.set_blocking(file.fileno(), True)
        return _within_limit(file.read(LARGEST_INPUT + 1), path)


def _wait_for_a_writer(descriptor: int, path: str) -> None:
    """Wait until a FIFO has something to read; after a second, say that this is what happens."""
    from select import POLLIN, poll  # few inputs are FIFOs

    waiting = poll()
    waiting.register(descriptor, POLLIN)
    if not waiting.poll(FIFO_NOTICE_MILLISECONDS):
        print(f"opvasm: {path} is a FIFO: waiting for its writer", file=sys.stderr, flush=True)
        waiting.poll()


def _within_limit(data: bytes, name: str) -> bytes:
    if len(data) > LARGEST_INPUT:
        limit = LARGEST_INPUT >> 20
        raise UsageError(f"{name} is larger than {limit} MiB, the limit for one input")
    return data


def read_source(path: str) -> SourceFile:
    """A text file, or standard input for ``-``; a byte order mark in front is dropped."""
    return source_of(read_bytes(path), display_name(path))


def source_of(data: bytes, name: str) -> SourceFile:
    """The text that bytes hold; UsageError with the place where they are not UTF-8."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = len(data[data.rfind(b"\n", 0, error.start) + 1 : error.start].decode()) + 1
        raise UsageError(
            f"{name}:{line}:{column}: not a text: byte {data[error.start]:#04x} at offset"
            f" {error.start} is not UTF-8",
            "raw ops are read by 'opvasm disasm'; a text must be saved as UTF-8",
        ) from None
    return SourceFile(name, text.removeprefix("\ufeff"))

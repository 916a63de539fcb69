"""Finds the grammar and gives its tables, from the user's cache where they are there.

The cache is one file of plain data for each grammar, interpreter and lark, in
``$XDG_CACHE_HOME/opvasm`` (by default ``~/.cache/opvasm``), so that two installed versions do not
overwrite each other's.  It holds the text of the grammar that it was made from, which must
equal the grammar's text; a checksum guards against half a file.  A file that is missing, old,
broken or can't be written costs time, never a wrong answer.
"""

from __future__ import annotations

import marshal
import os
import sys
from binascii import crc32
from functools import cache

from ..light_typing import Any
from .tables import Tables

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PLACES = (
    os.path.join(_PACKAGE, "grammar", "opv.lark"),
    os.path.join(os.path.dirname(_PACKAGE), "grammar", "opv.lark"),
)
# Part of the key: goes up with every change of what compile.py writes.
_FORMAT = 4
_MAGIC = b"opvasm tables\n"
# The latest files that are kept, of 0.2 MB each, when one more is written.
_KEPT = 8


def grammar_text() -> str:
    """The grammar: the shipped file, else the one beside the checkout's package."""
    for place in _PLACES:
        try:
            with open(place, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            continue
    raise FileNotFoundError(f"the grammar is missing: neither {' nor '.join(_PLACES)} exists")


@cache
def load_tables() -> Tables:
    """The tables of the language, cached for the process and, where that works, for the user."""
    text = grammar_text()
    key = _key(text)
    path = _cache_file(key)
    found = _read(path, key) if path is not None else None
    if found is not None:
        return found
    from .compile import compile_tables

    tables = compile_tables(text)
    if path is not None:
        _write(path, key, tables)
    return tables


def _key(text: str) -> tuple[Any, ...]:
    """All that the tables of a grammar depend on."""
    return _FORMAT, sys.version, _lark_stamp(), text


def _lark_stamp() -> tuple[str, int, int]:
    """Distinguishes one installed lark from another without importing it."""
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("lark")
    if spec is None or spec.origin is None:
        return "", 0, 0
    try:
        status = os.stat(spec.origin)
    except OSError:
        return "", 0, 0
    return spec.origin, status.st_size, status.st_mtime_ns


def _cache_file(key: tuple[Any, ...]) -> str | None:
    """Where the tables of a key are kept, or None where the user has no home."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(root):
        root = os.path.join(os.path.expanduser("~"), ".cache")
        if not os.path.isabs(root):
            return None
    name = f"tables-{sys.implementation.cache_tag}-{crc32(repr(key).encode()):08x}.bin"
    return os.path.join(root, "opvasm", name)


def _read(path: str, key: tuple[Any, ...]) -> Tables | None:
    """The tables of a cache file, or None where it is not exactly what is asked for."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            content = file.read()
        head = len(_MAGIC) + 4
        body = memoryview(content)[head:]
        if content[:head] != _MAGIC + crc32(body).to_bytes(4, "little"):
            return None
        found, fields = marshal.loads(body)
        return Tables(*fields) if found == key else None
    except (AttributeError, OSError, ValueError, EOFError, TypeError):  # no getuid: not a Unix
        return None


def _write(path: str, key: tuple[Any, ...], tables: Tables) -> None:
    """Put the tables into the cache, whole or not at all; a cache that can't be written is fine."""
    body = marshal.dumps((key, tuple(tables)))
    temporary = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(_MAGIC + crc32(body).to_bytes(4, "little") + body)
        os.replace(temporary, path)
        _remove_old(os.path.dirname(path))
    except OSError:
        from contextlib import suppress  # only here: it takes a while to import

        with suppress(OSError):
            os.unlink(temporary)


def _remove_old(folder: str) -> None:
    """Leave the latest tables in a folder; raises OSError where another process was faster."""
    with os.scandir(folder) as entries:
        found = [
            (entry.stat().st_mtime_ns, entry.path)
            for entry in entries
            if entry.name.startswith("tables-") and entry.name.endswith(".bin") and entry.is_file()
        ]
    for _, path in sorted(found)[:-_KEPT]:
        os.unlink(path)

"""Where ELF files are: by themselves, in folders, archives, wheels, packages; of a running process.

A member of a container is looked into when it begins as an ELF file or another container does.  One
that is stored as it is is read where it lies, one that deflate has packed is unpacked in parts, as they are
asked for.  What is packed otherwise is held in memory, a large member in a temporary file without a name,
and given up as soon as it is dealt with.
"""

from __future__ import annotations

import io
import os
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO
from weakref import finalize

from ..elf import archive
from ..elf.file import MAGIC
from ..elf.problems import ElfError, unreadable
from ..elf.source import FileSource, PartSource, PiecesSource, Source, chunks
from .inflate import DEFLATE, Inflated
from .not_here import BITCODE, bitcode

MEMBER_MAX = 1 << 31  # bytes of one member
_DEPTH_MAX = 4  # containers in containers
_MAGIC_BYTES = 512
_PIECE = 1 << 20  # a member is kept in pieces as they come: one in a row would be in memory twice
_IN_MEMORY = 1 << 26  # bytes of a member that are held in memory; a larger one is in a file
_LOCAL_HEADER = 30  # bytes of the header before a member of a zip file, without its two texts
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_TAR = ((b"\x1f\x8b", "gz"), (b"BZh", "bz2"), (b"\xfd7zXZ\x00", "xz"))
_PACKERS = ("zlib", "_lzma", "lzma", "_zstd", "compression", "zstandard")  # modules of their errors
_ZSTD = b"\x28\xb5\x2f\xfd"

Problem = Callable[[ElfError], None]


@contextmanager
def opened(path: str) -> Iterator[Source]:
    """A regular file as a source.  Raises ElfError for what is not one, and OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise unreadable(path, "not a regular file")
        yield FileSource(descriptor, path)
    finally:
        os.close(descriptor)


def kind_of(start: bytes) -> str:
    """``elf``, ``ar``, ``zip``, ``tar``, ``zstd`` or nothing, by the first bytes of a file."""
    if start.startswith(MAGIC):
        return "elf"
    if start.startswith((archive.MAGIC, archive.THIN_MAGIC)):
        return "ar"
    if start.startswith(_ZIP):
        return "zip"
    if start.startswith(_ZSTD):
        return "zstd"
    if start[257:262] == b"ustar" or any(start.startswith(each) for each, _ in _TAR):
        return "tar"
    return ""


def is_bitcode(path: str) -> bool:
    """Whether a file is LLVM's bitcode.  Raises ElfError and OSError."""
    with opened(path) as source:
        return source.read(0, min(4, source.size)).startswith(BITCODE)


def elf_sources(source: Source, problem: Problem, depth: int = 0) -> Iterator[Source]:
    """The ELF files that a source is or holds.  What can't be read inside goes to ``problem``."""
    start = source.read(0, min(_MAGIC_BYTES, source.size))
    kind = kind_of(start)
    if kind == "elf":
        yield source
        return
    if not kind:
        if depth and start.startswith(BITCODE):  # only archives hand on such a member
            problem(bitcode(source.name))
        return
    if depth >= _DEPTH_MAX:
        problem(unreadable(source.name, f"containers in containers, {_DEPTH_MAX} deep"))
        return
    try:
        for member in _members(source, kind):
            try:
                yield from elf_sources(member, problem, depth + 1)
            except ElfError as error:
                problem(error)
    except ElfError as error:
        problem(error)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError, OSError) as error:
        problem(unreadable(source.name, f"the {kind} file can't be read: {error}"))
    except (RuntimeError, NotImplementedError) as error:  # zipfile: encrypted, unknown compression
        problem(unreadable(source.name, f"the {kind} file can't be read: {error}"))
    except Exception as error:  # the errors of zlib, lzma and zstd have no common base
        if type(error).__module__.partition(".")[0] not in _PACKERS:
            raise
        problem(unreadable(source.name, f"the {kind} file can't be read: {error}"))


def _members(source: Source, kind: str) -> Iterator[Source]:
    match kind:
        case "ar":
            for member in archive.members(source):
                start = member.read(0, min(_MAGIC_BYTES, member.size))
                if kind_of(start) or start.startswith(BITCODE):
                    yield member
        case "zip":
            yield from _zip_members(source)
        case "tar":
            yield from _tar_members(source)
        case "zstd":
            yield from _zstd_members(source)
        case _:
            return


class _Stream(io.RawIOBase):
    """A source as a file, for zipfile and tarfile."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, self._source.size)[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        source = self._source
        if isinstance(source, Inflated):
            data = source.some(self._at, len(buffer))
        else:
            data = source.read(self._at, max(0, min(len(buffer), source.size - self._at)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _stream(source: Source) -> io.BufferedReader:
    return io.BufferedReader(_Stream(source), 1 << 16)


def _zip_members(source: Source) -> Iterator[Source]:
    with zipfile.ZipFile(_stream(source)) as whole:
        for entry in whole.infolist():
            if entry.filename.endswith("/"):  # zipfile's own question fails for an empty name
                continue
            name = f"{source.name}:{entry.filename}"
            with whole.open(entry) as member:
                start = member.read(_MAGIC_BYTES)
                if not kind_of(start):
                    continue
                _check_size(name, entry.file_size)
                found = _in_place(source, entry, name)
                if found is None:
                    found = _held(member, start, name, entry.file_size)
            yield found


def _in_place(source: Source, entry: zipfile.ZipInfo, name: str) -> Source | None:
    """The member where it lies in the zip file; None for one that is packed in another way than by deflate."""
    head = source.read(entry.header_offset, _LOCAL_HEADER)
    texts = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    at, packed = entry.header_offset + _LOCAL_HEADER + texts, entry.compress_size
    if entry.compress_type == zipfile.ZIP_DEFLATED:
        return Inflated(source, at, packed, name, DEFLATE, entry.file_size, entry.CRC)
    if entry.compress_type != zipfile.ZIP_STORED or packed != entry.file_size:
        return None
    found = PartSource(source, at, packed, name)
    crc = 0
    for chunk in chunks(found, 0, packed):
        crc = zlib.crc32(chunk, crc)
    if crc != entry.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {entry.filename!r}")
    return found


def _zstd_members(source: Source) -> Iterator[Source]:
    """What zstd has packed: a tar file, or one file."""
    with io.BufferedReader(_unpacked(source), 1 << 16) as unpacked:
        kind = kind_of(unpacked.peek(_MAGIC_BYTES)[:_MAGIC_BYTES])
        if kind == "tar":
            yield from _tar_members(source, unpacked)
        elif kind:
            found = _member(unpacked, source.name, MEMBER_MAX)
            if found is not None:
                yield found


def _unpacked(source: Source) -> io.RawIOBase:
    """The stream that zstd has packed: by Python from 3.14 on, before by the package zstandard."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd

            return zstd.ZstdFile(_stream(source))
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(_stream(source))  # type: ignore[return-value]
    except ImportError:
        raise unreadable(
            *(source.name, "compressed with zstd, which this Python can't read", 0, 4),
            "pip install 'opvasm[audit]', or unpack it first",
        ) from None


def _tar_members(source: Source, unpacked: IO[bytes] | None = None) -> Iterator[Source]:
    packing = _packing(source) if unpacked is None else "zstd"
    if packing in ("", "gz"):
        whole = Inflated(source, 0, source.size, source.name) if packing else source
        yield from _tar_in_place(whole)
        return
    stream = _stream(source) if unpacked is None else unpacked
    with tarfile.open(fileobj=stream, mode="r|*" if unpacked is None else "r|") as entries:
        for entry in entries:
            member = entries.extractfile(entry) if entry.isreg() else None
            if member is None:
                continue
            found = _member(member, f"{source.name}:{entry.name}", entry.size)
            if found is not None:
                yield found


def _packing(source: Source) -> str:
    """What has packed a tar file: ``gz``, ``bz2``, ``xz``, or nothing."""
    start = source.read(0, min(_MAGIC_BYTES, source.size))
    return next((name for magic, name in _TAR if start.startswith(magic)), "")


def _tar_in_place(source: Source) -> Iterator[Source]:
    """The members of a tar file that can be read anywhere, each where it lies."""
    with tarfile.open(fileobj=_stream(source), mode="r:") as whole:
        for entry in whole:
            if not entry.isreg():
                continue
            name = f"{source.name}:{entry.name}"
            member = whole.extractfile(entry)
            start = member.read(_MAGIC_BYTES) if member is not None else b""
            if member is None or not kind_of(start):
                continue
            _check_size(name, entry.size)
            if isinstance(source, Inflated):
                source.forget(entry.offset_data)
            if entry.issparse():
                yield _held(member, start, name, entry.size)
            else:
                yield PartSource(source, entry.offset_data, entry.size, name)


def _member(member: IO[bytes], name: str, size: int) -> Source | None:
    """The member, if its first bytes are of a kind that is looked into.

    ``size`` is what the container says of it; one that says too little is cut off there, as its own
    tools do.
    """
    start = member.read(_MAGIC_BYTES)
    if not kind_of(start):
        return None
    _check_size(name, size)
    return _held(member, start, name, size)


def _check_size(name: str, size: int) -> None:
    if size > MEMBER_MAX:
        raise unreadable(name, f"the member has more than {MEMBER_MAX:,} bytes")


def _held(member: IO[bytes], start: bytes, name: str, size: int) -> Source:
    """A member of which ``start`` was read, in memory; a large one in a temporary file without a name."""
    parts = [start]
    got = len(start)
    while got < min(size, _IN_MEMORY):
        part = member.read(min(_PIECE, size - got))
        if not part:
            return PiecesSource(parts, name)
        parts.append(part)
        got += len(part)
    if got >= size:
        return PiecesSource(parts, name)
    return _Kept(parts, member, name, size - got)


class _Kept:
    """A member in a temporary file, which is gone with its last user."""

    def __init__(self, parts: list[bytes], member: IO[bytes], name: str, left: int) -> None:
        import tempfile

        descriptor, path = tempfile.mkstemp(prefix="opvasm")
        finalize(self, os.close, descriptor)
        os.unlink(path)
        with open(descriptor, "wb", closefd=False) as file:
            while parts:
                file.write(parts.pop(0))
            while left > 0 and (part := member.read(min(_PIECE, left))):
                file.write(part)
                left -= len(part)
        self._source = FileSource(descriptor, name)
        self.name, self.size = name, self._source.size

    def read(self, offset: int, size: int) -> bytes:
        """Exactly these bytes; raises ElfError where they are not all there, and OSError."""
        return self._source.read(offset, size)


def files_below(folder: str) -> Iterator[str]:
    """The regular files of a folder and the folders in it, each once, symbolic links left out."""
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        try:
            entries = sorted(os.scandir(waiting.pop()), key=lambda each: each.name)
        except OSError:
            continue
        inner = []
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    inner.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    about = entry.stat(follow_symlinks=False)
                    if about.st_nlink > 1 and (about.st_dev, about.st_ino) in seen:
                        continue
                    seen.add((about.st_dev, about.st_ino))
                    yield entry.path
            except OSError:
                continue
        waiting += reversed(inner)


def files_of_process(pid: int) -> list[str]:
    """The files that a process has mapped as code.  Raises OSError when it is gone or not ours.

    A file that was replaced on disk is read through /proc, as it is mapped.
    """
    found: dict[str, None] = {}
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            fields = line.rstrip("\n").split(None, 5)
            if len(fields) == 6 and "x" in fields[1] and fields[5].startswith("/"):
                path = fields[5]
                if path.endswith(" (deleted)"):
                    path = f"/proc/{pid}/map_files/{fields[0]}"
                found[path] = None
    return list(found)

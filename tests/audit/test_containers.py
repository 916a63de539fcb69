"""Members of containers are read where they lie: in any order, in bounded memory, and checked."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from opvasm.audit import containers, inflate
from opvasm.audit.containers import elf_sources
from opvasm.audit.inflate import DEFLATE, GZIP, Inflated
from opvasm.elf.problems import ElfError
from opvasm.elf.source import MemorySource, Source
from opvasm.source import BytePlace

_LARGE = 64 << 20
_ALLOWED = 32 << 20  # bytes of memory while a large member is read


def _text(size: int, seed: int = 1) -> bytes:
    """Bytes that deflate packs to about a half."""
    generator = random.Random(seed)
    return bytes(generator.randrange(16) for _ in range(size))


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=DEFLATE)
    return packer.compress(data) + packer.flush()


def _zipped(data: bytes, how: int) -> bytearray:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", how) as file:
        file.writestr("readme", "nothing of interest")
        file.writestr("lib/a.so", data)
    return bytearray(whole.getvalue())


def _tarred(data: bytes, mode: str) -> bytearray:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode=mode) as file:  # type: ignore[call-overload]
        for name, content in (("readme", b"nothing"), ("a.so", data), ("after", b"\x7fELFafter")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return bytearray(whole.getvalue())


def _members(data: bytes) -> tuple[list[tuple[str, bytes]], list[str]]:
    """The names and bytes of the ELF files in a container, and the problems."""
    problems: list[ElfError] = []
    found = []
    for each in elf_sources(MemorySource(data, "packed"), problems.append):
        try:
            found.append((each.name, each.read(0, each.size)))
        except ElfError as error:
            problems.append(error)
    return found, [each.message for each in problems]


@pytest.mark.parametrize("form", [DEFLATE, GZIP])
def test_any_order(form: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of a packed stream are the same in whatever order they are asked for, with few states kept."""
    monkeypatch.setattr(inflate, "_STEP", 1000)
    monkeypatch.setattr(inflate, "_STATES_MAX", 16)
    monkeypatch.setattr(inflate, "_PIECES", 4000)
    data = _text(60_000)
    packed = _deflated(data) if form == DEFLATE else gzip.compress(data)
    whole = Inflated(MemorySource(b"before" + packed + b"after", "a"), 6, len(packed), "a", form)
    generator = random.Random(2)
    for _ in range(200):
        at = generator.randrange(len(data))
        size = generator.choice((1, 10, 3000))
        assert whole.some(at, size) == data[at : at + size]
    assert len(whole._states) <= 16
    whole.forget(30_000)
    assert whole.read(30_000, 30_000) == data[30_000:]
    with pytest.raises(ElfError, match="are there"):
        whole.read(59_000, 1001)


def test_streams_after_one_another() -> None:
    """What several programs have packed into one gzip file is one file, as for gzip itself."""
    parts = _text(5000), _text(7000, 2)
    packed = b"".join(map(gzip.compress, parts))
    whole = Inflated(MemorySource(packed, "a"), 0, len(packed), "a")
    assert whole.some(0, 1 << 20) == b"".join(parts)


@pytest.mark.parametrize(
    "container",
    [
        lambda data: _zipped(data, zipfile.ZIP_STORED),
        lambda data: _zipped(data, zipfile.ZIP_DEFLATED),
        lambda data: _tarred(data, "w"),
        lambda data: _tarred(data, "w:gz"),
    ],
    ids=["stored", "deflated", "tar", "tar.gz"],
)
def test_memory(container: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """A member of 64 MB is read at its begin and its end, in a fraction of its size."""
    data = b"\x7fELF" + bytes(_LARGE) + b"the end"
    path = tmp_path / "packed"
    path.write_bytes(container(data))
    tracemalloc.start()
    with containers.opened(str(path)) as source:
        problems: list[ElfError] = []
        each = next(elf_sources(source, problems.append))
        assert each.size == len(data)
        assert each.read(each.size - 7, 7) == b"the end"
        assert each.read(0, 5) == b"\x7fELF\0"
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert problems == []
    assert most < _ALLOWED


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_zip_file_s_check_sum(how: int) -> None:
    """A member whose bytes are not those of its CRC-32 is refused, however it is packed."""
    data = b"\x7fELF" + _text(3000)
    whole = _zipped(data, how)
    assert _members(bytes(whole)) == ([("packed:lib/a.so", data)], [])
    at = whole.rindex(zlib.crc32(data).to_bytes(4, "little"))
    whole[at] ^= 1
    found, (problem,) = _members(bytes(whole))
    assert found == []
    assert "CRC" in problem


def test_a_member_without_a_name() -> None:
    """A garbled zip file may have a member whose name is empty: it is a member as others are."""
    data = b"\x7fELF" + _text(3000)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as file:
        file.writestr(zipfile.ZipInfo(""), data)
    assert _members(whole.getvalue()) == ([("packed:", data)], [])


def test_what_is_cut_or_garbled() -> None:
    """A packed member that ends too early, or can't be unpacked, is an error with its name."""
    data = b"\x7fELF" + _text(9000)
    packed = _deflated(data)
    for bytes_, size, word in (
        (packed[:3000], len(data), "cut off"),
        (packed[:2000] + b"\xff" * 3000, len(data), "unpacked"),
        (packed, len(data) + 5, "are there"),
    ):
        member = Inflated(MemorySource(bytes_, "m"), 0, len(bytes_), "member", DEFLATE, size)
        with pytest.raises(ElfError, match=word) as caught:
            member.read(0, size)
        assert isinstance(caught.value.diagnostics[0].place, BytePlace)
        assert caught.value.diagnostics[0].place.name == "member"
    whole = _tarred(data, "w:gz")
    found, problems = _members(bytes(whole[: len(whole) // 2]))
    assert found == []
    assert problems


def test_members_after_one_another() -> None:
    """Of a packed tar file each member is read, also after an earlier one was; so is a sparse one."""
    data = b"\x7fELF" + _text(9000)
    for mode in ("w", "w:gz", "w:bz2"):
        found, problems = _members(bytes(_tarred(data, mode)))
        assert found == [("packed:a.so", data), ("packed:after", b"\x7fELFafter")]
        assert problems == []


def test_a_large_member_that_is_packed_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """What bzip2 and xz have packed is the same, in memory or in a file; the file is gone afterwards."""
    data = b"\x7fELF" + _text(9000)
    monkeypatch.setattr(containers, "_IN_MEMORY", 1000)
    monkeypatch.setattr(containers, "_PIECE", 500)
    kept: list[Source] = []
    for packed in (_tarred(data, "w:xz"), _zipped(data, zipfile.ZIP_LZMA)):
        for each in elf_sources(MemorySource(bytes(packed), "packed"), lambda error: None):
            kept.append(each)
            assert each.read(0, each.size)[:4] == b"\x7fELF"
    assert isinstance(kept[0], containers._Kept)
    assert kept[0].read(1, len(data) - 1) == data[1:]


def test_a_member_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member of over two GiB is refused before it is read."""
    monkeypatch.setattr(containers, "MEMBER_MAX", 5000)
    data = b"\x7fELF" + _text(6000)
    for whole in (_zipped(data, zipfile.ZIP_DEFLATED), _tarred(data, "w:gz")):
        found, problems = _members(bytes(whole))
        assert ("packed:a.so", data) not in found
        assert any("more than 5,000 bytes" in each for each in problems)


def test_garbled_containers() -> None:
    """Bytes that were changed or left out at random end in members or in problems, and in no other exception."""
    generator = random.Random(3)
    data = b"\x7fELF" + _text(2000)
    packings = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    whole = [_zipped(data, how) for how in packings]
    whole += [_tarred(data, mode) for mode in ("w", "w:gz", "w:bz2", "w:xz")]
    read = refused = 0
    for _ in range(3000):
        garbled = bytearray(generator.choice(whole))
        for _ in range(generator.randint(1, 4)):
            at = generator.randrange(
                max(0, len(garbled) - generator.choice((400, 9000))), len(garbled)
            )
            if generator.random() < 0.2:
                del garbled[at : at + generator.randrange(600)]
                garbled += b"\0"
            else:
                garbled[at] = generator.choice((0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256)))
        found, problems = _members(bytes(garbled))
        read += len(found)
        refused += len(problems)
    assert read > 300
    assert refused > 300

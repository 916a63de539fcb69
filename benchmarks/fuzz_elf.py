"""Garbles ELF files and archives, and reads each with all that opvasm/elf offers.

    python -m benchmarks.fuzz_elf [FILES] [SEED]

Anything but a result or an ElfError within five seconds of a core and a gigabyte is a fault: the file is kept
in the folder for temporary files, and the exit code is 1.  The same seed makes the same files.
"""

from __future__ import annotations

import random
import resource
import signal
import struct
import sys
import tempfile
from pathlib import Path
from time import process_time

from opvasm.elf.archive import members
from opvasm.elf.descriptors import find_descriptors
from opvasm.elf.file import ElfFile, elf_from_bytes
from opvasm.elf.object_code import outside, relocated_code
from opvasm.elf.problems import ElfError
from opvasm.elf.signatures import find_by_signature
from opvasm.elf.source import MemorySource
from opvasm.elf.symbols import names_covering, symbol_tables, symbols
from tests.elf.programs import TARGETS, build

SECONDS, BYTES = 5, 1 << 30
_LARGE = (2**64 - 1, 2**63, 2**63 - 1, 2**32, 2**32 - 1, 2**31, 0x10000, 0xFFFF, 0x1000, 1, 0)


def everything(file: ElfFile) -> None:
    """Read all of a file."""
    find_descriptors(file)
    find_by_signature(file)
    for table in symbol_tables(file):
        for _ in symbols(file, table):
            pass
    names_covering(file, [file.header.entry, 0x1000])
    for section in file.sections:
        file.place(section.address)
        if file.relocatable:
            relocated_code(file, section.address, 256)
            outside(file, 0x4000_0000 + section.size)


def read(data: bytes) -> bool:
    """Read a file or the members of an archive; whether nothing was wrong with it."""
    try:
        if data.startswith(b"!<arch>\n"):
            for member in members(MemorySource(data, "fuzzed")):
                everything(ElfFile(member))
        else:
            everything(elf_from_bytes(data, "fuzzed"))
    except ElfError:
        return False
    return True


def garble(data: bytes, generator: random.Random) -> bytes:
    """A file with one to eight changes, most of them in its first bytes and its tables."""
    changed = bytearray(data)
    tables = [0, len(changed) // 2]
    if data[4] == 2:
        tables += [*struct.unpack_from("<QQ", data, 32)]
    for _ in range(generator.randint(1, 8)):
        spread = generator.choice((64, 512, len(changed)))
        at = (generator.choice(tables) + generator.randrange(spread)) % max(len(changed), 1)
        match generator.randrange(4):
            case 0:
                changed[at] = generator.randrange(256)
            case 1:
                changed[at] ^= 1 << generator.randrange(8)
            case 2:
                size = generator.choice((2, 4, 8))
                value = generator.choice(_LARGE) & (1 << 8 * size) - 1
                order = generator.choice(("little", "big"))
                at -= at % size
                changed[at : at + size] = value.to_bytes(size, order)  # type: ignore[arg-type]
            case _:
                source = generator.randrange(len(changed))
                size = generator.choice((4, 8, 24, 64))
                changed[at : at + size] = changed[source : source + size]
    if generator.random() < 0.1:
        del changed[generator.randrange(len(changed)) :]
    return bytes(changed)


def seeds(folder: Path) -> list[bytes]:
    """A small library and object of each architecture that can be built here, and an archive."""
    found = []
    for target in TARGETS:
        for linked in (False, True):
            if target == "s390" and linked:
                continue
            place = folder / f"{target}-{linked}"
            place.mkdir()
            found.append(build(target, place, linked, "-z", "notext").read_bytes())
    header = b"a.o/".ljust(48) + str(len(found[0])).encode().ljust(10) + b"`\n"
    found.append(b"!<arch>\n" + header + found[0] + header + found[0])
    return found


def main(count: int, seed: int) -> int:
    """Fuzz ``count`` files; the exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    with tempfile.TemporaryDirectory() as folder:
        files = seeds(Path(folder))
    generator = random.Random(seed)
    whole = faults = 0
    started = process_time()
    for number in range(count):
        data = garble(generator.choice(files), generator)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            whole += read(data)
        except BaseException as error:
            faults += 1
            kept = Path(tempfile.gettempdir()) / f"fuzzed-{seed}-{number}.elf"
            kept.write_bytes(data)
            print(f"{kept}: {type(error).__name__}: {error}", flush=True)
            if isinstance(error, KeyboardInterrupt):
                break
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if (number + 1) % 100_000 == 0:
            print(f"{number + 1:,} files, {faults} faults", flush=True)
    seconds = process_time() - started
    print(f"{count:,} files: {whole:,} read, {faults} faults, {seconds:.0f} seconds of a core")
    return 1 if faults else 0


class TookTooLong(Exception):
    """A file took more than its seconds."""


def _too_long(number: int, frame: object) -> None:
    raise TookTooLong(f"more than {SECONDS} seconds")


if __name__ == "__main__":
    signal.signal(signal.SIGPROF, _too_long)
    words = [int(each) for each in sys.argv[1:]] + [10_000, 1][len(sys.argv) - 1 :]
    sys.exit(main(words[0], words[1]))

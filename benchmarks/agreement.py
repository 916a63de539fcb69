"""Do the verifier and the interpreter's static checks say the same of random vectors?

``python -m benchmarks agreement`` asks them about a million; a count of disagreements other than 0
is a fault.  Half of the ops are random bytes; half are made to come near the limits.
"""

from __future__ import annotations

from random import Random
from struct import pack
from time import perf_counter

from opvasm.abi.layout import DATA_MODELS
from opvasm.abi.revisions import PAGE_SIZES, REVISIONS, Abi, get_abi
from opvasm.binary import decode
from opvasm.interpreter import Machine
from opvasm.verifier.report import verify

VECTORS = 1_000_000
EINVAL = 22
# Lengths, bits and words at which a rule changes its mind.
_LENGTHS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 64, 120, 121, 4095, 4096, 4097, 4216, 4217, 1 << 31)
_BITS = (0, 1, 7, 8, 15, 16, 31, 32, 63, 64, (1 << 32) - 1)
_WORDS = (0, 0x1000, (1 << 32) - 8, (1 << 32) - 7, (1 << 32) - 1, (1 << 64) - 8, (1 << 64) - 7)


def random_op(random: Random, abi: Abi) -> bytes:
    """The 32 bytes of an op, at random or near a limit."""
    if random.random() < 0.1:
        return random.randbytes(32)
    order = "<" if abi.model.byteorder == "little" else ">"
    opcode = random.choice((*range(len(abi.revision.operations)), random.randint(-2, 11)))
    length = random.choice(_LENGTHS) if random.random() < 0.5 else random.choice((1, 2, 4, 8))
    first, second = random.choice(_WORDS), random.choice(_WORDS)
    if random.random() < 0.5:
        first, second = 0x1000, 0x2000
    if random.random() < 0.3:
        return pack(f"{order}iIQIIQ", opcode, length, first, random.choice(_BITS), 0, 0)
    return pack(f"{order}iIQQQ", opcode, length, first, second, random.getrandbits(64))


def random_vector(random: Random, abi: Abi) -> bytes:
    """An array of ops: most of a size that is accepted, some longer."""
    count = random.randint(0, 18) if random.random() < 0.1 else random.randint(0, 5)
    return b"".join(random_op(random, abi) for _ in range(count))


def agree(data: bytes, abi: Abi, machine: Machine) -> tuple[bool, bool]:
    """Whether the verifier and the machine refuse a vector.

    EINVAL comes from nothing but the vector: the CPU exists and is allowed, no flag is set.
    """
    found = verify(decode(data, abi, None), abi, advice=False)
    return bool(found), machine.cpu_opv(data, len(data) // 32, 0) == -EINVAL


def measure(vectors: int = VECTORS, seed: int = 1) -> str:
    """The counts as text."""
    random = Random(seed)
    machines = [
        Machine(get_abi(revision.name, model.name, page_size))
        for revision in REVISIONS
        for model in DATA_MODELS
        for page_size in (PAGE_SIZES[0], PAGE_SIZES[-1])
    ]
    started = perf_counter()
    refused = 0
    disagreements = []
    for index in range(vectors):
        machine = machines[index % len(machines)]
        data = random_vector(random, machine.abi)
        verifier, interpreter = agree(data, machine.abi, machine)
        refused += interpreter
        if verifier != interpreter:
            disagreements.append(f"{machine.abi}: {data.hex()}")
    seconds = perf_counter() - started
    lines = [
        f"verifier and interpreter: {vectors} random vectors, {refused} of them refused, "
        f"{len(disagreements)} disagreements, {seconds:.0f} s",
        *disagreements[:10],
    ]
    return "\n".join(lines)

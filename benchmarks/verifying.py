"""What the verifier costs: against one run of the same ops, and over ten thousand vectors."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from time import perf_counter

from opvasm.abi.revisions import get_abi
from opvasm.assembler import assemble
from opvasm.binary import decode, encode
from opvasm.binding import bind
from opvasm.program import Instruction, default_layout
from opvasm.source import SourceFile
from opvasm.verifier.report import verify

from .agreement import random_vector
from .interpreter import machine_for, vectors
from .measure import interleaved, table

# Sixteen ops that nothing can be said of: a compare, then copies to one CPU's data.
_CLEAN = "percpu word: u64[32]\nvector v() {\n    cmpeq.u64 word[0], word[1]\n" + "".join(
    f"    memcpy.u64 word[{16 + index}], word[{index}]\n" for index in range(1, 16)
)
_MANY = 10_000
_CALLS = 200


def _clean() -> tuple[Instruction, ...]:
    program = assemble(SourceFile("clean", _CLEAN + "}\n")).program
    return bind(program.vectors["v"], program, default_layout(program.abi, program.data), 0, {})


def _time(action: object, calls: int) -> float:
    """Microseconds a call."""
    assert callable(action)
    started = perf_counter()
    for _ in range(calls):
        action()
    return (perf_counter() - started) / calls * 1e6


def _against_a_run(rounds: int) -> str:
    """Both are given the same ops, which neither has seen; also a run of bytes seen before."""
    abi = get_abi()
    rows = [("16 ops", "findings", "run", "run again", "verify", "verify / run", "without advice")]
    shapes: dict[str, Sequence[Instruction]] = {
        "nothing to say": _clean(),
        "much to say": vectors()["16 ops"],
    }
    for name, ops in shapes.items():
        machine = machine_for(ops)
        data = encode(ops, abi)
        times = interleaved(
            {
                "run": lambda ops=ops, machine=machine: _time(  # type: ignore[misc]
                    lambda: machine.cpu_opv(ops, len(ops), 0), _CALLS
                ),
                "again": lambda data=data, machine=machine: _time(  # type: ignore[misc]
                    lambda: machine.cpu_opv(data, len(data) // 32, 0), _CALLS
                ),
                "verify": lambda ops=ops: _time(lambda: verify(ops, abi), _CALLS),  # type: ignore[misc]
                "static": lambda ops=ops: _time(  # type: ignore[misc]
                    lambda: verify(ops, abi, advice=False), _CALLS
                ),
            },
            rounds,
        )
        rows.append(
            (
                name,
                str(len(verify(ops, abi))),
                f"{times['run']:.0f} us",
                f"{times['again']:.0f} us",
                f"{times['verify']:.0f} us",
                f"{times['verify'] / times['run']:.2f}",
                f"{times['static']:.0f} us",
            )
        )
    return table("verifying against running", rows)


def _over_many(rounds: int) -> str:
    """Ten times the vectors take ten times the time."""
    abi = get_abi()
    random = Random(1)
    given = [decode(random_vector(random, abi), abi, None) for _ in range(_MANY)]
    counts = (_MANY // 100, _MANY // 10, _MANY)

    def each(count: int) -> float:
        started = perf_counter()
        for ops in given[:count]:
            verify(ops, abi)
        return (perf_counter() - started) / count * 1e6

    times = interleaved(
        {str(count): lambda count=count: each(count) for count in counts}, rounds  # type: ignore[misc]
    )
    rows = [("vectors", "us a vector"), *((name, f"{time:.0f}") for name, time in times.items())]
    return table("verifying many vectors", rows)


def measure(rounds: int = 7) -> str:
    """The tables."""
    return f"{_against_a_run(rounds)}\n{_over_many(3)}"

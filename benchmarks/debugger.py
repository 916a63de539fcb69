"""What history costs: memory for 100,000 calls, and the time of a step back at any length.

Prints bytes kept per call, the peak of the process, and how long one vector back takes after 1,000
and after 100,000 calls: the ratio of the two says that going back is not a replay from the start.
``python -m benchmarks.debugger [CALLS]``.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from statistics import median
from time import perf_counter

from opvasm.assembler import assemble
from opvasm.debugger.drivers import VectorsDriver
from opvasm.debugger.session import Session
from opvasm.debugger.timeline import LiveTimeline
from opvasm.program import Vector
from opvasm.scenario.world import World
from opvasm.source import SourceFile

CALLS = 100_000
SHORT = 1_000
LIMIT_MIB = 500
# The longest vector that the kernel takes: 16 ops, each of which changes memory.
TEXT = """
percpu ring: u64[16]
percpu sum: u64
vector fill(a: u64, b: u64) {
    cmpne.u64   a, b
    memcpy.u64  ring[0], a
    memcpy.u64  ring[1], b
    add.u64     ring[2], a
    xor.u64     ring[3], b
    memcpy.u64  ring[4], ring[3]
    memcpy.u64  ring[5], ring[2]
    add.u64     ring[6], 3
    add.u64     ring[7], 5
    lshift.u64  ring[2], 1
    or.u64      ring[8], a
    memcpy      [&ring[9]], [&ring[0]], 24
    add.u64     ring[12], a
    add.u64     ring[13], b
    memcpy.u64  ring[14], ring[13]
    add.u64     sum, 1
}
"""


def session(calls: int) -> Session:
    """A session of many different calls."""
    program = assemble(SourceFile("benchmark.opv", TEXT)).program
    world = World(program)
    fill = program.vectors["fill"]

    def all_calls() -> Iterator[tuple[Vector, Mapping[str, int], int]]:
        for number in range(calls):
            mixed = number * 0x9E3779B97F4A7C15 % (1 << 63)
            yield fill, {"a": mixed, "b": mixed ^ number + 1}, number % 4

    return Session(LiveTimeline(VectorsDriver(world, all_calls())), program, world.layout)


def seconds_back(session: Session, moves: int = 60) -> float:
    """The median time of going back by one vector and into it, from where the session is."""
    times = []
    for _ in range(moves):
        before = perf_counter()
        session.next_statement(forward=False)
        session.step_op(forward=False)
        times.append(perf_counter() - before)
    return median(times)


def peak_mib() -> float:
    """The most memory that the process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(calls: int = 20_000) -> str:
    """The lines that a process of its own prints: the peak of this one has its past in it."""
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.debugger", str(calls)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return f"what the debugger's history costs\n\n{ran.stdout}"


def main() -> int:
    """Run forwards, step back, compare with a short run; 1 when memory goes past the limit."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    few = session(SHORT)
    few.resume()
    short = seconds_back(few)
    base = peak_mib()
    many = session(calls)
    first = many.holder.memory.copy()
    before = perf_counter()
    many.resume()
    forward = perf_counter() - before
    peak = peak_mib()
    long = seconds_back(many)
    before = perf_counter()
    many.resume(forward=False)
    back = perf_counter() - before
    assert many.position == 0
    assert many.holder.memory == first
    print(f"calls of 16 ops             {calls}")
    print(f"run forwards, recorded      {forward:.1f} s, {1e6 * forward / calls:.0f} us a call")
    print(f"back to the start           {back:.1f} s, {1e6 * back / calls:.0f} us a call")
    print(f"peak memory                 {peak:.0f} MiB (limit {LIMIT_MIB}), {base:.0f} before")
    print(f"kept for each call          {1048576 * (peak - base) / calls:.0f} bytes")
    print(f"one vector back, of {SHORT:>7}  {1e6 * short:.0f} us")
    print(f"one vector back, of {calls:>7}  {1e6 * long:.0f} us, ratio {long / short:.2f}")
    return 0 if peak <= LIMIT_MIB else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""``python -m tests.explorer.native.fuzz``: step code that somebody has tampered with.

The engine refuses it, or runs it to an end; it never reads or writes outside of its tables.  Meant
for a build with sanitizers (``--engine``), which ends the process where it does.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from opvasm.assembler import assemble
from opvasm.explorer.native import built
from opvasm.explorer.native.built import Refused
from opvasm.explorer.native.encode import encode
from opvasm.explorer.native.engine import BY_BAIL, Native, Wanted
from opvasm.explorer.plan.plan import Plan, make_plan
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.search.sharing import Sharing
from opvasm.explorer.setting.configuration import configurations
from opvasm.source import SourceFile
from tests.oracle.generator import make

from .builds import loaded, searching_with

MOST_STATES, MOST_BYTES = 200, 1 << 26


def plans(seed: int, count: int) -> list[Plan]:
    """The first configuration of some generated scenarios."""
    found = []
    for number in range(count):
        assembly = assemble(SourceFile("generated", make(seed, number).text))
        scenario = assembly.scenarios[0]
        configuration = configurations(scenario, strategy_table(assembly.strategies))[0]
        found.append(make_plan(assembly.program, scenario, configuration))
    return found


def tampered(data: bytes, random: Random) -> bytes:
    """Bytes with a few changes: other bytes, other numbers, a piece cut out, the end cut off."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.randrange(len(changed))
        match random.randrange(6):
            case 0:
                changed[at] ^= 1 << random.randrange(8)
            case 1:
                changed[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                at &= ~3
                changed[at : at + 4] = random.choice((0, 1, 2, 7, 255, 65536, 1 << 31)).to_bytes(
                    4, "little"
                )
            case 3:
                changed[at : at + 4] = bytes(changed[(at + 4) % len(changed) :][:4])
            case 4 if random.random() < 0.1:
                del changed[at : at + random.randrange(1, 40)]
            case 5 if random.random() < 0.1:
                del changed[at:]
            case _:
                changed[at] = (changed[at] + 1) % 256
        if not changed:
            return b""
    return bytes(changed)


def outcome(plan: Plan, data: bytes, kind: Any, jobs: int = 1) -> str:
    """What the engine, on so many cores, makes of some bytes: refused, gives up, an exception, runs."""
    native = Native.__new__(Native)
    native.plan = plan
    try:
        native.engine = kind(data)
    except ValueError:
        return "refused"
    native.table = encode(plan)
    shared = Sharing(plan, True).tables()
    flags = (True,) * 9
    wanted = Wanted(*flags, 3, 1, jobs, MOST_STATES, MOST_BYTES, 0.5, shared, frozenset())
    try:
        given = native.run(wanted, None)
    except Refused:
        return "gives up"
    except (ValueError, IndexError, KeyError) as error:
        return f"{type(error).__name__}"
    for number in range(given.states):
        native.state(number)
        native.came_from(number)
    native.edges()
    return "runs" if given.stopped < BY_BAIL else "gives up"


def campaign(seed: int, count: int) -> Counter[str]:
    """So many tampered codes, and what became of them."""
    random, counts = Random(seed), Counter[str]()
    made = plans(seed, 20)
    tables = [encode(plan).data for plan in made]
    kind = built.engine_type()
    for each in range(count):
        number = random.randrange(len(made))
        data = tampered(tables[number], random)
        counts[outcome(made[number], data, kind, 1 + each % 2)] += 1
    return counts


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0; a sanitizer ends the process with another one."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.explorer.native.fuzz", description=__doc__
    )
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--engine", type=Path, help="a build of the engine other than the usual one"
    )
    chosen = parser.parse_args(arguments)
    if chosen.engine is not None:
        with searching_with(loaded(chosen.engine)):
            counts = campaign(chosen.seed, chosen.count)
    else:
        counts = campaign(chosen.seed, chosen.count)
    print(", ".join(f"{count} {name}" for name, count in counts.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

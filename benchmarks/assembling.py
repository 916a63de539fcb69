"""Lines a second and memory of assembling long texts."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

from .measure import interleaved, processor_time_and_memory, table

LINES = (1_000, 10_000, 100_000)
# A vector holds at most 16 ops.
OPS_A_VECTOR = 14
# All of the text is assembled, one vector of it bound and written.
ONE = ("--vector", "push0", "--arg", "node=0x1000", "--arg", "expect=0")


def text_of(lines: int) -> str:
    """A text of that many lines: vectors of compares, copies and sums on variables."""
    written = [
        "struct node { next: ptr, value: u64 }",
        "percpu head: ptr",
        "percpu count: u64",
        "shared nodes: node[64]",
    ]
    body = (
        "    cmpeq.ptr   head, expect",
        "    memcpy.ptr  node->next, expect",
        "    add         count, 1",
        "    memcpy.u64  nodes[3].value, count   // a remark",
    )
    number = 0
    while len(written) + OPS_A_VECTOR + 2 <= lines:
        written.append(f"vector push{number}(node: ptr<node>, expect: ptr) {{")
        written += [body[index % len(body)] for index in range(OPS_A_VECTOR)]
        written.append("}")
        number += 1
    written += ["//"] * (lines - len(written))
    return "\n".join(written) + "\n"


def measure(rounds: int = 3) -> str:
    """The table: seconds and lines a second, less what a text of 20 lines needs, and memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "0.opv").write_text(text_of(20))
        for lines in LINES:
            (folder / f"{lines}.opv").write_text(text_of(lines))
        memory: dict[str, int] = {}

        def run(lines: int) -> float:
            file = str(folder / f"{lines}.opv")
            words = [sys.executable, "-m", "opvasm", "asm", file, *ONE]
            seconds, most = processor_time_and_memory(words)
            memory[str(lines)] = max(most, memory.get(str(lines), 0))
            return seconds

        times = interleaved({str(lines): partial(run, lines) for lines in (0, *LINES)}, rounds)
    rows = [("lines", "seconds", "lines/s", "MB")]
    for lines in LINES:
        seconds = times[str(lines)] - times["0"]
        rows.append(
            (
                f"{lines:,}",
                f"{seconds:.2f}",
                f"{lines / seconds:,.0f}",
                f"{memory[str(lines)] / 1e6:.0f}",
            )
        )
    return table("assembling long texts", rows)

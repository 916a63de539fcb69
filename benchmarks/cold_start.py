"""How long a short command takes, as a ratio to starting Python and doing nothing."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

from .measure import interleaved, processor_time, table

TEXT = """\
percpu head: ptr
shared nodes: u64[8]

vector push(node: ptr, expect: ptr) {
    cmpeq.ptr   head, expect
    memcpy.ptr  [node], expect
    memcpy.ptr  head, node
}
vector bump() { add nodes[0], 1 }

scenario twice {
    cpus 1
    strategy opv
    thread a @0 { run bump() }
    thread b @0 { run bump() }
    forall nodes[0] == 2
    expect holds
}
"""
PUSH = ["--vector", "push", "--arg", "node=0x600000000000", "--arg", "expect=0"]


def measure(rounds: int = 21) -> str:
    """The table of ratios."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text, ops = str(folder / "list.opv"), str(folder / "list.bin")
        (folder / "list.opv").write_text(TEXT)
        python = [sys.executable]
        # The script that installers write for the command.
        (folder / "opvasm").write_text(
            "import sys\nfrom opvasm.cli.__main__ import run\nsys.exit(run())\n"
        )
        opvasm = [*python, str(folder / "opvasm")]
        processor_time([*opvasm, "asm", text, *PUSH, "-o", ops])
        commands = {
            "python -c pass": [*python, "-c", "pass"],
            "opvasm --version": [*opvasm, "--version"],
            "opvasm asm, 10 lines": [*opvasm, "asm", text, *PUSH],
            "opvasm disasm": [*opvasm, "disasm", ops],
            "opvasm run, assembled": [*opvasm, "run", "--from", "raw", ops],
            "opvasm verify, assembled": [*opvasm, "verify", "--from", "raw", ops],
            "python -m opvasm run, assembled": [
                *(*python, "-m", "opvasm"),
                *("run", "--from", "raw", ops),
            ],
            "opvasm run, text": [*opvasm, "run", text, "bump"],
            "opvasm explore, 3 states": [*opvasm, "explore", text],
            "python -c 'import argparse'": [*python, "-c", "import argparse"],
            "python -c 'import typing'": [*python, "-c", "import typing"],
            "python -c 'import enum'": [*python, "-c", "import enum"],
            "python -c 'import dataclasses'": [*python, "-c", "import dataclasses"],
            "python -c 'import lark'": [*python, "-c", "import lark"],
        }
        times = interleaved(
            {name: partial(processor_time, words) for name, words in commands.items()},
            rounds,
        )
    base = times["python -c pass"]
    rows = [("command", "ratio")] + [
        (name, f"{seconds / base:.1f}") for name, seconds in times.items()
    ]
    return table("start-up, processor time as a ratio to python -c pass", rows)

"""Running the command line, inside this process (quick) or as one of its own (for streams)."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from opvasm.cli.main import main

LIST = """\
abi 2017-11
struct node { next: ptr, value: u64 }
percpu head: ptr<node>
shared nodes: node[8]

vector push(node: ptr<node>, expect: ptr<node>) {
    cmpeq   head, expect
    memcpy  node->next, expect
    memcpy  head, node
}

test "push, then a stale push" {
    cpu 1
    run push(&nodes[0], 0) -> 0
    assert head == &nodes[0]
    run push(&nodes[1], 0) -> 1
    assert unchanged
}
"""


class Ran(NamedTuple):
    """How a command ended: its exit code and what it wrote."""

    code: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.output.decode()


Run = Callable[..., Ran]


class _Input:
    """A standard input that holds these bytes and is not a terminal."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)

    def isatty(self) -> bool:
        return False


@pytest.fixture
def opvasm(
    capsysbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Run:
    """Run a command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "OPVASM_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str | Path, input: bytes | str = b"") -> Ran:
        data = input.encode() if isinstance(input, str) else input
        monkeypatch.setattr(sys, "stdin", _Input(data))
        capsysbinary.readouterr()
        code = main([str(word) for word in words])
        output, errors = capsysbinary.readouterr()
        return Ran(code, output, errors.decode())

    return run


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without what would colour or trace, and with changes."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "FORCE_COLOR", "OPVASM_TRACEBACK", "COLUMNS")
    }
    return kept | changes


def spawn(*words: str, input: bytes = b"", env: Mapping[str, str] | None = None) -> Ran:
    """Run a command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "opvasm", *words],
        input=input,
        capture_output=True,
        env=environment() if env is None else env,
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr.decode())

"""What all tests share, and the line at the end that says what this machine lacks."""

from __future__ import annotations

import gc
import re
import signal
from typing import Any

import pytest
from hypothesis import settings

# A busy machine is no failure: nothing here judges by the clock.
settings.register_profile("opvasm", deadline=None)
settings.load_profile("opvasm")

# What was collected stays to the end: to look through it for cycles again and again took a twentieth of a run.
gc.set_threshold(20_000, 50, 50)

# A shell starts what runs in the background with SIGINT ignored, and tests interrupt themselves.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """The tests themselves are no garbage."""
    gc.freeze()


@pytest.fixture
def python_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches are done by the Python engine: for tests that change it, or look into it."""
    from opvasm.explorer.native import built

    def none() -> Any:
        raise built.Refused("a test wants the Python engine")

    monkeypatch.setattr(built, "engine_type", none)


# What a skipped test names, as Debian's packages.
PACKAGES = {
    "gcc": "gcc libc6-dev",
    "cc": "gcc libc6-dev",
    "g++": "g++",
    "clang": "clang",
    "as": "binutils",
    "ld": "binutils",
    "ar": "binutils",
    "objcopy": "binutils",
    "objdump": "binutils",
    "readelf": "binutils",
    "lld": "lld",
    "llvm-bolt-16": "bolt-16",
    "llvm-mc": "llvm",
    "m32": "lib32gcc-12-dev libc6-dev-i386",
    "spin": "spin",
    "chromium": "chromium",
    "xxd": "xxd",
    "hexdump": "bsdextrautils",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "valgrind": "valgrind",
    "qemu-x86_64": "qemu-user",
    "gdb": "gdb",
    "tmux": "tmux",
    "git": "git",
    "patch": "patch",
    "zsh": "zsh",
    "fish": "fish",
    "node": "nodejs",
}


def lacking(reason: str) -> list[str]:
    """The packages that a skipped test's reason asks for; none where it is skipped for another."""
    if not re.search(
        r"not installed|no C library|(is|are) needed|does not work here|No such file", reason
    ):
        return []
    words = re.findall(r"[a-z][a-z0-9+_-]*", reason.lower())
    return [PACKAGES[word] for word in words if word in PACKAGES]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line for all tests that were skipped because a tool is missing."""
    reasons = [
        str(each.longrepr[2]) if isinstance(each.longrepr, tuple) else str(each.longrepr)
        for each in terminalreporter.stats.get("skipped", [])
    ]
    skipped = [(reason, lacking(reason)) for reason in reasons]
    count = sum(1 for _, packages in skipped if packages)
    if count:
        wanted = sorted(
            {word for _, packages in skipped for each in packages for word in each.split()}
        )
        terminalreporter.write_line(
            f"{count} tests were skipped for tools that are not installed: "
            f"apt install {' '.join(wanted)}"
        )
    others = sorted(
        {reason.removeprefix("Skipped: ") for reason, packages in skipped if not packages}
    )
    for reason in others:
        terminalreporter.write_line(f"skipped: {reason}")

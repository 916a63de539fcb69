"""Coverage of ops by outcome, its threshold, and two engines side by side."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from opvasm.abi.revisions import REVISIONS, get_abi
from opvasm.engines.reference import build_machine, call
from opvasm.scenario.runner import run_test
from opvasm.suite.coverage import Cell, Collector, possible_cells, summary
from tests.debugger.sessions import ROOT, assembly_of, cases, program

OPVASM = [sys.executable, "-m", "opvasm"]
PLUGIN = f"{shlex.quote(sys.executable)} -m tests.conformance.plugin_reference"


def run(*arguments: str, status: int = 0) -> str:
    done = subprocess.run([*OPVASM, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == status, done.stderr + done.stdout
    return done.stdout + done.stderr


def test_a_test_reaches_the_cells_that_its_ops_are() -> None:
    """Counted by hand from the program: three pushes, one stopped; a copy of 100; a fault."""
    collector = Collector()
    collector.enter(program().program.abi)
    run_test(program().program, program().tests[0], observe=collector)
    counts = collector.counts
    assert counts[Cell("cmpeq", "8", "aligned", "done")] == 2
    assert counts[Cell("cmpeq", "8", "aligned", "stopped")] == 1
    assert counts[Cell("memcpy", "8", "aligned", "done")] == 4
    assert counts[Cell("memcpy", "8", "aligned", "EFAULT")] == 1
    assert counts[Cell("add", "4", "aligned", "done")] == 2
    # The array begins after 64 bytes of nodes and 100 of text: at no multiple of 8.
    assert counts[Cell("memcpy", "65..4096", "unaligned", "done")] == 1
    assert counts[Cell("the call", "-", "-", "ran where it was")] == 4
    assert sum(counts.values()) == 2 + 1 + 4 + 1 + 2 + 1 + 4


def test_refusals_are_counted_by_their_rule() -> None:
    """A shift by too many bits, an unknown op, a sum that is too large."""
    text = """
    shared x: u8[5000]
    unverified vector shift() { lshift.u16 [&x], 16 }
    unverified vector unknown() { .raw "ffffffff 00000000 000000000000000000000000000000000000000000000000" }
    unverified vector large() {
        memcpy [&x], [&x], 4096
        memcpy [&x], [&x], 4096
    }
    test "t" { cpu 0
        run shift() -> EINVAL
        run unknown() -> EINVAL
        run large() -> EINVAL
    }"""
    assembly = assembly_of(text)
    collector = Collector()
    collector.enter(assembly.program.abi)
    assert run_test(assembly.program, assembly.tests[0], observe=collector).passed
    assert collector.counts == {
        Cell("lshift", "2", "-", "OPV204"): 1,
        Cell("unknown", "-", "-", "OPV201"): 1,
        Cell("the call", "-", "-", "OPV206"): 1,
    }


@pytest.mark.parametrize("revision", [each.name for each in REVISIONS])
def test_what_cases_reach_is_possible(revision: str) -> None:
    """No case of the kernel's own ends in a cell that the table calls impossible.

    Two kinds are not in the table: a wrapping range has a rule of its own, and a read can fault
    only in pages whose kind changes while a call runs.
    """
    collector = Collector()
    collector.enter(get_abi(revision))
    for case in cases()[::7]:
        if case.revision == revision:
            machine = build_machine(case)
            machine.observe = collector
            call(machine, case)
    possible = set(possible_cells([get_abi(revision).revision]))
    odd = {
        cell
        for cell in set(collector.counts) - possible
        if cell.outcome not in ("OPV205", "restarted")
        and not (cell.outcome == "faulted" and not collector.revisions[revision].pins_for_write)
    }
    assert odd == set()


def test_the_share_is_of_the_possible_cells() -> None:
    """Nothing reached is 0 %, everything 100 %."""
    collector = Collector()
    collector.enter(get_abi("2017-11"))
    assert summary(collector).percent == 0
    for cell in possible_cells(collector.revisions.values()):
        collector.counts[cell] += 1
    assert summary(collector).percent == 100
    assert summary(collector).missing == ()


def test_one_command_prints_the_table_and_holds_a_threshold() -> None:
    """--coverage prints, --require fails with what is missing."""
    path = "samples/ops/cmpeq.opv"
    said = run("test", path, "--coverage")
    assert re.search(r"^cmpeq +8 ", said, re.MULTILINE)
    assert "combinations of op, length, alignment and outcome were reached" in said
    failed = run("test", path, "--require", "99", status=1)
    assert "99 % is required; missing:" in failed
    run("test", path, "--require", "1")
    assert "0 to 100 percent" in run("test", path, "--require", "120", status=2)
    plugin = run("test", path, "--coverage", "--plugin", "cat", status=2)
    assert "not into a plugin" in plugin


def test_engines_that_agree_are_said_to(tmp_path: Path) -> None:
    """The reference behind a pipe sends the same events."""
    lines = (ROOT / "tests/conformance/public.jsonl").read_text().splitlines()[::40]
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(lines) + "\n")
    assert run("test", str(path), "--against", "reference", PLUGIN).startswith(
        f"{len(lines)} cases"
    )
    said = run("test", str(path), "--against", "reference", f"{PLUGIN} --spoil-trace", status=1)
    assert "is the first that differs" in said
    assert "!= after" in said
    answers = run("test", str(path), "--against", "reference", f"{PLUGIN} --spoil", status=1)
    assert "!= result" in answers
    nothing = run("test", "samples/ops", "--against", "reference", "reference", status=2)
    assert "name a .jsonl file" in nothing
    broken = run("test", str(path), "--against", "reference", "/no/such/program", status=2)
    assert "can't be started" in broken

"""A schedule that the explorer saved is walked like any other history."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from opvasm.debugger.dap.adapter import Launched
from opvasm.debugger.schedule import session_of_schedule
from opvasm.debugger.session import Session
from opvasm.explorer.answers.diagnose import diagnose
from opvasm.explorer.setting.options import Limits
from tests.debugger.adapters import scope, serving
from tests.debugger.sessions import ROOT, Transcript
from tests.explorer.helpers import assembled, report

OPVASM = [sys.executable, "-m", "opvasm"]
SAMPLE = "samples/races/list.opv"


def test_a_saved_failure_is_walked_to_its_writes_and_back(tmp_path: Path) -> None:
    """ABA: the head goes A, B, C, A, B; each write is a stop, and who names its thread."""
    saved = tmp_path / "failure.json"
    subprocess.run(
        [*OPVASM, "explore", SAMPLE, "naive", "--save", str(saved)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    commands = [
        "watch head",
        *["continue"] * 4,
        "who head",
        *["reverse-continue"] * 4,
        "print head",
    ]
    arguments = [each for command in commands for each in ("-ex", command)]
    done = subprocess.run(
        [*OPVASM, "debug", SAMPLE, "--schedule", str(saved), "--batch", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    values = [
        line.partition("(")[2].rstrip(")")
        for line in done.stdout.splitlines()
        if line.startswith("    new value")
    ]
    forwards = ["&B", "&C", "&A", "&B"]
    assert values == [*forwards, "&A", "&C", "&B", "&A"]
    who = done.stdout.partition("(opv) who head\n")[2]
    assert who.startswith("t0 on CPU 0: pop_naive[1]")
    assert "before it: t1 on CPU 0: push[2]" in who
    assert done.stdout.rstrip().endswith("(&A)")


def test_threads_their_locals_and_the_violated_condition_are_shown(tmp_path: Path) -> None:
    """Each thread's locals at a step, and at the end the invariant that explore named."""
    saved = tmp_path / "failure.json"
    subprocess.run(
        [*OPVASM, "explore", SAMPLE, "naive", "--save", str(saved)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    commands = ["info locals t0", "step", "info threads", "info locals", "continue", "info locals"]
    arguments = [each for command in commands for each in ("-ex", command)]
    done = subprocess.run(
        [*OPVASM, "debug", SAMPLE, "--schedule", str(saved), "--batch", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    start, threads, locals_, rest = (
        done.stdout.partition(f"(opv) {command}\n")[2].partition("(opv) ")[0].splitlines()
        for command in ("info locals t0", "info threads", "info locals", "continue")
    )
    assert start == ["t0: got = 0, next = 0, old = 0"]
    assert threads == [
        "* t0 on CPU 0, next: next = load old->next",
        "  t1 on CPU 0, next: x = load head",
    ]
    assert locals_[0] == "t0: got = 0, next = 0, old = &A"  # its first step was `old = load head`
    assert "invariant violated: each node has one owner" in rest
    # The head became the &B of t0's `next`, which is t1's own by then.
    last = done.stdout.rstrip().splitlines()[-2:]
    assert last[0] == "t0: got = &A, next = &B, old = &A"
    assert "b = &B" in last[1]


def test_threads_are_of_schedules_only() -> None:
    """A test has one caller, and the command says so."""
    done = subprocess.run(
        [*OPVASM, "debug", "samples/idioms/list.opv", "--batch", "-ex", "info threads"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "there is one caller" in done.stdout + done.stderr


def test_a_schedule_of_another_text_is_refused(tmp_path: Path) -> None:
    """A file that has changed since is no longer the one that failed."""
    saved = tmp_path / "failure.json"
    subprocess.run(
        [*OPVASM, "explore", SAMPLE, "naive", "--save", str(saved)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    changed = tmp_path / "list.opv"
    changed.write_text((ROOT / SAMPLE).read_text() + "\n// changed\n")
    done = subprocess.run(
        [*OPVASM, "debug", str(changed), "--schedule", str(saved), "--batch"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "OPV540" in done.stderr


LOST = """percpu count: u64
scenario s {
    cpus 1
    thread a @0 { x = load count; store count, x + 1 }
    thread b @0 { y = load count; store count, y + 1 }
    forall count == 2
}
"""


def lost_update() -> Session:
    """The schedule a, b, b, a, in which b's increment is lost."""
    run = report(assembled(LOST), "s").runs[0]
    diagnosis = diagnose(run, Limits())
    assert diagnosis is not None
    return session_of_schedule(diagnosis.replay)


def test_a_local_of_a_thread_is_set() -> None:
    """With x = 1 instead of 0 before its store, the count is 2 in the end, as it should be."""
    shell = Transcript(lost_update())
    old = shell.shell.session
    shell("next 2")
    assert "condition violated" in shell("continue")
    shell("goto start")
    shell("next 2")
    assert "another history" in shell("set a.x = 1")
    assert "a: x = 1" in shell("info locals")
    assert "condition violated" not in shell("continue")
    assert shell("print count@0").endswith("= 2")
    shell("abandon")
    assert shell.shell.session is old
    assert "a: x = 0" in shell("info locals")


def test_memory_is_set_in_a_schedule() -> None:
    """b stores 1 over what was set, and a stores 1 again; before b's load it would have counted."""
    shell = Transcript(lost_update())
    shell("next")
    shell("set count@0 = 40")
    assert shell("print count@0").endswith("= 40")
    shell("next")
    assert "b: y = 40" in shell("info locals")
    shell("next")
    assert shell("print count@0").endswith("= 41")
    shell("continue")
    assert shell("print count@0").endswith("= 1")


def test_decisions_that_are_not_possible_any_more_are_left_out() -> None:
    """A thread that ends at once takes no second step; the others go on to the end."""
    text = LOST.replace("x = load count; store", "x = load count; if x == 9 { return }; store")
    run = report(assembled(text), "s").runs[0]
    diagnosis = diagnose(run, Limits())
    assert diagnosis is not None
    shell = Transcript(session_of_schedule(diagnosis.replay))
    while "a: x = 0" not in shell("info locals") or "count" not in shell("where"):
        shell("next")
    shell("next")
    assert "is it? say THREAD.y" in shell("set y = 1")
    assert "not a place with a type" in shell("set 5 = 1")
    shell("set count@0 = 5")
    shell("continue")
    assert shell("set a.x = 1").startswith("error: nothing comes after this")


def test_locals_of_threads_are_values_of_expressions() -> None:
    """a.x is 0 after `x = load count`: it is printed, compared, added to, and set from another."""
    shell = Transcript(lost_update())
    while "a: x = 0" not in shell("info locals") or "count" not in shell("where"):
        shell("next")
    shell("next")
    assert shell("print a.x").endswith("= 0")
    shell("set variable a.x = b.y + 7")  # gdb's long word
    assert shell("print a.x * 2 + 1").endswith("= 15")
    assert shell("print a . x").endswith("= 7")
    assert "thread a has no local z; there is: x" in shell("set a.z = 1")
    assert shell("print a.x").endswith("= 7")


def test_locals_of_the_thread_that_goes_on_need_no_thread() -> None:
    """As in gdb; those of the others do."""
    shell = Transcript(lost_update())
    for _ in range(3):
        turn = next(line[2] for line in shell("info threads").splitlines() if line[0] == "*")
        mine, other = ("x", "y") if turn == "a" else ("y", "x")
        assert shell(f"print {mine} + 1").endswith("= 1")
        assert shell(f"print {other}") == f"error: the name `{other}` is unknown"
        shell("next")


def test_a_breakpoint_waits_for_a_local() -> None:
    """Each thread reads 0 before one stores: no store finds b.y at 1, and one finds it at 0."""
    shell = Transcript(lost_update())
    shell("watch count if b.y == 1")
    assert "This is the end" in shell("continue")
    shell("goto start")
    shell("watch count if a.x + b.y == 0")
    assert "new value" in shell("continue")


def test_an_editor_sees_and_sets_locals_of_threads() -> None:
    """The scope Locals has a.x and b.y; setVariable goes on in the other history."""
    with serving(lambda _: Launched(lost_update())) as client:
        client.request("initialize", adapterID="opvasm")
        client.request("launch", stopOnEntry=True)
        client.event("initialized")
        client.request("configurationDone")
        client.event("stopped")
        for _ in range(2):
            client.request("next", threadId=1)
            client.event("stopped")
        assert scope(client, "Locals")["a.x"]["value"] == "0"
        scopes = client.request("scopes", frameId=1)["scopes"]
        number = next(each["variablesReference"] for each in scopes if each["name"] == "Locals")
        said = client.request("setVariable", variablesReference=number, name="a.x", value="1")
        assert said["value"] == "1"
        client.request("continue", threadId=1)
        client.event("stopped")
        assert scope(client, "Variables")["count@0"]["value"] == "2"

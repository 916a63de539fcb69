"""``opvasm debug`` from the command line: what can be debugged, and how each wrong word is answered."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from opvasm.abi.revisions import QUIRKS

from .conftest import LIST, Run

SAMPLES = Path(__file__).parent.parent.parent / "samples"
CASES = Path(__file__).parent.parent / "conformance" / "public.jsonl"
TWO_TESTS = LIST + 'test "another stale pop" {\n    cpu 0\n}\n'
NO_TESTS = LIST.partition("test ")[0]
# add 2 to the four bytes at 0x7f0000000008, as struct cpu_op lies in memory (abi.md section 1.2)
ADD = struct.pack("<iIQq8x", 3, 4, 0x7F0000000008, 2)


def commands(*each: str) -> list[str]:
    """The options that carry out commands, then end."""
    return [*(word for command in each for word in ("-ex", command)), "--batch"]


def test_a_vector_alone_is_debugged_with_its_arguments(opvasm: Run, tmp_path: Path) -> None:
    """--arg, --set and --cpu say what it is called with and what memory holds."""
    (tmp_path / "list.opv").write_text(LIST)
    ran = opvasm(
        *(
            "debug",
            "list.opv",
            "push",
            "--cpu",
            "2",
            "--arg",
            "node=&nodes[3]",
            "--arg",
            "expect=0",
        ),
        *("--set", "nodes[3].value=9"),
        *commands("print nodes[3].value", "finish", "print head@2", "why"),
    )
    assert (ran.code, ran.errors) == (0, "")
    assert "(opv) print nodes[3].value\n$1 = 9\n" in ran.text
    assert "push returned 0" in ran.text
    assert "(&nodes[3])" in ran.text.partition("$2 = ")[2].splitlines()[0]
    assert "every op ran, and no compare stopped it" in ran.text


def test_a_file_without_a_test_is_its_only_vector(opvasm: Run) -> None:
    """From standard input, as everywhere else."""
    ran = opvasm(
        "debug", "-", *commands("when"), "--arg=node=0x10", "--arg=expect=0", input=NO_TESTS
    )
    assert ran.code == 0
    assert "next: push(node = 16, expect = 0) on CPU 0" in ran.text


def test_a_part_of_a_tests_name_is_enough_where_it_is_clear(opvasm: Run, tmp_path: Path) -> None:
    """Without a name the first test; upper and lower case are the same."""
    (tmp_path / "two.opv").write_text(TWO_TESTS)
    assert "cpu 0" in opvasm("debug", "two.opv", "STALE POP", *commands("when")).text
    assert "cpu 1" in opvasm("debug", "two.opv", *commands("when")).text


def test_raw_ops_are_debugged_on_pages_of_zeros(opvasm: Run) -> None:
    """--from raw and hex; memory is there wherever the ops point."""
    for form, data in (("raw", ADD), ("hex", ADD.hex().encode())):
        ran = opvasm(
            *("debug", "--from", form, "-", "--cpu", "1"),
            *commands("step", "finish", "print [0x7f0000000008].u32"),
            input=data,
        )
        assert (ran.code, ran.errors) == (0, "")
        assert "op 0 of the call on CPU 1: add.u32 @0x7f0000000008, 2" in ran.text
        assert ran.text.endswith("$1 = 2\n")


def test_a_reference_case_is_debugged_by_its_name(opvasm: Run) -> None:
    """Without a name the first one; quirks choose the answer that is expected."""
    ran = opvasm("debug", CASES, "pub-0007", *commands("finish", "why"))
    assert ran.code == 0
    assert "ops() returned " in ran.text
    first = opvasm("debug", CASES, *commands("finish"))
    assert first.text == opvasm("debug", CASES, "pub-0000", *commands("finish")).text
    quirks = opvasm("debug", CASES, "pub-0000", "--quirks", "all", *commands("when"))
    assert quirks.code == 0


def test_a_trace_is_walked_from_either_place_of_the_command_line(
    opvasm: Run, tmp_path: Path
) -> None:
    """A .jsonl file that is a trace is known as one; --replay takes any name."""
    (tmp_path / "list.opv").write_text(LIST)
    recorded = opvasm("debug", "list.opv", *commands("goto end", "record trace.jsonl"))
    assert "events, from the start to here" in recorded.text
    plain = opvasm("debug", "trace.jsonl", *commands("break result 1", "continue"))
    named = opvasm("debug", "list.opv", "--replay", "trace.jsonl", *commands("break push.0", "run"))
    assert plain.code == named.code == 0
    assert "the call returned 1" in plain.text or "push returned 1" in plain.text
    assert "op 0 of push on CPU 1: cmpeq head, expect" in named.text


def test_a_trace_without_memory_is_walked_with_a_warning(opvasm: Run, tmp_path: Path) -> None:
    """What is odd about a trace is said once, on standard error."""
    (tmp_path / "list.opv").write_text(LIST)
    opvasm("debug", "list.opv", *commands("goto end", "record trace.jsonl"))
    lines = (tmp_path / "trace.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if "machine_ready" not in line and "memory_set" not in line]
    (tmp_path / "trace.jsonl").write_text("".join(kept))
    ran = opvasm("debug", "--replay", "trace.jsonl", *commands("when"))
    assert ran.code == 0
    assert "only what its ops touched is known" in ran.errors


def test_a_saved_schedule_is_walked_and_its_file_is_the_record(opvasm: Run, tmp_path: Path) -> None:
    """--schedule; record has nothing to add to it."""
    (tmp_path / "race.opv").write_text((SAMPLES / "races" / "list.opv").read_text())
    explored = opvasm("explore", "race.opv", "naive", "--save", "failure.json")
    assert explored.code == 0, explored.errors  # it expects to fail
    ran = opvasm(
        *("debug", "race.opv", "--schedule", "failure.json"),
        *commands("next", "record again.jsonl"),
    )
    assert ran.code == 1
    assert "the file that it was read from records it already" in ran.text


def test_batch_fails_when_a_command_could_not_be_carried_out(opvasm: Run, tmp_path: Path) -> None:
    """-x carries out a file first; quit leaves the commands after it out."""
    (tmp_path / "list.opv").write_text(LIST)
    (tmp_path / "good").write_text("next\nquit\nnonsense\n")
    (tmp_path / "bad").write_text("next\nnonsense\n")
    good = opvasm("debug", "list.opv", "-x", "good", *commands("nonsense"))
    assert good.code == 0
    assert "nonsense" not in good.text
    bad = opvasm("debug", "list.opv", "-x", "bad", "--batch")
    assert bad.code == 1
    assert "bad:2: the command failed" in bad.text


@pytest.mark.parametrize(
    ("words", "reasons"),
    [
        ([], ["say what to debug: a FILE"]),
        (["none.opv"], ["cannot read none.opv"]),
        (["list.opv", "nosuch"], ["there is no vector or test 'nosuch'", "push"]),
        (["list.opv", "pusch"], ["there is no vector or test 'pusch'", "did you mean push?"]),
        (["two.opv", "stale"], ["'stale' could be each of 'push, then a stale push', 'another"]),
        (
            ["races.opv", "two"],
            ["'two' is a scenario", "opvasm explore FILE two --save OUT", "debug --schedule OUT"],
        ),
        (["list.opv", "--arg", "node=1"], ["--arg needs a VECTOR to run"]),
        (["list.opv", "--set", "head=1"], ["--set needs a VECTOR to run"]),
        (["list.opv", "push", "--cpus", "0"], ["--cpus 0: a machine has 1 to 4096"]),
        (["list.opv", "push", "--cpus", "many"], ["--cpus: 'many' is not a whole number"]),
        (["list.opv", "push"], ["node"]),
        (
            ["list.opv", "--quirks", "nosuch"],
            ["--quirks: there is no quirk 'nosuch'", next(iter(QUIRKS))],
        ),
        (["list.opv", "--abi", "1999"], ["-a: there is no revision '1999'"]),
        (["cases.jsonl"], ["cases.jsonl holds no case"]),
        ([str(CASES), "pub-none"], ["no case of", "is called 'pub-none'"]),
        (["list.opv", "--schedule", "list.opv"], ["list.opv"]),
        (["--replay", "cases.jsonl"], ["OPV601"]),
        (["--from", "raw", "odd"], ["odd"]),
        (["--dap=99999"], ["99999 is not a TCP port"]),
        (["--dap=here"], ["--dap: 'here' is not a whole number"]),
    ],
)
def test_what_can_not_be_debugged_is_refused_with_the_reason(
    opvasm: Run, tmp_path: Path, words: list[str], reasons: list[str]
) -> None:
    """Status 2, one clear error, no traceback, nothing on standard output."""
    (tmp_path / "list.opv").write_text(LIST)
    (tmp_path / "races.opv").write_text(LIST + "scenario two {\n    thread a @0 { return }\n}\n")
    (tmp_path / "two.opv").write_text(TWO_TESTS)
    (tmp_path / "cases.jsonl").write_text("\n")
    (tmp_path / "odd").write_bytes(b"\0" * 33)
    ran = opvasm("debug", *words, "--batch")
    assert (ran.code, ran.output) == (2, b"")
    assert "Traceback" not in ran.errors
    for reason in reasons:
        assert reason in ran.errors


def test_a_port_that_is_taken_is_refused(opvasm: Run) -> None:
    """--dap=PORT while somebody else listens there."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        ran = opvasm("debug", f"--dap={listener.getsockname()[1]}")
    assert ran.code == 2
    assert "can't be had" in ran.errors


def test_a_closed_standard_input_is_named(
    opvasm: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a prompt there have to be commands."""
    (tmp_path / "list.opv").write_text(LIST)
    from opvasm.cli.main import main

    monkeypatch.setattr("sys.stdin", None)
    assert main(["debug", "list.opv"]) == 2
    assert main(["debug", "--dap"]) == 2


def test_lines_on_a_pipe_are_commands_and_are_echoed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A transcript of a pipe reads like one of a terminal; quit leaves the rest out."""
    import io

    from opvasm.cli.main import main

    path = tmp_path / "list.opv"
    path.write_text(LIST)
    monkeypatch.setattr("sys.stdin", io.StringIO("when\nquit\nnonsense\n"))
    assert main(["debug", str(path)]) == 0
    said = capsys.readouterr().out
    assert "(opv) when\nposition 0 of " in said
    assert said.endswith("(opv) quit\n")

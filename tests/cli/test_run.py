"""Running from the command line: ops without a text, memory set by hand, layouts, traces as JSON."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from opvasm.formats import INPUTS, InputFormat

from .conftest import LIST, Run

ADD = struct.pack("<iIQq8x", 3, 4, 0x7F0000000008, -1)
COMPARE = struct.pack("<iIQQ8x", 0, 8, 0x7F0000000000, 0x400000000000)
COUNTER = "percpu n: u64\nconst STEP = 3\nvector bump(by: i64) {\n    add n, by\n}\n"


def last_line(text: str) -> str:
    """The last line, without the spaces to its left."""
    return text.splitlines()[-1].strip()


@pytest.mark.parametrize("command", ["run", "debug", "verify", "disasm"])
def test_every_format_of_ops_is_one_of_each_command(
    command: str, monkeypatch: pytest.MonkeyPatch, opvasm: Run, tmp_path: Path
) -> None:
    """A row in the registry of inputs is enough: none of the commands has a list of its own."""
    monkeypatch.setitem(INPUTS, "octets", InputFormat("octets", "raw", "the same as raw"))
    path = tmp_path / "one.octets"
    path.write_bytes(ADD)
    more = ("-ex", "step", "--batch") if command == "debug" else ()
    ran = opvasm(command, "--from", "octets", path, *more)
    assert ran.code == 0, ran.errors


def test_assembled_ops_run_on_pages_of_zeros(opvasm: Run) -> None:
    """What the operands touch is there and can be set, with a size or as a word."""
    ran = opvasm("run", "--from", "raw", input=COMPARE + ADD)
    assert ran.code == 0
    assert "p   @0x7f0000000008  0 -> 0xffffffff" in ran.text
    ran = opvasm(
        *("run", "--from", "raw", "--set", "@0x7f0000000008.u32=7"),
        *("--set", "@0x400000000000=9", "-e"),
        input=COMPARE + ADD,
    )
    assert ran.code == 1
    assert last_line(ran.text) == (
        "-> 1  op 0 stopped the vector: @0x7f0000000000 is 0, @0x400000000000 is 9"
    )


def test_hexadecimal_ops_run_too(opvasm: Run) -> None:
    """--from hex."""
    ran = opvasm("run", "--from", "hex", "--cpu", "3", input=ADD.hex())
    assert ran.code == 0
    assert last_line(ran.text) == "-> 0  the op ran"


def test_bytes_that_the_kernel_refuses_run_to_its_answer(opvasm: Run) -> None:
    """A length that no kernel takes maps no pages and is answered with EINVAL."""
    op = struct.pack("<iIQQ8x", 2, 0xFFFFFFFF, 0x1000, 0x2000)
    ran = opvasm("run", "--from", "raw", input=op)
    assert last_line(ran.text).startswith("-> EINVAL  op 0: ")


def test_a_kernel_address_is_not_mapped(opvasm: Run) -> None:
    """An operand outside of user space stays outside."""
    op = struct.pack("<iIQQ8x", 2, 8, 0x1000, 0xFFFF_FFFF_FFFF_0000)
    assert last_line(opvasm("run", "--from", "raw", input=op).text).startswith("-> EFAULT")


def test_arguments_are_numbers_names_and_sums(opvasm: Run) -> None:
    """What the language allows where a constant stands."""
    for text, value in (("5", 5), ("0x10", 16), ("-3", -3), ("STEP * 2", 6), ("1_000", 1000)):
        ran = opvasm("run", "-", "bump", "--arg", f"by={text}", input=COUNTER)
        assert ran.code == 0
        assert ran.text.startswith(f"bump(by = {value})")


def test_memory_is_set_before_the_call(opvasm: Run) -> None:
    """A percpu name is the CPU's own instance; another's is named."""
    words = ("run", "-", "bump", "--arg", "by=1", "--cpu", "2")
    ran = opvasm(*words, "--set", "n=10", "--set", "n@1=99", input=COUNTER)
    assert "p   n@2  10 -> 11" in ran.text


def test_a_value_that_does_not_fit_is_refused(opvasm: Run) -> None:
    """Nothing is cut off."""
    ran = opvasm("run", "-", "bump", "--arg", "by=1", "--set", "n=-1", input=COUNTER)
    assert ran.code == 2
    assert "does not fit u64" in ran.errors
    ran = opvasm("run", "--from", "raw", "--set", "@0x7f0000000008.u8=256", input=ADD)
    assert ran.code == 2
    assert ran.errors == "opvasm run: error: --set: 256 does not fit 1 bytes\n"


def test_areas_can_be_moved(opvasm: Run) -> None:
    """--layout says where they lie; CPUs' instances may not overlap."""
    words = ("asm", "--arg", "by=1", "--cpu", "1", "-f", "hex")
    ran = opvasm(*words, "--layout", "percpu=0x10000", input=COUNTER)
    assert ran.text.split()[2] == (0x10000 + 4096).to_bytes(8, "little").hex()
    big = COUNTER.replace("percpu n: u64", "percpu n: u64\npercpu much: u8[5000]")
    ran = opvasm(*words, "--layout", "percpu_stride=4096", input=big)
    assert ran.code == 2
    assert "is less than the 5008 bytes of one CPU's data" in ran.errors


def test_a_trace_for_machines_is_json_lines(opvasm: Run) -> None:
    """A header with the schema, then one object for each event, in order."""
    ran = opvasm("run", "-", "--trace=jsonl", input=LIST)
    assert ran.code == 0
    records = [json.loads(line) for line in ran.text.splitlines()]
    assert records[0]["schema"] == "opvasm-trace/1"
    events = [record.get("event") for record in records[1:]]
    assert events[0] == "test_begins"
    assert events[-1] == "test_ends"
    assert events.count("returned") == 2
    assert [record["result"] for record in records if record.get("event") == "returned"] == [0, 1]
    stored = [record for record in records if record.get("event") == "stored"]
    assert stored[1]["after"] == "000000000060" + "0000"  # &nodes[0], little-endian


def test_a_bare_trace_option_is_for_people(opvasm: Run) -> None:
    """--trace does not take the word after it."""
    words = ("run", "--trace", "-", "bump", "--arg", "by=1")
    assert "op 0" in opvasm(*words, input=COUNTER).text
    assert opvasm(*words, "--trace=none", input=COUNTER).text == ""


def test_a_file_can_be_run_in_another_revision(opvasm: Run) -> None:
    """-a wins over the file; what the revision does not have is an error of the text."""
    words = ("run", "-", "bump", "--arg", "by=1")
    assert opvasm(*words, "-a", "2018-04", "--model", "32be", input=COUNTER).code == 0
    ran = opvasm("asm", "-a", "2019-04", input="vector v() {\n    mb\n}\n")
    assert ran.code == 2
    assert "2019-04 has no `mb`" in ran.errors

"""A line that is not a reference case is refused with the field that is wrong, before anything runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from opvasm.conformance_case import read_case, read_cases
from opvasm.errors import DecodeError
from opvasm.source import SourceFile

Record = dict[str, Any]


def record() -> Record:
    """A case of one op: add 1 to the word at 0x10000."""
    return {
        "id": "one",
        "cat": "hand-made",
        "abi": "2017-11",
        "vector": "03000000 08000000 0000010000000000 0100000000000000 0000000000000000",
        "cpuopcnt": 1,
        "cpu": 0,
        "flags": 0,
        "memory": [
            {"addr": "0x10000", "size": 4096, "perm": "rw", "bytes": [["0x10008", "ff", 8]]}
        ],
        "cpus": {"nr": 2, "online": [0, 1], "allowed": [0, 1], "current": 0},
        "expect": {"ret": 0, "memory_after": [["0x10000", "01"]]},
    }


def test_a_case_is_read_in_full() -> None:
    """The numbers of the record, and its repeated byte eight times."""
    case = read_case(json.dumps(record()))
    assert (case.cpuopcnt, case.possible, len(case.vector)) == (1, 2, 32)
    assert case.memory[0].runs == ((0x10008, b"\xff" * 8),)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r.update(abi="2017-13"), "abi '2017-13' is not a revision"),
        (lambda r: r.update(vector="00"), "1 bytes, not a multiple of 32"),
        (lambda r: r.update(cpuopcnt=2), "vector has 1 ops, cpuopcnt asks for 2"),
        (lambda r: r.update(cpuopcnt=1.5), "cpuopcnt is 1.5, not a whole number"),
        (lambda r: r.update(cpuopcnt=True), "cpuopcnt is true, not a whole number"),
        (lambda r: r.update(flags=2**31), "flags is 2147483648"),
        (lambda r: r.update(historic_bug=["x"]), "historic_bug is"),
        (lambda r: r.update(vector_addr=16), "the address 16 is not a string"),
        (lambda r: r.update(vector_addr="0x1" + "0" * 16), "not one of 64 bits"),
        (lambda r: r["cpus"].update(nr=0), "nr is 0, not a number from 1 to 4096"),
        (lambda r: r["cpus"].update(online=[0, 2]), "online is 2, not a number from 0 to 1"),
        (lambda r: r["cpus"].update(online=[1]), "the current CPU 0 is not online"),
        (lambda r: r["cpus"].pop("allowed"), "field 'allowed' is missing"),
        (lambda r: r["memory"][0].update(size=1 << 40), "size is 1099511627776"),
        (lambda r: r["memory"][0].update(size=100), "is not made of whole pages"),
        (lambda r: r["memory"][0].update(perm="rx"), "perm 'rx' is none of rw, ro"),
        (lambda r: r["memory"][0].update(fill=256), "fill is 256, not a number from 0 to 255"),
        (lambda r: r["memory"][0]["bytes"].append(["0x10fff", "0101"]), "0x10fff are not all in"),
        (lambda r: r["memory"][0]["bytes"].append(["0x10000", "01", 1, 1]), "has 4 members"),
        (lambda r: r.update(memory=20000 * r["memory"]), "larger than 64 MiB"),
        (lambda r: r["expect"].update(ret="0"), 'ret is "0", not a whole number'),
    ],
)
def test_what_is_wrong_is_named(change: Callable[[Record], object], reason: str) -> None:
    """With the place of the line, under one code."""
    changed = record()
    change(changed)
    with pytest.raises(DecodeError) as raised:
        list(read_cases(SourceFile("cases.jsonl", "\n" + json.dumps(changed))))
    (found,) = raised.value.diagnostics
    assert found.code == "OPV450"
    assert reason in found.message


def test_more_ops_than_any_kernel_takes_need_not_be_there() -> None:
    """The kernel refuses the count before it reads the vector; so do negative ones."""
    for count in (17, 2**31 - 1, -1, 0):
        changed = record() | {"cpuopcnt": count}
        assert read_case(json.dumps(changed)).cpuopcnt == count

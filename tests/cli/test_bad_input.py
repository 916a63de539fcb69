"""Bad input of every kind: one clear error each, the right exit code, nothing half done."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from .conftest import LIST, Run

OP = bytes.fromhex("02000000 08000000") + bytes(24)
FILES: dict[str, bytes] = {
    "list.opv": LIST.encode(),
    "empty.opv": b"",
    "two.opv": b"vector a() { mb }\nvector b() { mb }\n",
    "data.opv": b"percpu head: u64\n",
    "unfinished.opv": b"vector v() {\n    mb\n",
    "unknown.opv": b"percpu head: u64\nvector v() {\n    add haed, 1\n}\n",
    "mnemonic.opv": b"percpu head: u64\nvector v() {\n    cmpeqq head, =1\n}\n",
    "range.opv": b"percpu head: u8\nvector v() {\n    add head, 0x1_0000_0000_0000_0000\n}\n",
    "refused.opv": b"vector v() {\n    memcpy @0x1000, @0x2000, 5000\n}\n",
    "failing.opv": b'percpu n: u64\nvector v() { add n, 1 }\ntest "t" {\n cpu 0\n run v() -> 1\n}\n',
    "latin.opv": b"// caf\xe9\nvector v() { mb }\n",
    "utf16.opv": "vector v() { mb }\n".encode("utf-16"),
    "loop.opv": b'use "loop.opv"\n',
    "missing_use.opv": b'use "nowhere.opv"\n',
    "short.bin": OP[:-1],
    "unknown.bin": b"\x63\0\0\0" + bytes(28),
    "reserved.bin": OP[:-1] + b"\x01",
    "dump.txt": b"00000000  03 00 00 00 08 00 00 00  00 00 00 00 00 7f 00 00  |................|\n"
    b"00000010  01 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n00000020\n",
    "array.opv": b"shared t: u64[2] = { 1, 2 }\nvector v() {\n    ad t[0], 1\n}\n",
    "share.opv": b"share t: u64[2] = { 1, 2 }\nvector v() { mb }\n",
    "c_like.opv": b"vector v() { mb }\nu64 t[2] = { 1, 2 };\n",
    "c_first.opv": b"u64 t[2] = { 1, 2 };\nvector v() { mb }\n",
    "letters.hex": b"02000000 0g\n",
    "odd.hex": OP[:-1].hex().encode(),
    "broken.jsonl": b"{}\n",
    "text.jsonl": b"no json at all\n",
}


class Bad(NamedTuple):
    """A command line that can't succeed: its exit code, and the first line it must write."""

    words: str
    code: int
    message: str
    input: bytes = b""


# fmt: off
CASES = {
    "no command":              Bad("", 2, "opvasm: error: a command is missing"),
    "unknown command":         Bad("dissasm x", 2, "opvasm: error: there is no command 'dissasm'"),
    "unknown global option":   Bad("--colour asm", 2, "opvasm: error: there is no option --colour"),
    "unknown option":          Bad("asm --ooutput x", 2, "opvasm asm: error: unrecognized arguments: --ooutput"),
    "option without a value":  Bad("asm list.opv -o", 2, "opvasm asm: error: argument -o/--output: expected one argument"),
    "too many files":          Bad("asm list.opv two.opv", 2, "opvasm asm: error: unrecognized arguments: two.opv"),
    "unknown format":          Bad("asm list.opv -f pdf", 2, "opvasm asm: error: argument -f/--format: invalid choice: 'pdf'"),
    "unknown revision":        Bad("asm list.opv -a 2017-13", 2, "opvasm asm: error: -a: there is no revision '2017-13'"),
    "unknown data model":      Bad("asm list.opv --model 16le", 2, "opvasm asm: error: --model: there is no data model '16le'"),
    "odd page size":           Bad("asm list.opv --page-size 5000", 2, "opvasm asm: error: --page-size 5000 is not one of"),
    "page size no number":     Bad("asm list.opv --page-size big", 2, "opvasm asm: error: --page-size: 'big' is not a whole number"),
    "bad colour":              Bad("--color sometimes asm", 2, "opvasm: error: --color takes auto, always, never"),
    "missing file":            Bad("asm nowhere.opv", 2, "opvasm asm: error: cannot read nowhere.opv: No such file or directory"),
    "folder as input":         Bad("asm folder", 2, "opvasm asm: error: cannot read folder: Is a directory"),
    "not UTF-8":               Bad("asm latin.opv", 2, "opvasm asm: error: latin.opv:1:7: not a text: byte 0xe9"),
    "UTF-16":                  Bad("asm utf16.opv", 2, "opvasm asm: error: utf16.opv:1:1: not a text: byte 0xff"),
    "not UTF-8 from a pipe":   Bad("asm", 2, "opvasm asm: error: <stdin>:1:1: not a text: byte 0xff", b"\xff"),
    "empty text":              Bad("asm empty.opv", 2, "opvasm asm: error: the input has no vector"),
    "verify a dump":           Bad("verify dump.txt", 2, "opvasm verify: error: dump.txt looks like hexdump -C"),
    "run a dump":              Bad("run dump.txt", 2, "opvasm run: error: dump.txt looks like hexdump -C"),
    "asm a dump":              Bad("asm dump.txt", 2, "opvasm asm: error: dump.txt looks like hexdump -C"),
    "explore a dump":          Bad("explore dump.txt", 2, "opvasm explore: error: dump.txt looks like hexdump -C"),
    "a text with an array":    Bad("asm array.opv", 2, "array.opv:3:5: error[OPV012]: the op `ad` is unknown"),
    "an array, misspelled":    Bad("asm share.opv", 2, "share.opv:1:1: error[OPV030]: `share` begins no declaration"),
    "an array as in C":        Bad("run c_like.opv", 2, "c_like.opv:2:1: error[OPV030]: `u64` begins no declaration"),
    "an array of C at first":  Bad("run c_first.opv", 2, "c_first.opv:1:1: error[OPV030]: `u64` begins no declaration"),
    "no vector":               Bad("asm data.opv -f json", 2, "opvasm asm: error: the input has no vector"),
    "two vectors":             Bad("asm two.opv", 2, "opvasm asm: error: the input has 2 vectors: say which"),
    "unknown vector":          Bad("asm two.opv --vector c", 2, "opvasm asm: error: there is no vector 'c'"),
    "unfinished text":         Bad("asm unfinished.opv", 2, "unfinished.opv:3:1: error[OPV"),
    "unknown name":            Bad("asm unknown.opv", 2, "unknown.opv:3:9: error[OPV"),
    "unknown mnemonic":        Bad("asm mnemonic.opv", 2, "mnemonic.opv:3:5: error[OPV"),
    "number out of range":     Bad("asm range.opv", 2, "range.opv:3:15: error[OPV"),
    "file that uses itself":   Bad("asm loop.opv", 2, "loop.opv:1:1: error[OPV"),
    "used file missing":       Bad("asm missing_use.opv", 2, "missing_use.opv:1:1: error[OPV"),
    "argument missing":        Bad("asm list.opv --arg node=1", 2, "list.opv:6:30: error[OPV100]"),
    "argument unknown":        Bad("asm list.opv --arg node=1 --arg expect=1 --arg x=1", 2, "list.opv:6:8: error[OPV101]"),
    "argument too large":      Bad("asm list.opv --arg node=-1 --arg expect=0", 2, "list.opv:6:13: error[OPV102]"),
    "argument without value":  Bad("asm list.opv --arg node", 2, "opvasm asm: error: --arg takes NAME=VALUE, not 'node'"),
    "argument twice":          Bad("asm list.opv --arg a=1 --arg a=2", 2, "opvasm asm: error: --arg gives a twice"),
    "argument no expression":  Bad("asm list.opv --arg node=(", 2, "--arg node:1:2: error[OPV"),
    "argument no such name":   Bad("asm list.opv --arg node=&nods", 2, "opvasm asm: error: --arg node=&nods: the name `nods` is unknown"),
    "CPU no number":           Bad("asm two.opv --cpu first", 2, "opvasm asm: error: --cpu: 'first' is not a whole number"),
    "CPU negative":            Bad("asm list.opv --cpu=-1 --arg node=1 --arg expect=1", 2, "error[OPV108]"),
    "layout misaligned":       Bad("asm two.opv --layout pool=5", 2, "opvasm asm: error: --layout: pool=5 is not a multiple of the page size"),
    "layout unknown area":     Bad("asm two.opv --layout heap=0", 2, "opvasm asm: error: --layout: there is no area 'heap'"),
    "layout out of range":     Bad("asm two.opv --layout pool=-4096", 2, "opvasm asm: error: --layout: pool=-4096 is not an address"),
    "kernel refuses":          Bad("asm refused.opv", 1, "refused.opv:2:30: error[OPV202]"),
    "output into nowhere":     Bad("asm list.opv -f json -o no/where", 2, "opvasm asm: error: cannot write no/where: No such file or directory"),
    "output is a folder":      Bad("asm list.opv -f json -o folder", 2, "opvasm asm: error: cannot write folder: it is a directory"),
    "bytes cut off":           Bad("disasm short.bin", 2, "short.bin: bytes 0..30: error[OPV120]"),
    "bytes cut off in a pipe": Bad("disasm", 2, "<stdin>: bytes 32..32: error[OPV120]", OP + b"x"),
    "no hexadecimal":          Bad("disasm --from hex letters.hex", 2, "letters.hex:1:11: error[OPV121]"),
    "half an op":              Bad("disasm --from hex odd.hex", 2, "odd.hex:1:1: error[OPV122]"),
    "strict, unknown op":      Bad("disasm --strict unknown.bin", 1, "unknown.bin: op 0, field op, bytes 0..3: error[OPV201]"),
    "strict, reserved byte":   Bad("disasm --strict reserved.bin", 1, "reserved.bin: op 0, bytes 31..31: error[OPV130]"),
    "deny what is not there":  Bad("verify list.opv --deny OPV999", 2, "opvasm verify: error: --deny: there is no finding 'OPV999'"),
    "show no findings":        Bad("verify list.opv --max-errors 0", 2, "opvasm verify: error: --max-errors 0 shows nothing"),
    "explain nothing known":   Bad("explain OPV999", 2, "opvasm explain: error: there is nothing called 'OPV999' to explain"),
    "run without tests":       Bad("run two.opv", 2, "opvasm run: error: the input has no tests"),
    "run no such vector":      Bad("run list.opv pusch", 2, "opvasm run: error: there is no vector 'pusch'"),
    "run without an argument": Bad("run list.opv push", 2, "list.opv:6:13: error[OPV100]"),
    "set nothing":             Bad("run list.opv push --set head", 2, "opvasm run: error: --set takes PLACE=VALUE, not 'head'"),
    "set an unknown place":    Bad("run list.opv push --set haed=1", 2, "opvasm run: error: --set haed=1: the name `haed` is unknown"),
    "set too much":            Bad("run data.opv v --set head=-1", 2, "opvasm run: error: there is no vector 'v'"),
    "set without a vector":    Bad("run list.opv --set head=1", 2, "opvasm run: error: --set needs a VECTOR to run"),
    "unknown quirk":           Bad("run list.opv --quirks cpu-ofline", 2, "opvasm run: error: --quirks: there is no quirk 'cpu-ofline'"),
    "no CPUs":                 Bad("run list.opv push --cpus 0", 2, "opvasm run: error: --cpus 0"),
    "names for raw ops":       Bad("run --from raw short.bin main", 2, "opvasm run: error: VECTOR is for texts"),
    "raw set without size":    Bad("run --from raw reserved.bin --set head=1", 2, "opvasm run: error: --set takes @ADDRESS.u64=VALUE"),
    "raw set elsewhere":       Bad("run --from raw reserved.bin --set @0x999000.u64=1", 2, "opvasm run: error: --set: no operand lies in the page"),
    "test fails":              Bad("run failing.opv", 1, "opvasm run: 0 passed, 1 failed"),
    "no path to test":         Bad("test", 2, "opvasm test: error: the following arguments are required: PATH"),
    "path to test missing":    Bad("test nowhere.opv", 2, "opvasm test: error: cannot read nowhere.opv"),
    "nothing to test":         Bad("test folder", 2, "opvasm test: error: no test in folder"),
    "tests of what":           Bad("test short.bin", 2, "opvasm test: error: short.bin: its name does not say what it holds"),
    "nothing selected":        Bad("test list.opv -k nothing", 2, "opvasm test: error: no test in list.opv matches -k 'nothing'"),
    "selection unfinished":    Bad("test list.opv -k (a", 2, "opvasm test: error: -k '(a': a parenthesis is not closed"),
    "case without fields":     Bad("test broken.jsonl", 2, "broken.jsonl:1:1: error[OPV450]"),
    "case no JSON":            Bad("test text.jsonl", 2, "text.jsonl:1:1: error[OPV450]"),
    "plugin missing":          Bad("test broken.jsonl --plugin ./nowhere", 2, "opvasm test: error: plugin './nowhere' can't be started"),
    "engine and plugin":       Bad("test list.opv --engine reference --plugin x", 2, "opvasm test: error: argument --plugin: not allowed with argument --engine"),
    "no shell":                Bad("completion", 2, "opvasm completion: error: the following arguments are required: SHELL"),
    "unknown shell":           Bad("completion tcsh", 2, "opvasm completion: error: argument SHELL: invalid choice: 'tcsh'"),
}
# fmt: on


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with every file of FILES, and an empty folder."""
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", CASES)
def test_bad_input_ends_with_one_clear_error(name: str, files: Path, opvasm: Run) -> None:
    """The message is about the input, the exit code is cli.md's, nothing is written or lost."""
    bad = CASES[name]
    before = {path: path.read_bytes() for path in files.iterdir() if path.is_file()}
    ran = opvasm(*bad.words.split(), input=bad.input)
    assert ran.code == bad.code
    assert bad.message in (ran.errors.splitlines() or [""])[0]
    assert "Traceback" not in ran.errors
    assert "internal error" not in ran.errors
    after = {path: path.read_bytes() for path in files.iterdir() if path.is_file()}
    assert after == before
    if not bad.words.startswith("run failing"):
        assert ran.output == b""


def test_the_line_says_what_was_meant(files: Path, opvasm: Run) -> None:
    """Words that are nearly right are answered with the right one."""
    for words, meant in (
        ("dissasm", "disasm"),
        ("asm --outptu x", "--output"),
        ("asm two.opv --vector aa", "a"),
        ("asm list.opv node=0x1000 old=3", "--arg node=0x1000 --arg old=3"),
        ("run list.opv pusch", "push"),
        ("verify --deny missaligned list.opv", "misaligned"),
        ("explain memcpi", "memcpy"),
    ):
        ran = opvasm(*words.split())
        assert ran.code == 2
        assert ran.errors.splitlines()[1] == f"help: did you mean {meant}?"


def test_an_old_output_survives_an_error(files: Path, opvasm: Run) -> None:
    """-o replaces a file only by a whole new one."""
    (files / "out").write_bytes(b"old")
    assert opvasm("asm", "refused.opv", "-o", "out").code == 1
    assert opvasm("asm", "unknown.opv", "-o", "out").code == 2
    assert (files / "out").read_bytes() == b"old"
    assert not [each for each in files.iterdir() if each.name.endswith(".part")]


def test_a_file_that_may_not_be_written(
    files: Path, opvasm: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only output is an error, though its folder would allow to replace it."""
    (files / "out").write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    ran = opvasm("asm", "two.opv", "--vector", "a", "-o", "out")
    assert ran.code == 2
    assert "cannot write out: Permission denied" in ran.errors
    assert (files / "out").read_bytes() == b"old"


def test_a_full_disk_leaves_the_old_file(
    files: Path, opvasm: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the new file can't be put in place, the old one stays and no part of the new one."""

    def full(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    (files / "out").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", full)
    ran = opvasm("asm", "two.opv", "--vector", "a", "-o", "out")
    assert ran.code == 2
    assert "cannot write out: No space left on device" in ran.errors
    assert (files / "out").read_bytes() == b"old"
    assert not list(files.glob(".out*"))


def test_too_large_an_input_is_refused(
    files: Path, opvasm: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endless stream ends with the limit's error, not with the machine's memory."""
    monkeypatch.setattr("opvasm.cli.inputs.inputs.LARGEST_INPUT", 1 << 20)
    for words in (["disasm"], ["asm"]):
        ran = opvasm(*words, input=bytes((1 << 20) + 1))
        assert ran.code == 2
        assert "<stdin> is larger than 1 MiB" in ran.errors


def test_a_fault_of_our_own_is_told_apart(
    opvasm: Run, monkeypatch: pytest.MonkeyPatch, files: Path
) -> None:
    """An uncaught exception exits with 70 and says how to see where it comes from."""

    def broken(*anything: object) -> None:
        raise RuntimeError("the sky\nfell")

    monkeypatch.setattr("opvasm.cli.commands.disasm.disassembly", broken)
    ran = opvasm("disasm", input=OP)
    assert ran.code == 70
    assert ran.errors.splitlines() == [
        "opvasm disasm: error: internal error: RuntimeError: the sky",
        "help: this is a fault of opvasm, not of its input; OPVASM_TRACEBACK=1 shows where",
    ]
    monkeypatch.setenv("OPVASM_TRACEBACK", "1")
    assert "Traceback" in opvasm("disasm", input=OP).errors


def test_ctrl_c_exits_with_130(opvasm: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted command says so and nothing else."""

    def interrupted(*anything: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("opvasm.cli.commands.disasm.disassembly", interrupted)
    ran = opvasm("disasm", input=OP)
    assert (ran.code, ran.errors) == (130, "opvasm: interrupted\n")

"""``opvasm verify``: inputs, formats, mending, exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest

import opvasm.report.json_report
from opvasm.cli.main import main

SCHEMA = Path(opvasm.report.json_report.__file__).parent / "schemas" / "opvasm-diagnostics-1.json"
CLEAN = "percpu a: u64\nvector v(x: u64) { memcpy.u64 a, x }\n"
MENDABLE = """\
shared index:  u64
shared buffer: u64[8]
percpu copy:   u64

vector push(expect: u64, value: u64, next: u64) {
    cmpeq.u64   index, expect
    memcpy.u64  buffer[0], value
    memcpy.u64  index, next
}

vector keep(x: u64) {
    memcpy.u64  copy, x? { 26: 0x01 }  // kept
    mb
    mb
}
"""
MENDED = """\
shared index:  u64
shared buffer: u64[8]
percpu copy:   u64

vector push(expect: u64, value: u64, next: u64) {
    cmpeq.u64   index, expect
    memcpy.u64  buffer[0], value
    mb
    memcpy.u64  index, next
}

vector keep(x: u64) {
    memcpy.u64  copy, x  // kept
    mb
}
"""
# struct cpu_op of abi.md section 1.5, filled in as a program of 2017 would.
C_SOURCE = """
#include <stdint.h>
struct cpu_op {
    int32_t op;
    uint32_t len;
    union {
        struct { uint64_t a, b; uint8_t expect_fault_a, expect_fault_b; } compare_op;
        struct { uint64_t dst, src; uint8_t expect_fault_dst, expect_fault_src; } memcpy_op;
        struct { uint64_t p; int64_t count; uint8_t expect_fault_p; } arithmetic_op;
        char padding[24];
    } u;
};
uint64_t head;
static uint64_t expect;
extern uint64_t next[4];
struct cpu_op push_ops[] = {
    { 0, 8, { .compare_op = { (uintptr_t)&head, (uintptr_t)&expect, 0, 0 } } },
    { 2, 8, { .memcpy_op = { (uintptr_t)&head, (uintptr_t)&next[2], 0, 1 } } },
};
struct cpu_op bad_ops[] __attribute__((section("vectors"))) = {
    { 3, 3, { .arithmetic_op = { (uintptr_t)&head, 5, 0 } } },
};
int odd[5] = { 1 };
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A text in which three things can be mended."""
    path = tmp_path / "v.opv"
    path.write_text(MENDABLE)
    return path


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """C_SOURCE as an object."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    folder = tmp_path_factory.mktemp("elf")
    (folder / "prog.c").write_text(C_SOURCE)
    subprocess.run(["gcc", "-c", "-o", "prog.o", "prog.c"], cwd=folder, check=True)
    return folder / "prog.o"


def test_a_clean_file_says_nothing_and_ends_with_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "v.opv"
    path.write_text(CLEAN)
    assert main(["verify", str(path)]) == 0
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "opvasm verify: 1 vector: nothing to report\n")


def test_warnings_alone_end_with_0_and_denied_ones_with_1(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(file)]) == 0
    assert main(["verify", "--deny", "missing-barrier", str(file)]) == 1
    assert "error[OPV312]" in capsys.readouterr().out


def test_diff_prints_what_fix_would_do_and_changes_nothing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "--diff", str(file)]) == 0
    diff = capsys.readouterr().out
    assert file.read_text() == MENDABLE
    if shutil.which("patch") is None:
        pytest.skip("patch is not installed")
    patched = subprocess.run(
        ["patch", "-s", "-o", "-", str(file)],
        input=diff,
        capture_output=True,
        text=True,
        check=True,
    )
    assert patched.stdout == MENDED


def test_fix_mends_and_looks_again(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--fix", str(file)]) == 0
    output = capsys.readouterr()
    assert file.read_text() == MENDED
    assert output.out.startswith("--- a/")
    # What is left could not be mended: the compare and the store of shared data.
    assert "OPV341" in output.out.rpartition("\n@@")[2]
    assert main(["verify", "--fix", str(file)]) == 0
    assert file.read_text() == MENDED


def test_fix_changes_neither_standard_input_nor_a_document(file: Path) -> None:
    assert main(["verify", "--fix"]) == 2
    assert main(["verify", "--fix", "--diagnostics", "json", str(file)]) == 2


def test_json_holds_findings_budget_and_portability(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["verify", "--diagnostics", "json", "--budget", "--portability", "--rseq", str(file)]
    assert main(words) == 1  # push writes shared data, which no restartable sequence may
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, json.loads(SCHEMA.read_text("utf-8")))
    assert [each["vector"] for each in document["budget"]] == ["push", "keep"]
    assert [each["vector"] for each in document["portability"]] == ["push", "keep"]
    assert {"OPV312", "OPV370", "OPV401"} <= {each["code"] for each in document["findings"]}


@pytest.mark.parametrize("name", ["sarif", "github"])
def test_a_budget_has_no_place_in_other_formats(name: str, file: Path) -> None:
    assert main(["verify", "--budget", "--diagnostics", name, str(file)]) == 2


def test_max_errors_shows_the_first_ones(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--max-errors", "2", "--diagnostics", "json", str(file)]) == 0
    output = capsys.readouterr()
    assert len(json.loads(output.out)["findings"]) == 2
    assert "more findings; --max-errors shows them" in output.err


def test_arrays_of_an_object_are_checked_by_their_symbols(
    compiled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(compiled), "--symbol", "*_ops"]) == 1
    output = capsys.readouterr().out
    assert ": symbol bad_ops, op 0, field len, bytes " in output
    assert "error[OPV203]: add on 3 bytes" in output
    place = output.partition("bytes ")[2].partition(":")[0].split("..")
    data = compiled.read_bytes()
    assert data[int(place[0]) : int(place[1]) + 1] == (3).to_bytes(4, "little")


def test_without_a_name_every_array_of_an_object_is_read(
    compiled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both arrays are checked; the numbers that are no whole op are not one of them."""
    assert main(["verify", str(compiled)]) == 1
    output = "".join(capsys.readouterr())
    assert ": symbol bad_ops, op 0, field len, bytes " in output
    assert "opvasm verify: 2 vectors: 1 error" in output


def test_an_array_is_found_by_its_section(
    compiled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(compiled), "--section", "vectors"]) == 1
    assert "symbol bad_ops" in capsys.readouterr().out


def test_relocations_of_an_object_are_names_in_its_disassembly(
    compiled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two symbols of this file, and one of another plus 16 bytes."""
    assert main(["disasm", str(compiled), "--symbol", "push_ops"]) == 0
    text = capsys.readouterr().out
    assert [line.split("//")[0].split() for line in text.splitlines()[-3:-1]] == [
        ["cmpeq.u64", "head,", "expect"],
        ["memcpy.u64", "head,", "next[2]?"],
    ]


def test_the_disassembly_of_an_object_assembles(
    compiled: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    text = tmp_path / "again.opv"
    assert main(["disasm", str(compiled), "--symbol", "*_ops", "-o", str(text)]) == 0
    assert main(["asm", str(text), "--vector", "push_ops", "-f", "raw"]) == 0
    data = capsysbinary.readouterr().out
    assert (data[0], data[32], data[32 + 25]) == (0, 2, 1)


def test_a_linked_program_is_read_too(
    compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main_file = tmp_path / "main.c"
    main_file.write_text("#include <stdint.h>\nuint64_t next[4];\nint main(void) { return 0; }\n")
    program = tmp_path / "prog"
    words = ["gcc", "-no-pie", "-o", str(program), str(compiled), str(main_file)]
    subprocess.run(words, check=True)
    assert main(["disasm", str(program), "--symbol", "push_ops"]) == 0
    text = capsys.readouterr().out
    assert [line.split("//")[0].split() for line in text.splitlines()[-3:-1]] == [
        ["cmpeq.u64", "head,", "expect"],
        ["memcpy.u64", "head,", "next[2]?"],
    ]
    assert "shared next:   u64[4]\n" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--symbol", "push_op"], "did you mean"),
        (["--symbol", "odd"], "no whole number of ops"),
        (["--symbol", "head"], "no bytes in the file"),
        (["--section", ".nowhere"], "has no section .nowhere"),
        (["--symbol", "push_ops", "--model", "32be"], "is of 64le, not of 32be"),
    ],
)
def test_what_can_not_be_read_of_an_object_is_said(
    compiled: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(compiled), *words]) == 2
    output = capsys.readouterr()
    assert message in output.out + output.err


def test_an_object_that_is_cut_off_is_an_error_never_a_traceback(
    compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = compiled.read_bytes()
    for length in (4, 6, 20, 63, 64, 100, 300, 600, len(data) // 2, len(data) - 1):
        cut = tmp_path / "cut.o"
        cut.write_bytes(data[:length])
        assert main(["verify", str(cut), "--symbol", "*_ops"]) in (1, 2)
        assert "internal" not in capsys.readouterr().err


def test_an_object_whose_tables_point_beyond_everything_is_an_error(
    compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every 8 bytes of the file header and of the section headers in turn become -1, then 2^62."""
    data = compiled.read_bytes()
    headers = int.from_bytes(data[40:48], "little")  # e_shoff
    bad = tmp_path / "bad.o"
    for at in (*range(16, 64, 8), *range(headers, len(data) - 7, 8)):
        for value in (2**64 - 1, 2**62):
            bad.write_bytes(data[:at] + value.to_bytes(8, "little") + data[at + 8 :])
            assert main(["verify", str(bad), "--symbol", "push_ops"]) in (0, 1, 2)
            assert "internal" not in capsys.readouterr().err


def test_symbols_are_for_elf_files(file: Path) -> None:
    assert main(["verify", "--symbol", "push", str(file)]) == 2

"""--from hex reads what the tools of this machine print, and what C compilers read."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest

from opvasm.abi.revisions import get_abi
from opvasm.cli.main import main
from opvasm.errors import DecodeError
from opvasm.formats import read_ops
from opvasm.source import Span

from .toolchain import need, run

ABI = get_abi()
# A push: three ops, with bytes of every kind, and 32 equal ones that tools print as a star.
OPS = (
    bytes.fromhex("00000000 08000000 0010600000000000 7f7c2a2323000000 0001000000000000")
    + bytes.fromhex("02000000 08000000 0020600000000000 0030600000000000 0000000000000000")
    + bytes(64)
)
COMMANDS = {
    "xxd": ["xxd"],
    "xxd ": ["xxd", "-g1", "-u"],
    "xxd  ": ["xxd", "-c", "32", "-g", "8"],
    "xxd -e": ["xxd", "-e"],
    "xxd -e ": ["xxd", "-e", "-g", "8", "-c", "32"],
    "xxd -b": ["xxd", "-b"],
    "hexdump -C": ["hexdump", "-C"],
    "od -tx1": ["od", "-tx1"],
    "od -Ax -tx1": ["od", "-Ax", "-v", "-tx1z"],
}


def read(text: str, model: str = "64le") -> tuple[bytes, list[str]]:
    """The bytes of a text, and what the person is told of its layout."""
    told: list[str] = []
    return read_ops("hex", text.encode(), "x", get_abi("2017-11", model), told.append), told


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_tool_prints_is_read(name: str, tmp_path: Path) -> None:
    """The bytes come back, and the layout is named."""
    need(COMMANDS[name][0])
    (tmp_path / "ops").write_bytes(OPS)
    data, told = read(run(*COMMANDS[name], tmp_path / "ops"))
    assert data == OPS
    assert told == [f"x is read as {name.strip()}: 128 bytes"]


@pytest.mark.parametrize("words", ["objdump -s", "readelf -x .data"])
def test_a_section_s_dump_is_read(words: str, tmp_path: Path) -> None:
    """Also without the lines above it, and a last line that is not full, whose digits end early."""
    for tool in ("objcopy", words.split()[0]):
        need(tool)
    (tmp_path / "ops").write_bytes(OPS + OPS[:6])
    run("objcopy", "-I", "binary", "-O", "elf64-x86-64", tmp_path / "ops", tmp_path / "ops.o")
    text = run(*words.split(), tmp_path / "ops.o")
    name = words.removesuffix(" .data")
    assert read(text) == (OPS + OPS[:6], [f"x is read as {name}: 134 bytes"])
    rows = [
        line for line in text.splitlines() if " 0000 " in line or " 0010 " in line or "0x" in line
    ]
    bare = "\n".join(rows[:2])
    assert read(bare) == (OPS[:32], [f"x is read as {name}: 32 bytes"])
    with pytest.raises(DecodeError) as caught:
        read(text + text)
    (problem,) = caught.value.diagnostics
    assert problem.message == "a second section"


def test_bytes_before_their_relocations_are_refused(tmp_path: Path) -> None:
    """readelf says that the addresses are not in there yet."""
    for tool in ("cc", "readelf"):
        need(tool)
    (tmp_path / "v.c").write_text("int x; long v[] = { 0x800000000, (long)&x, 0, 0 };\n")
    run("cc", "-fno-pic", "-c", tmp_path / "v.c", "-o", tmp_path / "v.o")
    with pytest.raises(DecodeError) as caught:
        read(run("readelf", "-x", ".data", tmp_path / "v.o"))
    (problem,) = caught.value.diagnostics
    assert "relocations change them" in problem.message
    assert problem.help == "give the file itself: opvasm disasm FILE.o"


def test_digits_alone_may_go_over_several_lines() -> None:
    """od -An -tx1 and hexdump with a format of one's own: sixteen bytes a line, no offset."""
    rows = [OPS[at : at + 16].hex(" ") for at in range(0, len(OPS), 16)]
    assert read("\n".join(rows)) == (OPS, [])


def test_c_arrays_are_read(tmp_path: Path) -> None:
    """xxd -i, arrays of bytes and of words, lists without an array, strings of escapes."""
    need("xxd")
    (tmp_path / "ops").write_bytes(OPS)
    assert read(run("xxd", "-i", tmp_path / "ops"))[0] == OPS
    bytes_of = ", ".join(f"{each:#04x}" for each in OPS)
    texts = {
        "a C array of 1-byte numbers": f"static const unsigned char v[128] = {{ {bytes_of} }};",
        "a list of bytes in C": f"{{ {bytes_of}, }}",
        "a string of escapes": '"' + "".join(f"\\x{each:02x}" for each in OPS) + '"',
    }
    for layout, text in texts.items():
        assert read(text) == (OPS, [f"x is read as {layout}: 128 bytes"])


@pytest.mark.parametrize("model", ["64le", "32be"])
@pytest.mark.parametrize(("kind", "width"), [("uint32_t", 4), ("u64", 8), ("unsigned short", 2)])
def test_words_have_the_byte_order_of_the_data_model(kind: str, width: int, model: str) -> None:
    """A C array of numbers that are wider than a byte."""
    order = get_abi("2017-11", model).model.byteorder
    words = [int.from_bytes(OPS[at : at + width], order) for at in range(0, len(OPS), width)]
    numbers = ",\n\t".join(f"{each:#x}u" for each in words)
    text = f"/* an array */\n{kind} v[] = {{\n\t{numbers}\n}}; // end\n"
    assert read(text, model)[0] == OPS


def test_a_dump_in_a_kernel_log_is_read() -> None:
    """print_hex_dump: bytes, and words of the machine, which the characters beside them give away."""
    for prefix in (
        "[  123.456789] ops: ",
        "[    1.000001][  T271] ",
        "Nov 28 04:31:56 box kernel: ",
    ):
        for width, name in ((1, "xxd"), (8, "xxd -e")):
            rows = []
            for at in range(0, len(OPS), 16):
                row = OPS[at : at + 16]
                words = [row[low : low + width][::-1].hex() for low in range(0, 16, width)]
                shown = "".join(chr(each) if 32 <= each < 127 else "." for each in row)
                rows.append(f"{prefix}{at:08x}: {' '.join(words)}  {shown}")
            assert read("\n".join(rows)) == (OPS, [f"x is read as {name} in a log: 128 bytes"])


def test_characters_that_were_not_edited_do_not_matter() -> None:
    """Like xxd -r: the digits count."""
    text = "00000000: 0000 0000 0800 0000 0010 6000 0000 0000  ................\n"
    text += "00000010: 7f7c 2a2a 2a00 0000 0001 0000 0000 0000  .|*##...........\n"
    assert read(text)[0] == OPS[:19].replace(b"##", b"**") + b"**" + OPS[21:32]


def test_strings_of_c_and_python_are_read() -> None:
    """bytes as Python prints them, with characters in between, and C strings in pieces."""
    assert read(repr(OPS)) == (OPS, ["x is read as a string of escapes: 128 bytes"])
    pieces = "\n".join(
        '"' + "".join(f"\\{each:03o}" for each in OPS[at : at + 32]) + '"'
        for at in range(0, 128, 32)
    )
    assert read(f"const char ops[] =\n{pieces};\n")[0] == OPS
    commented = OPS[:64] + b"//#1\n#/*" + OPS[72:]
    assert read(repr(commented))[0] == commented


def test_gdbs_examine_is_read() -> None:
    """x/32xb and x/8xg, with and without a symbol."""
    rows = [
        f"0x7ffe{at:04x} <ops+{at}>:\t" + "\t".join(f"0x{each:02x}" for each in OPS[at : at + 8])
        for at in range(0, len(OPS), 8)
    ]
    assert read("\n".join(rows))[0] == OPS
    words = [int.from_bytes(OPS[at : at + 8], "little") for at in range(0, len(OPS), 8)]
    rows = [
        f"0x7ffe{8 * at:04x}:\t0x{words[at]:016x}\t0x{words[at + 1]:016x}" for at in range(0, 16, 2)
    ]
    assert read("\n".join(rows))[0] == OPS
    with pytest.raises(DecodeError, match="the line before ends at 0x7ffe0010") as caught:
        read("\n".join([rows[0], *rows[2:]]))
    assert str(caught.value.diagnostics[0].place) == "x:2:1"


# compare_op { 0x601000, 0x23232a7c7f, 0, 1 }, arithmetic_op { 0x601008, -2 }, twice memcpy_op { 0x602000, 0x603000 }
GDB_OPS = (
    bytes.fromhex("00000000 08000000 0010600000000000 7f7c2a2323000000 0001000000000000")
    + bytes.fromhex("03000000 08000000 0810600000000000 feffffffffffffff 0000000000000000")
    + 2 * bytes.fromhex("02000000 08000000 0020600000000000 0030600000000000 0000000000000000")
)
SIXTEEN = 16 * bytes.fromhex("02000000 08000000 00000000007f0000 00000000fe7f0000 0000000000000000")
PRINTED = {
    "p": "struct cpu_op",
    "p_anonymous": "struct cpu_op",
    "p_x_pretty": "struct cpu_op",
    "p_x_repeats": "struct cpu_op",
    "p_x_sixteen": "struct cpu_op",
    "p_x_bytes": "bytes",
    "p_char": "bytes",
    "p_z_words": "8-byte words (little-endian, as --model 64le is)",
    "p_terminal": "struct cpu_op",  # as script(1) keeps it: colours, pages, CRLF
    "p_piped": "struct cpu_op",  # the command came from a pipe: gdb does not show it
    "x_terminal": "x",
    "x_piped": "x",
    "x_xb": "x",
    "x_xw": "x",
    "x_xg": "x",
}


@pytest.mark.parametrize("name", PRINTED)
def test_what_gdb_13_printed_of_a_program_is_read(name: str) -> None:
    """With names and without, in any format, repeated values, and behind its prompt in a mail."""
    text = (Path(__file__).parent / "gdb" / f"{name}.txt").read_bytes().decode()
    ops = SIXTEEN if name == "p_x_sixteen" else GDB_OPS
    layout = "gdb's x" if PRINTED[name] == "x" else f"gdb's print of {PRINTED[name]}"
    assert read(text) == (ops, [f"x is read as {layout}: {len(ops)} bytes"])
    quoted = "".join(f">> {line}\n" for line in ["(gdb) as it was typed", *text.splitlines()])
    assert read(quoted) == (ops, [f"x is read as {layout} in a quote: {len(ops)} bytes"])


def test_pages_of_an_old_gdb_and_the_mark_that_windows_writes_are_passed_by() -> None:
    """gdb 8.0 asks in other words (pagination's text of its utils.c); U+FEFF begins a file."""
    first, rest = (Path(__file__).parent / "gdb" / "x_xg.txt").read_text().split("\n", 1)
    asked = "---Type <return> to continue, or q <return> to quit---"
    assert read(f"\ufeff{first}\n{asked}\n{rest}")[0] == GDB_OPS


P = (Path(__file__).parent / "gdb" / "p.txt").read_text()


@pytest.mark.parametrize(
    ("text", "word", "message"),
    [
        ((Path(__file__).parent / "gdb" / "p_elements.txt").read_text(), "...", "left out"),
        (P.replace("count = -2", "count = -3"), "-3", "byte 16 of the op is 0xfd here, and 0xfe"),
        (
            P.replace("arithmetic_op", "add_op"),
            "{p = 6295552, count = 150913842303, expect_fault_p = 0 '\\000'}",
            "2017-11 has no add_op",
        ),
        (P.replace("op = 3,", "op = ADD,"), "ADD", "ADD is not a number"),
        (
            P.replace("len = 8", "len = 99999999999", 1),
            "99999999999",
            "does not fit the 4 bytes of `len`",
        ),
        (P.rstrip()[:-1], "}", "the end is missing"),
        ("$1 = {op = 2, len = 8, u = {}}", "{", "nothing stands in these braces"),
        ("$1 = {op = 2, len = 8}", "{op = 2, len = 8}", "nothing says what `dst` of this op is"),
        ("$1 = {{op = 9, len = 0}, 3}", "{{op = 9, len = 0}, 3}", "these are not ops"),
        (f"{P}(gdb) p/x ops[1]\n$2 = {{}}", "$2", "$2 is a second value"),
        ("$1 = {0x0, 08, 1}", "08", "08 can't be read"),
        ("$1 = " + 30 * "{", "{", "too many braces are open"),
        ("$1 = {1, 2, 300}", "300", "300 is more than a byte: gdb does not say how wide"),
        ("$1 = (struct cpu_op (*)[3]) 0x555555558040 <ops>", "0x555555558040", "these are not ops"),
        ("0x7ffe0000 <ops>:\t0\t8\n", "0x7ffe0000 <ops>:\t0\t8", "0 is not a hexadecimal number"),
        ("Jim wrote:\n> 00000000: 0000 0000\n", "Jim wrote:", "this line is not quoted"),
        ("> 00000000: 0000\n> 00000002: 00 0g\n", "g", "'g' is not a hexadecimal digit"),
    ],
)
def test_nothing_that_gdb_printed_is_guessed(text: str, word: str, message: str) -> None:
    """What it left out, and what contradicts another member of the union, is an error at its place."""
    with pytest.raises(DecodeError, match=re.escape(message)) as caught:
        read(text)
    place = caught.value.diagnostics[0].place
    assert isinstance(place, Span)
    assert (place.text, place.file.text) == (word, text)


@pytest.mark.parametrize("tool", ["xxd", "hexdump -C", "od -tx1", "hex"])
def test_a_mail_s_quote_of_a_dump_is_read(tool: str, tmp_path: Path) -> None:
    """Of two levels; the layout's name says that it was a quote."""
    lines = OPS.hex(" ", 4)
    if tool != "hex":
        need(tool.split()[0])
        (tmp_path / "ops").write_bytes(OPS)
        lines = run(*tool.split(), tmp_path / "ops")
    data, told = read("\n".join(f"> >{line}" for line in lines.splitlines()))
    layout = "hexadecimal digits" if tool == "hex" else tool
    assert (data, told) == (OPS, [f"x is read as {layout} in a quote: 128 bytes"])


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("00000000  00 00  |..|\n00000010  00  |.|\n", "x:2:1", "offset 0x10 comes after 2 bytes"),
        ("[ 1] a: 00000000: 00 00\n[ 1] a: 00000002: 00 0g\n", "x:2:23", "'g' is not a hexadec"),
        ("00000000: 0000\nwords\n", "x:2:1", "not a line of xxd"),
        ("0000000 0002 0000 0008 0000\n", "x:1:1", "16-bit words, whose byte order"),
        ("0000000 0000000800000000 0000000000001000\n", "x:1:1", "64-bit words, whose byte order"),
        ("0000000 000000 000010 010000\n", "x:1:1", "octal 16-bit words, whose byte order"),
        (
            "00000000: 00000001 00000008  ........\n",
            "x:1:1",
            "or words of a little-endian machine?",
        ),
        ("0x00000000 0x8 0x10\n", "x:1:12", "0x8 has 1 digit, and those before it 8"),
        ("0x000000 0x000008\n", "x:1:1", "0x000000 has 6 digits: how wide"),
        ("0x00000000 words\n", "x:1:12", "'words' is not a number"),
        ('"\\x00\\x080"', "x:1:6", "C reads more than two digits"),
        ("char a[] = { 1, 2 };\nchar b[] = { 3 };", "x:2:1", "a second array"),
        ("char a[] = { 1, 256 };", "x:1:17", "256 does not fit 1 bytes"),
        ("char a[] = { 1, 08 };", "x:1:17", "'08' is not a number"),
        ("char a[] = { 1, SIZE };", "x:1:17", "'SIZE' is not a number"),
    ],
)
def test_nothing_of_a_dump_is_guessed(text: str, place: str, message: str) -> None:
    """What is missing, of another layout, or no byte, is an error with its place."""
    with pytest.raises(DecodeError, match=message) as caught:
        read(text)
    assert str(caught.value.diagnostics[0].place) == place


@pytest.mark.parametrize("model", ["64le", "32be"])
@pytest.mark.parametrize("width", [2, 4, 8])
@pytest.mark.parametrize("between", [" ", "\n", ",\n  "])
def test_words_without_a_declaration_are_read(width: int, model: str, between: str) -> None:
    """As a debugger or a mail shows them; their digits say how wide they are, and the layout is named."""
    order = get_abi("2017-11", model).model.byteorder
    words = [int.from_bytes(OPS[at : at + width], order) for at in range(0, len(OPS), width)]
    text = between.join(f"0x{each:0{2 * width}x}" for each in words)
    layout = f"{width}-byte words ({order}-endian, as --model {model} is)"
    assert read(text, model) == (OPS, [f"x is read as {layout}: 128 bytes"])


@pytest.mark.parametrize("words", ["hexdump", "od", "od -x", "od -tx4", "od -tx8"])
def test_words_of_an_unknown_machine_are_refused_alike_with_and_without_from(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """disasm said "--from hex reads it", which then refused it."""
    need(words.split()[0])
    (tmp_path / "ops").write_bytes(OPS)
    (tmp_path / "x").write_text(run(*words.split(), tmp_path / "ops"))
    for command in (["disasm"], ["disasm", "--from", "hex"], ["asm"]):
        assert main([*command, str(tmp_path / "x")]) != 0
        said = capsys.readouterr().err
        assert "words, whose byte order the text does not say" in said
        assert "help: print bytes: hexdump -C, od -tx1 or xxd" in said
        assert "--from hex" not in said


# A tool, a part of its third row as it prints and as it is broken, at which of these characters the error
# is (None: the row is), and what is said.
SLIPS = [
    ("xxd", "0020 6000", "0020 6x00", 6, "'x' is not a hexadecimal digit"),
    ("hexdump -C", "00 20 60 00", "00 20 6x 00", 7, "'x' is not a hexadecimal digit"),
    ("od -tx1", "00 20 60 00", "00 20 6x 00", 7, "'x' is not a hexadecimal digit"),
    ("xxd", "0020 6000", "0020 600", 5, "3 digits are not whole bytes"),
    ("hexdump -C", "00 20 60 00", "00 20 6 00", 6, "1 digit is not whole bytes"),
    ("od -tx1", "00 20 60 00", "00 20 6 00", 6, "1 digit is not whole bytes"),
    ("xxd", "0020 6000", "0020 60", None, "15 bytes, and the offset of the next line makes"),
    ("hexdump -C", "00 20 60 00", "00 20 60", None, "15 bytes, and the offset of the next line"),
    ("od -tx1", "00 20 60 00", "00 20 60", None, "15 bytes, and the offset of the next line"),
]


@pytest.mark.parametrize(("tool", "row", "broken", "at", "message"), SLIPS)
def test_a_slip_in_a_line_is_one_error_in_that_line(
    tool: str, row: str, broken: str, at: int | None, message: str, tmp_path: Path
) -> None:
    """The line after it was said to come after lines that are missing, or alone was found wrong."""
    need(tool.split()[0])
    (tmp_path / "ops").write_bytes(OPS)
    text = run(*tool.split(), tmp_path / "ops")
    assert text.count(row) == 1
    with pytest.raises(DecodeError) as caught:
        read(text.replace(row, broken))
    (problem,) = caught.value.diagnostics
    assert problem.message.startswith(message)
    column = 1 if at is None else text.splitlines()[2].index(row) + at + 1
    assert str(problem.place) == f"x:3:{column}"


def test_any_other_text_is_no_ops_without_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A text of whole ops by chance is not disassembled, unless it is said to be raw."""
    (tmp_path / "x").write_text("What a dump looked like, broken.\n".ljust(64))
    assert main(["disasm", str(tmp_path / "x")]) == 2
    assert "is a text, and ops are bytes" in capsys.readouterr().err
    assert main(["disasm", "--from", "raw", str(tmp_path / "x")]) == 0


def test_a_dump_without_from_is_told_what_reads_it(tmp_path: Path) -> None:
    """disasm takes bytes; a text of digits, whole ops long by chance, is not disassembled as such."""
    import sys

    for text in (OPS.hex(), "00000000: 0000 0000\n", "char v[] = { 0, 1 };\n"):
        (tmp_path / "x").write_text(text)
        words = [sys.executable, "-m", "opvasm", "disasm", str(tmp_path / "x")]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 2
        assert "looks like " in done.stderr
        assert "help: --from hex reads it" in done.stderr


# cmpeq, 8 bytes, of two words of a program; then add: as a big-endian machine holds them.
BIG = b"".join(
    struct.pack(">IIQQQ", *each)
    for each in ((0, 8, 0x7FFF1000, 0x20008, 0), (3, 8, 0x7FFF1000, 5, 0))
)
LITTLE = b"".join(
    struct.pack("<IIQQQ", *each)
    for each in ((0, 8, 0x7FFF1000, 0x20008, 0), (3, 8, 0x7FFF1000, 5, 0))
)


def words_of(data: bytes, form: str) -> str:
    """Numbers of four or eight bytes, as a big-endian machine's debugger prints them."""
    return " ".join(
        f"{each[0]:#0{2 + 2 * struct.calcsize(form)}x}" for each in struct.iter_unpack(form, data)
    )


@pytest.mark.parametrize(
    ("text", "model", "told"),
    [
        (BIG.hex(), "64le", "64be"),
        (words_of(BIG, ">I"), "64le", "64be"),
        (words_of(BIG, ">Q"), "64le", "64be"),
        (f"0x7f00: {words_of(BIG, '>I')}", "64le", "64be"),
        (LITTLE.hex(), "64be", "64le"),
        (LITTLE.hex(), "64le", None),
        (words_of(BIG, ">I"), "64be", None),
        (OPS.hex(), "64le", None),
        ("63000000" + 28 * "00", "64le", None),  # an op that no revision has, in neither order
    ],
)
def test_ops_of_the_other_byte_order_are_told(text: str, model: str, told: str | None) -> None:
    """What only makes sense with its bytes or halves turned round is said to be of that model."""
    said = [each for each in read(text, model)[1] if "warning" in each]
    assert [each.rpartition("--model ")[2] for each in said] == ([] if told is None else [told])

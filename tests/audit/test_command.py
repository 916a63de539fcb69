"""``opvasm audit``: inputs of every kind, formats, exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from opvasm.audit.containers import elf_sources
from opvasm.elf.problems import ElfError
from opvasm.elf.source import MemorySource
from tests.audit.sections import linked, opvasm

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


def run(*words: str | Path) -> tuple[int, str, str]:
    """Exit code and output of the command, in this process."""
    return opvasm("audit", *words)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with one correct section."""
    return linked(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library whose section has no signature before its abort handler."""
    handler = "ret\n .long 0x12345678\nabort: ret"
    return linked(tmp_path_factory.mktemp("bad"), handler=handler)


def test_a_process_of_its_own(bad: Path) -> None:
    """As a program of its own the command ends with the same code and says the same."""
    command = [sys.executable, "-m", "opvasm", "audit", str(bad)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == run(bad)


def test_exit_codes(good: Path, bad: Path, tmp_path: Path) -> None:
    """0 for nothing, 1 for an error, 2 for what is not an ELF file or not there."""
    assert run(good)[0] == 0
    assert run(bad)[0] == 1
    text = tmp_path / "text"
    text.write_text("no program")
    code, _, errors = run(text)
    assert code == 2
    assert "is not an ELF file" in errors
    code, _, errors = run(tmp_path / "missing")
    assert code == 2
    assert "No such file" in errors
    assert run()[0] == 2


IN_C = """
int f(void *area, int cpu, long v, long *p) {
  __asm__ volatile goto(
    ".pushsection __rseq_cs, \\"aw\\"\\n .balign 32\\n 3: .long 0,0\\n .quad 1f, 2f-1f, 4f\\n .popsection\\n"
    "lea 3b(%%rip), %%rax\\n mov %%rax, 8(%0)\\n 1: cmp %1, 4(%0)\\n jne %l[out]\\n mov %2, (%3)\\n 2:\\n"
    ".pushsection __rseq_failure, \\"ax\\"\\n .long 0x53053053\\n 4: jmp %l[out]\\n .popsection\\n"
    :: "r"(area), "r"(cpu), "r"(v), "r"(p) : "rax", "memory" : out);
  return 0;
out:
  return 1;
}
"""


def test_what_holds_no_code_is_said(good: Path, tmp_path: Path) -> None:
    """Debug information that was split off, and what -flto makes, are no files without sections."""
    split, slim, fat = (tmp_path / name for name in ("good.debug", "slim.o", "fat.o"))
    (tmp_path / "in.c").write_text(IN_C)
    subprocess.run(["objcopy", "--only-keep-debug", good, split], check=True)
    gcc = ["gcc", "-O2", "-flto", "-c", str(tmp_path / "in.c"), "-o"]
    subprocess.run([*gcc, slim], check=True)
    subprocess.run([*gcc, fat, "-ffat-lto-objects"], check=True)
    subprocess.run(["ar", "rcs", tmp_path / "slim.a", slim], check=True)
    for path, words in (
        (split, "the debug information of a program"),
        (slim, "as -flto makes it"),
        (tmp_path / "slim.a", "as -flto makes it"),
    ):
        code, _, errors = run(path)
        assert code == 2
        assert words in errors
    assert run(fat)[0] == 0
    code, _, errors = run(tmp_path)
    assert code == 3  # in a folder: the others are audited
    assert "the debug information of a program" in errors


@needs_gcc
def test_debug_information_alone_is_refused(tmp_path: Path) -> None:
    """It has no code: the program is asked for, by its build ID; in a folder it is passed by and counted."""
    source, program, split = (tmp_path / name for name in ("a.c", "a.out", "a.debug"))
    source.write_text("int main(void) { return 0; }\n")
    subprocess.run(["gcc", source, "-Wl,--build-id=0xabcdef", "-o", program], check=True)
    subprocess.run(["objcopy", "--only-keep-debug", program, split], check=True)
    for options in ([], ["--deep"]):
        code, _, errors = run(split, *options)
        assert code == 2
        assert "there is no code in it" in errors
        assert "give the program that it was split from (build ID abcdef)" in errors
    code, _, errors = run(tmp_path)
    assert code == 0
    assert "1 file holds debug information alone" in errors
    program.unlink()
    assert run(tmp_path)[0] == 3  # nothing with code was there


@needs_gcc
def test_debug_information_that_was_in_no_program(tmp_path: Path) -> None:
    """What -gsplit-dwarf puts beside an object holds no code; an object of an empty source is one."""
    source, empty = tmp_path / "a.c", tmp_path / "empty.c"
    source.write_text("int main(void) { return 0; }\n")
    empty.write_text("")
    subprocess.run(["gcc", "-g", "-gsplit-dwarf", "-c", source], cwd=tmp_path, check=True)
    subprocess.run(["gcc", "-g", "-c", empty], cwd=tmp_path, check=True)
    code, _, errors = run(tmp_path / "a.dwo")
    assert code == 2
    assert "this is the debug information of a program" in errors
    for name in ("a.o", "empty.o"):
        assert run(tmp_path / name)[0] == 0


def test_bitcode_is_named(good: Path, tmp_path: Path) -> None:
    """A file of LLVM's, alone and beside an object in an archive, is said to be one."""
    code = tmp_path / "code.bc"
    code.write_bytes(b"BC\xc0\xde" + bytes(60))
    status, _, errors = run(code)
    assert status == 2
    assert "LLVM's bitcode" in errors
    subprocess.run(["ar", "qcS", tmp_path / "both.a", code, good], check=True)
    status, out, errors = run(tmp_path / "both.a")
    assert status == 2
    assert "both.a(code.bc): " in errors
    assert "1 restartable section" in out


def test_a_kernel_under_which_nothing_goes_wrong(tmp_path: Path) -> None:
    """What harms under other kernels only is a note for the one that was named, and exit code 0."""
    library = linked(tmp_path, version="1")
    assert run(library)[0] == 1
    assert run("--kernel", "v6_19_x86", library)[0] == 0
    code, _, errors = run("--kernel", "v6_19_x68", library)
    assert code == 2
    assert "v6_19_x86" in errors


def test_containers(good: Path, bad: Path, tmp_path: Path) -> None:
    """A wheel, a tar in a tar, a .deb's layers and an archive are looked into, a folder as well."""
    wheel = tmp_path / "made.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(good, "package/good.so")
        file.write(bad, "package/bad.so")
        file.writestr("package/text.py", "pass")
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:xz") as tar:
        tar.add(bad, "usr/lib/bad.so")
    package = tmp_path / "made.deb"
    header = b"data.tar.xz".ljust(48) + str(len(inner.getvalue())).encode().ljust(10) + b"`\n"
    package.write_bytes(b"!<arch>\n" + header + inner.getvalue() + b"\n" * (inner.tell() % 2))
    for path, count in ((wheel, 2), (package, 1)):
        code, out, errors = run(path)
        assert code == 1, errors
        assert f"{count} restartable section" in errors
        assert "bad.so" in out
    code, _, errors = run(tmp_path)
    assert code == 1
    assert "3 ELF files, 3 restartable sections" in errors


def test_zstd(good: Path, bad: Path, tmp_path: Path) -> None:
    """A package whose files are packed by zstd is looked into, and one that is garbled is an error."""
    zstandard = pytest.importorskip("zstandard")
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as tar:
        tar.add(bad, "usr/lib/bad.so")
    packed = zstandard.ZstdCompressor().compress(inner.getvalue())
    header = b"data.tar.zst".ljust(48) + str(len(packed)).encode().ljust(10) + b"`\n"
    (tmp_path / "made.deb").write_bytes(b"!<arch>\n" + header + packed + b"\n" * (len(packed) % 2))
    (tmp_path / "good.so.zst").write_bytes(zstandard.ZstdCompressor().compress(good.read_bytes()))
    (tmp_path / "text.zst").write_bytes(zstandard.ZstdCompressor().compress(b"a text"))
    code, out, errors = run(tmp_path / "made.deb", tmp_path / "good.so.zst")
    assert code == 1
    assert "bad.so" in out
    assert "good.so" in out
    assert "2 ELF files, 2 restartable sections" in errors
    (tmp_path / "garbled.zst").write_bytes(packed[:20] + bytes(20))
    code, _, errors = run(tmp_path / "garbled.zst")
    assert code == 2
    assert "garbled.zst" in errors
    (tmp_path / "garbled.zst").unlink()
    assert run(tmp_path)[0] == 1  # a text that is packed is no concern of an audit


def test_zstd_without_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can read zstd the file is named, with what to install."""
    if sys.version_info >= (3, 14):
        pytest.skip("Python itself reads zstd")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    problems: list[ElfError] = []
    packed = MemorySource(b"\x28\xb5\x2f\xfd" + bytes(40), "data.zst")
    assert list(elf_sources(packed, problems.append)) == []
    (diagnostic,) = problems[0].diagnostics
    assert "zstd" in diagnostic.message
    assert diagnostic.help is not None
    assert "pip install 'opvasm[audit]'" in diagnostic.help


def test_a_container_that_is_broken(good: Path, tmp_path: Path) -> None:
    """What can't be read inside of a folder is reported, and leaves the rest decided: exit code 3."""
    (tmp_path / "cut.so").write_bytes(good.read_bytes()[:200])
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04" + bytes(40))
    (tmp_path / "cut.tar.gz").write_bytes(b"\x1f\x8b\x08" + bytes(40))
    (tmp_path / "good.so").write_bytes(good.read_bytes())
    code, out, errors = run(tmp_path)
    assert code == 3
    assert "good.so" in out
    for name in ("cut.so", "cut.zip", "cut.tar.gz"):
        assert name in errors
    assert run(tmp_path / "cut.zip")[0] == 2


def test_a_process() -> None:
    """The files that a process has mapped are read; one that is not there is a usage error."""
    code, _, errors = run("--pid", str(os.getpid()))
    assert code == 0
    assert "ELF files" in errors
    assert run("--pid", str(2**22))[0] == 2


def test_json(good: Path, bad: Path) -> None:
    """The document is valid for its schema, and has the section and its finding."""
    schema = json.loads((files("opvasm.audit") / "schemas" / "opvasm-audit-1.json").read_text())
    code, out, _ = run("-f", "json", good, bad)
    document: dict[str, Any] = json.loads(out)
    jsonschema.validate(document, schema)
    assert code == 1
    assert document["summary"] == {"files": 2, "sections": 2, "error": 1, "warning": 0, "note": 0}
    (section,) = document["files"][1]["shapes"][0]["sections"]
    assert section["signature"] == 0x12345678
    assert section["findings"][0]["code"] == "OPV701"


def test_sarif_and_github(bad: Path) -> None:
    """The other formats name the rule and the file."""
    log = json.loads(run("-f", "sarif", bad)[1])
    (result,) = log["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("OPV701", "error")
    out = run("-f", "github", bad)[1]
    assert out.startswith("::error ")
    assert "OPV701" in out


def test_html(bad: Path, tmp_path: Path) -> None:
    """The page is one file that loads nothing and shows instructions, kernels and findings."""
    page = tmp_path / "page.html"
    assert run("-f", "html", "-o", page, bad)[0] == 1
    text = page.read_text("utf-8")
    for wanted in ("default-src 'none'", "cmp dword ptr", "v6_19_x86", "OPV701"):
        assert wanted in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_the_page_steps_through_what_goes_wrong(tmp_path: Path) -> None:
    """A shape of which a kernel spoils the commit has its schedule under that kernel, and a graph."""
    from tests.audit.test_scenario import CACHED
    from tests.explorer_reports.browser import Browser

    library = linked(tmp_path, body=CACHED)
    page = tmp_path / "page.html"
    assert run("-f", "html", "-o", page, library)[0] == 1
    text = page.read_text("utf-8")
    data = json.loads(re.findall(r'id="data">(.*?)</script>', text)[0])
    names = [each["name"] for each in data["sources"]]
    assert names == ["shape 1, f.opv"]
    assert any("load [area - 4].u32" in line for line in data["sources"][0]["lines"])
    rows = re.findall(r'<summary><span class="word (\w+)">.*?kernel=(\w+)', text)
    assert ("good", "legacy") in rows
    assert ("bad", "v6_19_x86") in rows
    assert len(data["shows"]) == len(rows)
    with Browser(tmp_path / "profile") as browser:
        browser.open(page)
        assert browser.complaints == []


def test_source_lines(tmp_path: Path) -> None:
    """A finding names the source line where the file has debug information."""
    pytest.importorskip("elftools")
    library = linked(tmp_path, body="mov %rdx, (%rcx)\n nop")
    source = tmp_path / "code.s"
    lines = source.read_text().splitlines()
    subprocess.run(
        ["gcc", "-g", "-shared", "-nostdlib", "-o", str(library), str(source)], check=True
    )
    number = next(index for index, line in enumerate(lines, 1) if line.strip() == "nop")
    assert f"code.s:{number}" in run(library)[1]


def test_without_capstone(good: Path, tmp_path: Path) -> None:
    """Without capstone descriptors are checked, the report says what was not, and exit code is 3."""
    (tmp_path / "capstone.py").write_text("raise ImportError('not here')")
    command = [sys.executable, "-m", "opvasm", "audit", str(good)]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 3
    assert "opvasm[audit]" in done.stdout


def test_the_group_of_dynamorio(tmp_path: Path) -> None:
    """--group dynamorio keeps what DynamoRIO demands and drops the rest."""
    body = "mov %rdx, (%r8)\n mov (%r8), %rax\n mov %rdx, (%rcx)"
    library = linked(tmp_path, body=body, version="1")
    code, out, _ = run("--group", "dynamorio", "-f", "json", library)
    section = json.loads(out)["files"][0]["shapes"][0]["sections"][0]
    assert [each["code"] for each in section["findings"]] == ["OPV723"]
    assert code == 0


def test_lift(tmp_path: Path) -> None:
    """--lift writes the section as a text that the assembler takes, each line with its instruction."""
    import opvasm

    library = linked(tmp_path)
    out = tmp_path / "out.opv"
    code, _, errors = run("--lift", out, library)
    assert code == 0, errors
    text = out.read_text()
    program = opvasm.assemble(opvasm.SourceFile("out.opv", text)).program
    (section,) = program.sections.values()
    assert [each.name for each in section.parameters] == ["cpu_rsi", "base_rcx", "value_rdx"]
    assert "cmp dword ptr [rdi + 4], esi" in text
    assert run("--lift", out, "--section", "missing", library)[0] == 2


def test_no_section_to_lift(tmp_path: Path) -> None:
    """--lift of a file that can't be read says why, and of one without sections that there are none."""
    library, out = linked(tmp_path), tmp_path / "out.opv"
    cut = tmp_path / "cut.so"
    cut.write_bytes(library.read_bytes()[:300])
    code, _, errors = run("--lift", out, cut)
    assert code == 2
    assert "cut.so" in errors
    assert "no such section" not in errors
    code, _, errors = run("--lift", out, "/bin/true")
    assert code == 2
    assert "there is no restartable section in what was read" in errors
    assert not out.exists()


def test_an_output_never_replaces_a_program(tmp_path: Path) -> None:
    """--lift with the program as its value: the message says what --lift names, and nothing is lost."""
    library = linked(tmp_path)
    before = library.read_bytes()
    for words in (("--lift", library), ("--lift", library, library), ("-o", library, library)):
        code, _, errors = run(*words)
        assert code == 2
        assert "would write over a program" in errors
    assert library.read_bytes() == before


def test_an_output_that_is_a_pipe_is_not_read(tmp_path: Path) -> None:
    """A report goes into a pipe that somebody else reads; nobody waits for what it might give."""
    library, pipe = linked(tmp_path), tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        command = [sys.executable, "-m", "opvasm", "audit", "-o", str(pipe), str(library)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert os.read(reader, 1 << 20)
    finally:
        os.close(reader)


def test_what_is_not_lifted_says_why(tmp_path: Path) -> None:
    """An instruction that the lifter does not know is named, and exit code 3 says that work is left."""
    library = linked(tmp_path, body="crc32 %rdx, %rax\n mov %rax, (%rcx)")
    out = tmp_path / "out.opv"
    code, _, errors = run("--lift", out, library)
    assert code == 3
    assert "`crc32 rax, rdx` is not known" in errors
    assert "not lifted" in out.read_text()


@pytest.mark.parametrize("name", ["f", "other"])
def test_a_function_with_two_names(name: str, tmp_path: Path) -> None:
    """--section takes any name of a function."""
    alias = ".globl other\n .hidden other\n .type other, %function\n .set other, f"
    library = linked(tmp_path, more=alias)
    code, _, errors = run("--lift", tmp_path / "f.opv", "--section", name, library)
    assert (code, "1 lifted into" in errors) == (0, True), errors

"""``use`` and ``abi``: several files make one program of one revision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from opvasm.abi.revisions import REVISIONS, get_abi
from opvasm.assembler import Assembly, assemble, read_file
from opvasm.errors import Diagnostic, ParseError
from opvasm.source import SourceFile, Span

from .checking import assembled, errors, short


def loader_of(files: dict[str, str]) -> Callable[[str], SourceFile]:
    def load(path: str) -> SourceFile:
        if path not in files:
            raise FileNotFoundError(2, "No such file or directory")
        return SourceFile(path, files[path])

    return load


def together(files: dict[str, str], main: str = "main.opv") -> Assembly:
    return assemble(SourceFile(main, files[main]), loader=loader_of(files))


def wrong(files: dict[str, str], main: str = "main.opv") -> tuple[Diagnostic, ...]:
    with pytest.raises(ParseError) as caught:
        together(files, main)
    return caught.value.diagnostics


def test_a_used_file_gives_its_data_and_vectors_but_not_its_tests() -> None:
    assembly = together(
        {
            "main.opv": 'use "list.opv"\nvector v() { add counter, N }\ntest "mine" { }',
            "list.opv": 'const N = 3\npercpu counter: u64\nvector w() { mb }\ntest "theirs" { }',
        }
    )
    assert list(assembly.program.vectors) == ["w", "v"]
    assert list(assembly.program.data.symbols) == ["counter"]
    assert [each.name for each in assembly.tests] == ["mine"]
    assert [each.name for each in assembly.sources] == ["main.opv", "list.opv"]


def test_a_path_is_relative_to_the_file_in_which_it_stands() -> None:
    files = {
        "a/main.opv": 'use "lib/list.opv"',
        "a/lib/list.opv": 'use "../common.opv"',
        "a/common.opv": "const N = 1",
    }
    assembly = together(files, "a/main.opv")
    assert [each.name for each in assembly.sources] == list(files)


def test_a_file_that_two_others_use_is_taken_in_once() -> None:
    assembly = together(
        {
            "main.opv": 'use "a.opv"\nuse "b.opv"\nuse "./a.opv"',
            "a.opv": 'use "common.opv"',
            "b.opv": 'use "common.opv"',
            "common.opv": "percpu x: u64",
        }
    )
    assert len(assembly.sources) == 4


def test_data_of_files_lies_in_the_order_of_use() -> None:
    symbols = together(
        {"main.opv": 'percpu a: u32\nuse "b.opv"\npercpu c: u32', "b.opv": "percpu b: u32"}
    ).program.data.symbols
    assert {name: each.offset for name, each in symbols.items()} == {"a": 0, "b": 4, "c": 8}


@pytest.mark.parametrize(
    "files",
    [
        {"main.opv": 'use "main.opv"'},
        {"main.opv": 'use "a.opv"', "a.opv": 'use "main.opv"'},
        {"main.opv": 'use "a.opv"', "a.opv": 'use "b.opv"', "b.opv": 'use "a.opv"'},
    ],
)
def test_a_file_that_uses_itself_is_an_error(files: dict[str, str]) -> None:
    (problem,) = wrong(files)
    assert problem.code == "OPV027"


def test_a_file_that_is_not_there_does_not_make_its_names_unknown() -> None:
    problems = wrong({"main.opv": 'use "gone.opv"\nvector v() { add counter, N; memcpy a, b }'})
    assert [short(each) for each in problems] == [
        "1:1 OPV026 'use \"gone.opv\"': can't read gone.opv: No such file or directory"
    ]


def test_a_used_file_that_is_given_up_does_not_make_its_names_unknown() -> None:
    problems = wrong(
        {
            "main.opv": 'use "list.opv"\nvector v() { add counter, N }',
            "list.opv": "percpu counter: u64\n" + "this is not a declaration\n" * 200,
        }
    )
    assert {each.place.file.name for each in problems if isinstance(each.place, Span)} == {
        "list.opv"
    }


def test_errors_of_all_files_come_in_one_run_each_in_its_file() -> None:
    problems = wrong(
        {
            "main.opv": 'use "list.opv"\nvector v() { add conter, 1 }',
            "list.opv": "percpu counter u64\npercpu total: u65",
        }
    )
    assert [str(each.place) for each in problems] == [
        "list.opv:1:16",
        "list.opv:2:15",
        "main.opv:2:18",
    ]


def test_a_name_that_two_files_define_is_an_error_with_both_places() -> None:
    (problem,) = wrong({"main.opv": 'use "a.opv"\nshared x: u8', "a.opv": "shared x: u64"})
    assert (problem.code, str(problem.place)) == ("OPV011", "main.opv:2:8")
    assert [str(each.place) for each in problem.notes] == ["a.opv:1:8"]


def test_files_that_use_each_other_in_a_long_row_are_refused() -> None:
    files = {f"f{i}.opv": f'use "f{i + 1}.opv"' for i in range(200)}
    assert [each.code for each in wrong(files, "f0.opv")] == ["OPV027"]


def test_real_files_are_read_relative_to_each_other(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "list.opv").write_bytes(b"\xef\xbb\xbfpercpu head: ptr\r\n")
    (tmp_path / "main.opv").write_text('use "lib/list.opv"\nvector v() { memcpy head, =0 }')
    assembly = assemble(read_file(str(tmp_path / "main.opv")))
    assert list(assembly.program.data.symbols) == ["head"]


@pytest.mark.parametrize("content", [b"percpu \xff: u8", b"\xff\xfe\0p\0e"])
def test_a_used_file_that_is_no_text_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list.opv").write_bytes(content)
    (tmp_path / "main.opv").write_text('use "list.opv"\nuse "."')
    with pytest.raises(ParseError) as caught:
        assemble(read_file(str(tmp_path / "main.opv")))
    not_text, folder = caught.value.diagnostics
    assert "line 1 holds the byte 0xff, which is not UTF-8" in not_text.message
    assert "Is a directory" in folder.message


# ---- abi --------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", [each.name for each in REVISIONS])
@pytest.mark.parametrize("model", ["64le", "64be", "32le", "32be"])
def test_a_file_says_its_revision_and_data_model(revision: str, model: str) -> None:
    assert assembled(f"abi {revision} {model}").program.abi == get_abi(revision, model)


def test_what_the_caller_wants_wins_over_the_file() -> None:
    text = "abi 2017-10 32be"
    assert assembled(text, revision="2018-04").program.abi == get_abi("2018-04", "32be")
    assert assembled(text, model="64le").program.abi == get_abi("2017-10", "64le")
    conflict = "abi 2017-10\nabi 2018-04"
    assert assembled(conflict, revision="2017-12").program.abi == get_abi("2017-12")


def test_without_a_word_it_is_the_default() -> None:
    assert assembled("").program.abi == get_abi()
    assert assembled("abi 2018-04").program.abi == get_abi("2018-04")


def test_the_page_size_is_the_caller_s() -> None:
    assembly = assemble(SourceFile("t", "page p: zero[2]"), page_size=16384)
    assert assembly.program.data.symbols["p"].size == 32768


@pytest.mark.parametrize("option", ["revision", "model"])
def test_a_revision_that_the_caller_invents_is_a_value_error(option: str) -> None:
    with pytest.raises(ValueError, match="there are"):
        assembled("", **{option: "2020-01"})


def test_a_used_file_may_choose_but_not_contradict() -> None:
    library = {"a.opv": "abi 2018-04"}
    assert together({"main.opv": 'use "a.opv"', **library}).program.abi == get_abi("2018-04")
    (problem,) = wrong({"main.opv": 'abi 2017-11\nuse "a.opv"', **library})
    assert (problem.code, str(problem.place)) == ("OPV025", "a.opv:1:5")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abi 2017-13", "1:5 OPV024 '2017-13': there is no revision 2017-13"),
        ("abi 2017-11 64", "1:13 OPV024 '64': there is no data model 64"),
        ("abi 2017-11 32le\nabi 2017-11 64le", "2:13 OPV025 '64le': the data model 64le contradicts 32le"),
    ],
)  # fmt: skip
def test_an_unknown_revision_or_data_model_is_an_error(text: str, expected: str) -> None:
    assert errors(text) == [expected]

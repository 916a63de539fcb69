"""The grammar, its compiled tables and their cache; lark itself is the second opinion."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lark import Lark, Token, Tree

from opvasm.abi.layout import OP_BYTES
from opvasm.abi.revisions import REVISIONS
from opvasm.text import grammar
from opvasm.text.compile import compile_tables
from opvasm.text.grammar import grammar_text, load_tables
from opvasm.text.lalr import Mistake, parse
from opvasm.text.tables import Tables

ROOT = Path(__file__).parents[2]
TEXTS = sorted(
    path
    for path in (ROOT / "samples").rglob("*.opv")
    if path.parent.name not in ("malformed", "invalid", "advice")
)


class Shape:
    """Callbacks that make lark's kind of tree: (rule, children), tokens as their text."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda begin, end, *children: (name, *map(_text, children))


def _text(child: Any) -> Any:
    """A token's text; a token is (text, start, end), a part (rule, …)."""
    is_token = isinstance(child, tuple) and len(child) == 3 and isinstance(child[1], int)
    return child[0] if is_token else child


def our_tree(text: str) -> Any:
    mistakes: list[Mistake] = []
    result = parse(load_tables(), "file", text, Shape(), mistakes.append)
    assert not mistakes
    return result.value


def lark_tree(node: Any) -> Any:
    if isinstance(node, Tree):
        return (str(node.data), *map(lark_tree, node.children))
    return None if node is None else str(node)


class LineBreaks:
    """Drops new lines inside parentheses and square brackets, as opvasm.text.lalr does."""

    always_accept = ()

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        depth = 0
        for token in stream:
            depth += (token.type in ("LPAR", "LSQB")) - (token.type in ("RPAR", "RSQB"))
            if not (depth and token.type == "_NEWLINE"):
                yield token


@pytest.fixture(scope="module")
def lark() -> Lark:
    """Lark's own parser of the same grammar.

    A new line where the grammar accepts none is a blank to our loop; to lark, whose lexer knows
    what the grammar accepts, it is one when blanks may hold new lines and matter less.
    """
    text = grammar_text().replace("_NEWLINE: ", "_NEWLINE.5: ")
    text = text.replace(r"BLANK: /[ \t\r\f\v]+/", r"BLANK: /\s+/")
    assert r"BLANK: /\s+/" in text
    assert "_NEWLINE.5" in text
    return Lark(
        text,
        parser="lalr",
        lexer="contextual",
        start="file",
        maybe_placeholders=True,
        postlex=LineBreaks(),
    )


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_our_loop_reads_a_sample_as_lark_does(path: Path, lark: Lark) -> None:
    """Same rules, same tokens, same children: the loop is an implementation of lark's tables."""
    text = path.read_text("utf-8")
    assert our_tree(text) == lark_tree(lark.parse(text))


def test_the_grammar_spells_no_mnemonic_no_type_and_no_field_of_the_header() -> None:
    words = set(re.findall(r'"([a-z][a-z0-9_]*)"', grammar_text()))
    for revision in REVISIONS:
        for operation in revision.operations:
            # `and` joins what a scenario expects, `release` is the order of a section's store;
            # nothing else may be a mnemonic.
            assert words & set(operation.mnemonic.split(".")) <= {"and", "release"}
            fields = {each.name for each in operation.operands}
            if operation.immediate is not None:
                fields.add(operation.immediate.name)
            # `count` is also how many ops a call hands over.
            assert words & fields <= {"count"}
    assert not words & {"u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "ptr"}
    assert OP_BYTES == 32


def test_the_tables_know_no_conflict_between_shifting_and_reducing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Lark resolves such a conflict by a shift, with no more than a remark in its log."""
    from lark import logger

    logger.setLevel("DEBUG")
    try:
        Lark(grammar_text(), parser="lalr", start=["file", "only_expression"], debug=True)
    finally:
        logger.setLevel("CRITICAL")
    assert "Shift/Reduce" not in caplog.text


# ---- the cache --------------------------------------------------------------------------------


def cache_file() -> Path:
    """Where the tables of the grammar as it is now are kept."""
    path = grammar._cache_file(grammar._key(grammar.grammar_text()))
    assert path is not None
    return Path(path)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache of its own, and no tables in memory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_tables.cache_clear()
    yield cache_file()
    load_tables.cache_clear()


@pytest.fixture(scope="module")
def tables() -> Tables:
    return compile_tables(grammar_text())


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch, tables: Tables) -> list[str]:
    """The grammars that were compiled; which takes a second, so they are only counted."""
    from opvasm.text import compile

    texts: list[str] = []

    def counting(text: str) -> Tables:
        texts.append(text)
        return tables

    monkeypatch.setattr(compile, "compile_tables", counting)
    return texts


def test_compiling_again_gives_the_same_tables(tables: Tables) -> None:
    assert compile_tables(grammar_text()) == tables


def load_again() -> Tables:
    load_tables.cache_clear()
    return load_tables()


def test_the_tables_are_compiled_once_and_then_read(cache: Path, compilations: list[str]) -> None:
    first = load_again()
    assert load_again() == first
    assert len(compilations) == 1
    assert cache.stat().st_mode & 0o077 == 0 or cache.parent.stat().st_mode & 0o077 == 0


def test_a_changed_grammar_is_compiled_again(
    cache: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_again()
    changed = grammar_text() + "\n// changed\n"
    monkeypatch.setattr(grammar, "grammar_text", lambda: changed)
    load_again()
    load_again()
    assert compilations == [grammar_text(), changed]


def test_two_grammars_used_in_turn_are_compiled_once_each(
    cache: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two installed versions do not overwrite each other's tables."""
    texts = [grammar_text(), grammar_text() + "\n// of another version\n"]
    for text in texts * 3:
        monkeypatch.setattr(grammar, "grammar_text", lambda text=text: text)
        load_again()
    assert compilations == texts
    assert len(list(cache.parent.iterdir())) == 2


def test_the_tables_of_old_versions_do_not_pile_up(
    cache: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest eight are kept, and of other files in the folder nothing is removed."""
    cache.parent.mkdir()
    other = cache.parent / "notes.bin"
    other.write_text("not ours")
    for number in range(12):
        monkeypatch.setattr(grammar, "grammar_text", lambda number=number: f"// {number}\n")
        load_again()
        os.utime(cache_file(), ns=(number, number))
    assert len(list(cache.parent.glob("tables-*.bin"))) == 8
    assert cache_file().exists()
    assert other.exists()


@pytest.mark.parametrize("keep", [0, 5, 17, 18, 100, -1])
def test_a_cut_off_cache_is_made_again(cache: Path, compilations: list[str], keep: int) -> None:
    expected = load_again()
    cache.write_bytes(cache.read_bytes()[:keep])
    assert load_again() == expected
    assert load_again() == expected
    assert len(compilations) == 2


@pytest.mark.parametrize("position", [0, 13, 16, 30, 5000])
def test_a_cache_with_a_wrong_byte_is_made_again(
    cache: Path, compilations: list[str], position: int
) -> None:
    expected = load_again()
    data = bytearray(cache.read_bytes())
    data[position] ^= 0x40
    cache.write_bytes(data)
    assert load_again() == expected
    assert len(compilations) == 2


def test_a_cache_of_another_lark_is_made_again(
    cache: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_again()
    monkeypatch.setattr(grammar, "_lark_stamp", lambda: ("another", 1, 2))
    load_again()
    assert len(compilations) == 2


@pytest.mark.parametrize("obstacle", ["a file", "a directory in its place", "no home"])
def test_a_cache_that_cannot_be_written_only_costs_time(
    cache: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch, obstacle: str
) -> None:
    if obstacle == "a file":
        cache.parent.write_text("in the way")
    elif obstacle == "a directory in its place":
        cache.mkdir(parents=True)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert load_again() == load_again()
    assert len(compilations) == 2
    assert not list(cache.parent.glob("*.bin.*")) if cache.parent.is_dir() else True


def test_somebody_elses_cache_is_not_read(
    cache: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_again()
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    load_again()
    assert len(compilations) == 2


def test_reading_a_text_with_a_warm_cache_does_not_import_lark() -> None:
    """Importing lark takes longer than all the rest of assembling a small file."""
    program = (
        "import sys; from opvasm.text import parse_expression; parse_expression('1 + 2');"
        "print(sorted({'lark'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program]
    subprocess.run(command, check=True, capture_output=True)
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert again.stdout == "[]\n"


def test_a_missing_grammar_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grammar, "_PLACES", ("/nowhere/opv.lark",))
    with pytest.raises(FileNotFoundError, match=r"/nowhere/opv\.lark"):
        grammar_text()

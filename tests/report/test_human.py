"""Findings as a person reads them: carets under exactly the span, whatever the line holds."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from opvasm.errors import Diagnostic, Note
from opvasm.report.excerpt import WINDOW_COLUMNS, excerpt, printable
from opvasm.report.human import render, render_all, tally
from opvasm.report.style import COLORED
from opvasm.source import BytePlace, SourceFile, Span


def span_of(text: str, part: str) -> Span:
    """The span of a part of a text."""
    start = text.index(part)
    return Span(SourceFile("f.opv", text), start, start + len(part))


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("add haed, 1\n", "haed", ["   1 | add haed, 1", "     |     ^^^^"]),
        ("\tadd haed, 1", "haed", ["   1 |     add haed, 1", "     |         ^^^^"]),
        ("a\tb", "b", ["   1 | a   b", "     |     ^"]),
        ("列 = x", "x", ["   1 | 列 = x", "     |      ^"]),
        ("列", "列", ["   1 | 列", "     | ^^"]),
        ("e\u0301 x", "x", ["   1 | e\u0301 x", "     |   ^"]),
        ("\x1b[2J x", "x", ["   1 | \\x1b[2J x", "     |         ^"]),
        ("a\r\nbc\r\n", "bc", ["   2 | bc", "     | ^^"]),
        ("a\n  b\nc d\n", "b\nc", ["   2 |   b", "     |   ^", "   3 | c d", "     | ^"]),
    ],
)
def test_carets_stand_under_the_span(text: str, part: str, expected: list[str]) -> None:
    """Tabs are expanded, wide letters count twice, combining ones not, control ones are spelt."""
    assert excerpt(span_of(text, part)) == expected


def test_a_place_without_characters_has_one_caret() -> None:
    """The end of a file, also after its last newline."""
    file = SourceFile("f", "ab\n")
    assert excerpt(Span(file, 2, 2)) == ["   1 | ab", "     |   ^"]
    assert excerpt(Span(file, 3, 3)) == ["   2 |", "     | ^"]


def test_a_long_span_shows_its_ends() -> None:
    """The first two lines and the last."""
    text = "a\nb\nc\nd\ne\nf\n"
    lines = excerpt(Span(SourceFile("f", text), 0, len(text) - 1))
    assert [line.partition("|")[0].strip() for line in lines] == ["1", "", "2", "", "...", "6", ""]


def test_a_long_line_is_cut_around_the_span() -> None:
    """No more than a wide screen, with the span inside."""
    text = "x" * 500 + "HERE" + "y" * 500
    line, carets = excerpt(span_of(text, "HERE"))
    assert len(line) <= WINDOW_COLUMNS + 9
    assert line[carets.index("^") : carets.rindex("^") + 1] == "HERE"
    assert line.startswith("   1 | …x")
    assert line.endswith("y…")


@given(st.text(max_size=300), st.data())
def test_any_span_of_any_text_can_be_shown(text: str, data: st.DataObject) -> None:
    """Nothing fails, nothing steers the terminal, carets are there."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    lines = excerpt(Span(SourceFile("f", text), start, end))
    assert all(line.isprintable() or "\u3000" in line or "\u00a0" in line for line in lines)
    assert any("^" in line.partition("|")[2] for line in lines)


def test_a_finding_in_full() -> None:
    """First line, source, notes with their own places, help."""
    text = "one two\nthree\n"
    finding = Diagnostic(
        "error",
        "OPV012",
        "two is wrong",
        span_of(text, "two"),
        (Note("because of this", span_of(text, "three")), Note("and so")),
        "write three",
    )
    assert render(finding).splitlines() == [
        "f.opv:1:5: error[OPV012]: two is wrong",
        "   1 | one two",
        "     |     ^^^",
        "f.opv:2:1: note: because of this",
        "   2 | three",
        "     | ^^^^^",
        "note: and so",
        "help: write three",
    ]


def test_bytes_are_named_by_op_and_field() -> None:
    """Raw input has no lines."""
    place = BytePlace("v.bin", 112, 120, 3, "src")
    finding = Diagnostic("error", "OPV205", "it wraps", place)
    assert render(finding) == "v.bin: op 3, field src, bytes 112..119: error[OPV205]: it wraps"


def test_colours_change_nothing_but_the_colours() -> None:
    """Without its escapes the coloured text is the plain one."""
    finding = Diagnostic("warning", "OPV220", "hm", span_of("one two", "two"), (), "do")
    colored = render(finding, COLORED)
    assert "\x1b[1;33m" in colored
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render(finding)


def test_several_are_told_below_each_other_and_counted() -> None:
    """One line after the other; the tally names what there is."""
    error = Diagnostic("error", "OPV001", "a")
    warning = Diagnostic("warning", "OPV220", "b")
    assert render_all([error, warning]) == "error[OPV001]: a\nwarning[OPV220]: b\n"
    assert tally([error, warning, warning]) == "1 error, 2 warnings"
    assert tally([]) == ""


def test_printable_keeps_what_can_be_shown() -> None:
    """Letters of all scripts stay, controls and lone surrogates are spelt."""
    assert printable("caf\u00e9 列") == "caf\u00e9 列"
    assert printable("\x00\x9b\ud800\U000e0001") == "\\x00\\x9b\\ud800\\U000e0001"

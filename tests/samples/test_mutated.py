"""Samples with words removed, doubled, exchanged: a text is read or refused, never more than that."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, given, settings, strategies as st

from opvasm.abi.layout import DATA_MODELS
from opvasm.assembler import Assembly, assemble
from opvasm.errors import ParseError
from opvasm.report.human import render_all
from opvasm.scenario.runner import run_test
from opvasm.source import SourceFile
from opvasm.verifier.report import verify

SAMPLES = Path(__file__).parents[2] / "samples"
WORD = re.compile(r"[A-Za-z_][\w.]*|\d\w*|->|<<|>>|&&|\|\||[=!<>]=|\s+|.", re.DOTALL)
STRANGE = (
    *("0", "-1", "0xffffffffffffffff", "4097", "20been", "@0x1000", "@", "?", "{", "}", "[", "]"),
    *("(", ")", "ptr<node>", "=5", '="x"', "&", "u64", "i8", "sizeof(node)", "index", "sum(head)"),
    *("/", "%", "~", "!", "unverified", "page", "percpu", "\0", "é", '"', "/*"),
)


@cache
def words_of(path: Path) -> tuple[str, ...]:
    """A sample as words and the spaces between them."""
    return tuple(WORD.findall(path.read_text()))


@cache
def paths() -> list[Path]:
    """The samples whose tests are quick."""
    found = [each for each in SAMPLES.rglob("*.opv") if each.parent.name != "races"]
    return sorted(each for each in found if "repeat" not in words_of(each))


@st.composite
def mutated(draw: st.DrawFn) -> SourceFile:
    """A sample with a few words changed."""
    path = draw(st.sampled_from(paths()))
    words = list(words_of(path))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(words) - 1))
        change = draw(st.sampled_from(("remove", "insert", "replace", "exchange")))
        other = draw(st.sampled_from(STRANGE) | st.sampled_from(words))
        match change:
            case "remove" if len(words) > 1:
                del words[at]
            case "insert":
                words.insert(at, other)
            case "exchange":
                with_at = draw(st.integers(0, len(words) - 1))
                words[at], words[with_at] = words[with_at], words[at]
            case _:
                words[at] = other
    return SourceFile(str(path), "".join(words))


def assembled_or_refused(source: SourceFile, model: str | None) -> Assembly | ParseError:
    """What comes of a text."""
    try:
        return assemble(source, model=model)
    except ParseError as error:
        return error


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(source=mutated(), model=st.none() | st.sampled_from([each.name for each in DATA_MODELS]))
def test_a_mutated_sample_is_run_or_refused_with_findings(
    source: SourceFile, model: str | None
) -> None:
    assembly = assembled_or_refused(source, model)
    if isinstance(assembly, ParseError):
        assert render_all(assembly.diagnostics)
        return
    program = assembly.program
    for vector in program.vectors.values():
        verify(vector, program.abi, data=program.data)
    for test in assembly.tests[:3]:
        result = run_test(program, test)
        assert result.passed == (not render_all(result.findings))

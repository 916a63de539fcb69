"""Wrong scenarios: every finding at once, each with a place and a way to mend it."""

from __future__ import annotations

import pytest

from opvasm.assembler import assemble
from opvasm.codes import all_codes
from opvasm.codes.rseq import CODES as RSEQ_CODES
from opvasm.codes.scenario import CODES
from opvasm.errors import Diagnostic, OpvasmError
from opvasm.explorer.plan.validate import check_scenarios
from opvasm.source import SourceFile, Span
from opvasm.verifier.rseq_rules import findings
from opvasm.verifier.section_rules import section_findings

from .helpers import COUNTER


def found_in(text: str) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with a text."""
    try:
        assembly = assemble(SourceFile("s.opv", text))
    except OpvasmError as error:
        return error.diagnostics
    return check_scenarios(assembly.program, assembly.scenarios, assembly.strategies)


@pytest.mark.parametrize("row", [each for each in CODES if each.example], ids=lambda r: r.code)
def test_the_example_of_a_code_triggers_it_and_nothing_else(row) -> None:  # type: ignore[no-untyped-def]
    found = found_in(row.example)
    assert {each.code for each in found} == {row.code}
    assert all(each.place is not None for each in found)


@pytest.mark.parametrize("row", [each for each in RSEQ_CODES if each.example], ids=lambda r: r.code)
def test_the_example_of_a_section_rule_breaks_it(row) -> None:  # type: ignore[no-untyped-def]
    assembly = assemble(SourceFile("s.opv", row.example))
    broken = {
        each.code
        for vector in assembly.program.vectors.values()
        for each in findings(vector, assembly.program.data)
    }
    for section in assembly.program.sections.values():
        broken |= {each.code for each in section_findings(section, assembly.program.data)}
    assert row.code in broken
    assert all_codes()[row.code] is row


def test_all_findings_come_in_one_run_in_the_order_of_the_text() -> None:
    text = COUNTER + """
scenario s {
    kernel linux
    strategy fast
    environment earthquake
    thread a @0 { run bmp(1); x = load conter }
    thread b @7 { run bump(1, 2) }
    expect good
}
"""
    first = found_in(text)
    assert [each.code for each in first] == ["OPV500", "OPV500"]
    mended = text.replace("earthquake", "preempt").replace("good", "holds")
    names = found_in(mended)
    assert {each.code for each in names} == {"OPV509"}
    mended = mended.replace("linux", "legacy").replace("fast", "opv")
    bodies = found_in(mended)
    assert [each.code for each in bodies] == ["OPV510", "OPV512", "OPV530", "OPV511"]
    assert all(each.help for each in bodies)


def test_a_section_that_the_rules_refuse_is_an_error_with_the_rule_and_the_way_out() -> None:
    text = """percpu counter: u64
vector twice() { add.u64 counter, 1; add.u64 counter, 1 }
strategy s1 = rseq then opv after 2
scenario s {
    strategy s1
    thread a @0 { run twice() }
}
"""
    finding, reread = found_in(text)
    assert (finding.code, reread.code) == ("OPV404", "OPV405")
    assert finding.level == "error"
    assert "(R4)" in finding.message
    assert finding.notes[0].message == "strategy s1 runs it as one here"
    assert found_in(text.replace("after 2", "after 2 { unchecked }")) == ()


@pytest.mark.parametrize(
    ("shape", "ops"),
    [
        ("load_cbne_store", "cmpeq.u64 v, a\n memcpy.u64 v, b"),
        ("load_add_store", "add.u64 v, 1"),
        ("two compares", "cmpeq.u64 v, a\n cmpeq.u64 w, b\n memcpy.u64 v, b"),
        ("try store", "cmpeq.u64 v, a\n memcpy.u64 w, b\n memcpy.u64 v, b"),
        ("try memcpy", "cmpeq.u64 v, a\n memcpy log, text, 32\n memcpy.u64 v, b"),
        ("pop", "cmpeq.u64 v, p\n memcpy.u64 v, p->next"),
        ("barrier before the commit", "cmpeq.u64 v, a\n memcpy.u64 w, b\n mb\n memcpy.u64 v, b"),
    ],
)
def test_the_shapes_of_librseq_are_sections(shape: str, ops: str) -> None:
    """abi.md section 4.3: each pair of rseq_X and cpu_op_X is one vector that may be run both ways."""
    text = f"""struct node {{ next: ptr<node> }}
percpu v: u64
percpu w: u64
percpu log: u8[32]
shared text: u8[32]
vector shape(a: u64, b: u64, p: ptr<node>) {{
 {ops}
}}
"""
    assembly = assemble(SourceFile(shape, text))
    vector = assembly.program.vectors["shape"]
    assert [each for each in findings(vector, assembly.program.data) if each.refuses] == []


def test_a_mistake_of_grammar_is_said_once_where_it_is() -> None:
    (finding,) = found_in("scenario s {\n    thread a { }\n    forall 1 == 1\n}\n")
    assert finding.code == "OPV001"
    assert str(finding.place) == "s.opv:2:14"


def test_why_a_section_has_no_fallback_to_a_vector() -> None:
    """The message names the statement that is no op, and points at it; one that is a vector is called as that."""
    text = (
        "percpu c: u64\npercpu d: u64\nsection odd() { x = load c; exit a if x > 3; commit d, 1 }\n"
        "strategy both = rseq then opv after 2\nscenario s {\n    strategy both\n"
        "    thread a @0 { run odd() { a -> return; aborted -> retry } }\n}\n"
    )
    (found,) = found_in(text)
    assert found.message == (
        "strategy both falls back to cpu_opv, and odd is not a vector: `exit a if x > 3`: a compare asks "
        "only whether bytes are equal"
    )
    (span,) = (each.place for each in found.notes)
    assert isinstance(span, Span)
    assert span.file.text[span.start : span.end] == "exit a if x > 3"
    assert found_in(text.replace("x > 3", "x != 3")) == ()


def test_a_section_that_is_a_vector_of_sixteen_ops_has_no_room_for_the_flag() -> None:
    """Its vector looks at the flag first, as one op more."""
    changes = "; ".join(f"store d[{at}], 1" for at in range(15))
    text = (
        f"percpu c: u64\npercpu d: u64[15]\nsection odd() {{ {changes}; commit c, 1 }}\n"
        "strategy both = rseq then opv after 2 { subscribe eager }\nscenario s {\n    strategy both\n"
        "    thread a @0 { run odd() { aborted -> retry } }\n}\n"
    )
    (found,) = found_in(text)
    assert found.code == "OPV525"
    assert found_in(text.replace("eager", "none")) == ()


def test_a_condition_of_a_cpu_that_does_not_exist_is_refused() -> None:
    """It read memory that is not there, and so was broken in every state; a thread that stores there faults."""
    text = COUNTER + "scenario s {\nthread a @0 { store counter@1, 1 }\nexists counter@1 == 1\n}\n"
    (problem,) = found_in(text)
    assert (problem.code, problem.help) == ("OPV530", "write cpus 2")
    assert not found_in(text.replace("scenario s {", "scenario s {\ncpus 2"))

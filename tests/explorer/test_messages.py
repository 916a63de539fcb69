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

from .helpers import COUNTER, assembled, report


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


@pytest.mark.parametrize(
    ("body", "what", "notes"),
    [
        (
            "x = load c; exit a if x > 3; commit d, x",
            "odd is not a vector: `exit a if x > 3`: a compare asks only whether bytes are equal",
            ["exit a if x > 3"],
        ),
        ("x = load c; exit a if x != 3; commit d, 1", "odd is a section", []),
    ],
)
def test_why_a_section_has_no_fallback_to_a_vector(body: str, what: str, notes: list[str]) -> None:
    """The message names the statement that is no op, and points at it; one that is a vector is said to be one."""
    text = (
        f"percpu c: u64\npercpu d: u64\nsection odd() {{ {body} }}\n"
        "strategy both = rseq then opv after 2\nscenario s {\n    strategy both\n"
        "    thread a @0 { run odd() { a -> return; aborted -> retry } }\n}\n"
    )
    (found,) = found_in(text)
    assert found.message == f"strategy both falls back to cpu_opv, and {what}"
    spans = [each.place for each in found.notes]
    assert [
        each.file.text[each.start : each.end] for each in spans if isinstance(each, Span)
    ] == notes


def test_the_vector_of_the_message_can_be_run_instead() -> None:
    """Written beside the section and run in its place it ends with the same memory, also by the call."""
    declared = "percpu c: u64\npercpu d: u64\nvector odd_vector() { add.u64 c, 1 }\n"
    text = declared + (
        "section odd(n: u64, cpu: u32) { exit moved if cpu_id != cpu; x = load c\n"
        "    exit a if x != n; commit d, 1 }\n"
        "strategy both = rseq then opv after 1\nscenario s {\n"
        "    environment preempt <= 2\n    init { c = START }\n    strategy STRATEGY\n"
        "    thread a @0 { run odd(4, 0) { a, moved -> return; aborted -> retry } }\n"
        "    observe d\n    forall d == (START == 4)\n    expect holds\n}\n"
    )
    (found,) = found_in(text.replace("START", "4").replace("STRATEGY", "both"))
    assert "it is exactly the vector odd_vector_2" in (found.help or "")
    assert "its arm `differs` is the exit a (op 0)" in (found.help or "")
    (note,) = found.notes
    vector = note.message.removeprefix("as a vector it is\n")
    followed = text.replace("run odd(4, 0) { a, moved", "run odd_vector_2(4) { differs")
    for start in ("4", "5"):
        for strategy in ("both", "rseq", "opv"):
            filled = followed.replace("START", start).replace("STRATEGY", strategy)
            assert found_in(f"{vector}\n{filled}") == ()
            assert report(assembled(f"{vector}\n{filled}"), "s").runs[0].verdict == "holds"

"""Sections that load: what the assembler makes of them, what it refuses, and their text."""

from __future__ import annotations

import pytest

from opvasm.assembler import assemble
from opvasm.errors import ParseError
from opvasm.program import Pointer, Program, section as ir
from opvasm.source import SourceFile
from opvasm.text.formatter import formatted
from opvasm.text.program_printer import program_text
from opvasm.text.section_printer import section_text

DATA = """
struct node { next: ptr<node>, value: u32, tags: u16[4] }
percpu head: ptr<node>
percpu counts: u64[4]
percpu small: u8
shared nodes: node[4]
shared raw: u8[64]
"""


def program(text: str) -> Program:
    """The program of the data above and a text."""
    return assemble(SourceFile("s.opv", DATA + text)).program


def only(text: str) -> ir.Section:
    """The one section of a text, without the places of its steps."""
    (section,) = program(text).sections.values()
    return section


def codes(text: str) -> list[str]:
    """The codes of all that is wrong with a text."""
    with pytest.raises(ParseError) as caught:
        program(text)
    return [each.code for each in caught.value.diagnostics]


def first(text: str) -> ir.Step:
    """The first step of a section whose body is the text."""
    return only(f"section s(p: ptr<node>, q: ptr, n: u64, k: u16) {{ {text}\nexit out }}").body[0]


POINTER = Pointer(None, 8)
NODE = Pointer("node", 8)


def test_a_percpu_name_is_the_instance_of_the_cpu_on_which_the_section_began() -> None:
    """The address has no CPU of its own, and the local has the place's type."""
    step = first("x = load head")
    assert isinstance(step, ir.Load)
    assert (step.local, step.type) == ("x", NODE)
    assert step.address == ir.Address("head", 0, None, POINTER)


def test_a_named_cpu_is_a_term_of_the_address() -> None:
    """``@`` takes a value."""
    step = first("x = load counts[1]@(cpu_id + 1)")
    assert isinstance(step, ir.Load)
    cpu = ir.Binary("+", ir.Id("cpu_id"), ir.Constant(1, ir.U32), ir.U32)
    assert step.address == ir.Address("counts", 8, cpu, POINTER)


def test_an_index_that_is_a_value_is_widened_and_multiplied() -> None:
    """The stride is the element's size: 8 bytes; a u16 is filled with zeros."""
    step = first("x = load counts[k]")
    assert isinstance(step, ir.Load)
    index = ir.Convert(ir.Argument("k", ir.U16), ir.U64)
    times = ir.Binary("*", index, ir.Constant(8, ir.U64), ir.U64)
    assert step.address == ir.Binary("+", ir.Address("counts", 0, None, POINTER), times, POINTER)


def test_a_field_is_found_through_a_pointer() -> None:
    """``value`` lies 8 bytes into a node, after its pointer."""
    step = first("x = load p->value")
    assert isinstance(step, ir.Load)
    assert step.type == ir.U32
    assert step.address == ir.Binary("+", ir.Argument("p", NODE), ir.Constant(8, POINTER), POINTER)


@pytest.mark.parametrize(
    "text",
    [
        "x = load small\n commit counts[0], x",  # 8 bits into 64
        "x = load small\n exit a if x == n",
        "x = load small\n exit a if i8(x) < u8(x)",  # two signs
        "x = 5",  # no width
        "commit counts[0], 1 << n",  # no width to shift in
    ],
)
def test_widths_do_not_mix(text: str) -> None:
    """Each is OPV040, and converting mends it."""
    assert codes(f"section s(n: u64) {{ {text}\nexit out }}")[0] == "OPV040"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("OPV041", "store small, 1"),  # no end
        ("OPV041", "commit small, 1; store small, 2"),
        ("OPV041", "exit a; exit b"),
        ("OPV041", "break; exit a"),
        ("OPV041", "loop { store small, 1 }"),
        ("OPV041", "if n == 0 { commit small, 1 }"),  # the other way goes on to the end
        ("OPV042", "if n == 0 { x: u64 = 1 }; commit counts[0], x"),
        ("OPV042", "loop 3 { x: u64 = 1 }; loop 0 { y: u64 = 1 }; commit counts[0], y"),
        ("OPV043", "x = load small; x = load counts[0]; exit a"),
        ("OPV043", "n = 5; exit a"),
        ("OPV043", "cpu_id: u32 = 5; exit a"),
        ("OPV045", "exit ok"),
        ("OPV046", "commit counts[0], n / 3"),
        ("OPV010", "commit counts[0], m"),
        ("OPV015", "commit counts[0], counts[1]"),  # memory without load
        ("OPV015", "x = load n; exit a"),
        ("OPV017", "x = load n->next; exit a"),  # n is a number
        ("OPV017", "x = load counts[0].first; exit a"),
        ("OPV018", "x = load counts[4]; exit a"),
        ("OPV019", "commit small, 256"),
        ("OPV019", "commit counts[0], n << 64"),
        ("OPV020", "x = load [n]; exit a"),
        ("OPV020", "x = load nodes[0]; exit a"),
    ],
)
def test_what_has_no_meaning_is_refused(code: str, text: str) -> None:
    """One error, of the code that says why."""
    assert codes(f"section s(n: u64) {{ {text} }}") == [code]


def test_a_local_that_every_way_sets_may_be_read() -> None:
    """Both branches set it; a branch that leaves need not."""
    only(
        "section s(n: u64) { if n == 0 { x: u64 = 1 } else { x = 2 }\n"
        "if n == 1 { exit a } else { y: u64 = 1 }\n"
        "loop { z: u64 = 1; break if n == 2 }\n commit counts[0], x + y + z }"
    )


def test_a_result_is_a_local() -> None:
    """A name after ``->`` that no step sets is an error."""
    assert codes("section s() -> item { exit out }") == ["OPV010"]


def test_sections_and_vectors_share_their_names() -> None:
    """A run names one thing."""
    assert codes("vector s() { mb }\nsection s() { exit out }") == ["OPV011"]


def test_arms_name_the_exits_of_the_section() -> None:
    """``empty`` is one here, ``full`` is not; of a vector neither is."""
    text = "section s() { exit empty if cpu_id == 0; commit small, 1 }\n"
    run = "scenario t { thread a @0 { run s() { %s -> return } }\nexpect holds }"
    program(text + run % "ok, empty, aborted")
    assert codes(text + run % "full") == ["OPV044"]
    assert codes(text + run % "differs") == ["OPV044"]
    assert codes("vector s() { mb }\n" + run % "empty") == ["OPV500"]


def test_a_run_takes_as_many_values_as_the_section_gives() -> None:
    """One name for one result."""
    text = "section s() -> x { x = load counts[0]; exit out }\n"
    program(text + "scenario t { thread a @0 { y = run s() }\nexpect holds }")
    assert codes(text + "scenario t { thread a @0 { y, z = run s() }\nexpect holds }") == ["OPV044"]


EVERYTHING = """
section every(p: ptr<node>, q: ptr, n: u64, k: u16, s: i32) -> item, old {
    item = load p->next
    a = load [q].u16, acquire
    b: u64 = load [q - 8].u64
    c = load counts[k]@cpu_id
    d = load nodes[n].tags[k]
    e = load item->tags[3]
    f: i64 = load counts[2]
    g: u64 = 5
    g = 6
    h = choose(n == 0, n, g) + u64(i64(s)) - (n - (g - 1))
    i = n & 1 == 0 && !(a != 0) || n > 7
    j = ~n ^ -g | n << (g & 7)
    k2 = f >> 3 < 0
    l: u128 = load [q + (n << 4)].u128
    store [q].u128, l
    store small, u8(n) + 1
    store counts[3] ^= h
    store p->tags[1], a, release
    old = cmpxchg counts[0], b, c
    cmpxchg counts[1]@2, 1, 2
    old2 = xchg counts[0], b
    fetch_add counts[1]@2, 1
    old3 = fetch_xor [q].u16, 7
    copy [&raw + 8], [q], u64(k)
    barrier
    syscall
    syscall switches
    w = cpu_id_start + node_id ^ mm_cid
    r: ptr<node> = ptr(n)
    if k2 != 0 && d == e && j != h {
        store r->value, w
    } else {
        exit odd if i != 0
    }
    loop 4 {
        break if g == 0
        g = g - 1
    }
    loop {
        if g == 0 {
            break
        }
        exit stuck
    }
    commit counts[1] <<= 3, release
    exit late if g == 1
}
"""


def test_a_section_s_text_gives_the_same_section() -> None:
    """Assembling what is printed gives equal steps, but for where they stand."""
    made = program(EVERYTHING)
    again = assemble(SourceFile("again.opv", program_text(made))).program
    assert _without_places(again.sections["every"].body) == _without_places(
        made.sections["every"].body
    )
    assert again.sections["every"].results == ("item", "old")


def _without_places(body: tuple[ir.Step, ...]) -> list[object]:
    return [step._replace(place=None, **_inner(step)) for step in body]


def _inner(step: ir.Step) -> dict[str, object]:
    match step:
        case ir.If(then=then, otherwise=otherwise):
            return {
                "then": tuple(_without_places(then)),
                "otherwise": tuple(_without_places(otherwise)),
            }
        case ir.Loop(body=body):
            return {"body": tuple(_without_places(body))}
        case _:
            return {}


def test_the_text_uses_names_where_types_lead_to_them() -> None:
    """Fields, elements and CPUs are written as a person would write them."""
    text = section_text(program(EVERYTHING).sections["every"], program(EVERYTHING).data)
    for line in (
        "item = load p->next",
        "c = load counts[k]@cpu_id",
        "d = load nodes[n].tags[k]",
        "e = load item->tags[3]",
        "b = load [q - 8].u64",
        "commit counts[1] <<= 3, release",
    ):
        assert f"    {line}\n" in text


def test_a_remark_stands_after_its_step() -> None:
    """The lifter puts the address of the instruction there."""
    section = only("section s() { exit out }")
    marked = section._replace(body=(section.body[0]._replace(remark="0x4010"),))
    assert section_text(marked).splitlines()[1] == "    exit out  // 0x4010"


def test_the_formatter_leaves_the_meaning_and_is_done_after_one_run() -> None:
    """``+=`` stands together, blanks are as elsewhere."""
    ugly = DATA + "section s( n:u64 ){store counts[0]+=n\ncommit   small<<=3}\n"
    text = formatted(SourceFile("s.opv", ugly))
    assert "section s(n: u64) { store counts[0] += n\n" in text
    assert "commit small <<= 3" in text
    assert formatted(SourceFile("s.opv", text)) == text
    assert formatted(SourceFile("e.opv", DATA.lstrip() + EVERYTHING)).endswith(EVERYTHING)

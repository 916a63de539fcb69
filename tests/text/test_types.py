"""Types, constants and the layout of data; C's own layout (ctypes) is the second opinion."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
from hypothesis import given, strategies as st

from opvasm.abi.pages import PageKind
from opvasm.program import Area, Array, Pointer, Scalar, Struct, SymbolAddress, Type
from opvasm.text.names import type_text

from .checking import assembled, errors

C_TYPES: dict[str, Any] = {
    **{f"u{8 * size}": getattr(ctypes, f"c_uint{8 * size}") for size in (1, 2, 4, 8)},
    **{f"i{8 * size}": getattr(ctypes, f"c_int{8 * size}") for size in (1, 2, 4, 8)},
    "ptr": ctypes.c_uint64,
}


def type_of(text: str, declarations: str = "", **options: str) -> Type:
    """The type of a variable that is declared with a type."""
    found = assembled(f"{declarations}\nshared x: {text}\n", **options)
    type = found.program.data.symbols["x"].type
    assert type is not None
    return type


@pytest.mark.parametrize(("name", "size"), [("8", 1), ("16", 2), ("32", 4), ("64", 8)])
def test_numbers_have_the_size_of_their_name(name: str, size: int) -> None:
    assert type_of(f"u{name}") == Scalar(f"u{name}", size, signed=False)
    assert type_of(f"i{name}") == Scalar(f"i{name}", size, signed=True)


@pytest.mark.parametrize(("model", "word"), [("64le", 8), ("64be", 8), ("32le", 4), ("32be", 4)])
def test_a_pointer_is_a_word_of_the_data_model(model: str, word: int) -> None:
    assert type_of("ptr", model=model) == Pointer(None, word)
    assert type_of("ptr<u8>", model=model) == Pointer("u8", word)


@pytest.mark.parametrize(
    "text",
    ["u64[4]", "u8[2][3]", "ptr<u64>", "ptr<ptr<u64>>", "ptr<ptr<ptr<u8>>>", "ptr<u8[4]>[2]"],
)
def test_a_type_prints_as_it_is_written(text: str) -> None:
    assert type_text(type_of(text)) == text


def test_blanks_in_a_type_mean_nothing() -> None:
    assert type_of("ptr < ptr < u8 > > [ 2 ]") == type_of("ptr<ptr<u8>>[2]")


def test_an_array_of_arrays_is_so_many_of_the_inner_ones() -> None:
    outer = type_of("u16[2][3]")
    assert isinstance(outer, Array)
    assert (outer.count, outer.size) == (2, 12)
    assert isinstance(outer.element, Array)
    assert (outer.element.count, outer.element.size) == (3, 6)


def test_a_struct_may_point_to_itself_and_to_later_ones() -> None:
    struct = type_of(
        "node", "struct node { next: ptr<node>, other: ptr<later> }\nstruct later { a: u8 }"
    )
    assert isinstance(struct, Struct)
    assert [each.offset for each in struct.members] == [0, 8]


def test_constants_and_structs_may_be_used_above_their_definition() -> None:
    data = assembled(
        "shared x: node[N]\nconst N = M * 2\nconst M = sizeof(node)\nstruct node { a: u16 }"
    )
    assert data.program.data.constants == {"N": 4, "M": 2}
    assert data.program.data.symbols["x"].size == 8


MEMBERS = st.lists(
    st.tuples(st.sampled_from(sorted(C_TYPES)), st.sampled_from([None, 1, 3, 5])),
    min_size=1,
    max_size=8,
)


@given(st.lists(MEMBERS, min_size=1, max_size=4), st.integers(1, 3))
def test_structs_are_laid_out_as_c_lays_them_out(structs: list[Any], count: int) -> None:
    """Offsets, sizes and alignment, with arrays and with structs in structs."""
    text, last_name = "", ""
    last_c: Any = None
    for number, members in enumerate(structs):
        fields: list[tuple[str, Any]] = []
        lines = []
        for index, (name, length) in enumerate(members):
            c_type = C_TYPES[name] * length if length else C_TYPES[name]
            fields.append((f"m{index}", c_type))
            lines.append(f"m{index}: {name}" + (f"[{length}]" if length else ""))
        if last_c is not None:
            fields.insert(1, ("inner", last_c * count))
            lines.insert(1, f"inner: {last_name}[{count}]")
        last_c = type("C", (ctypes.Structure,), {"_fields_": fields})
        last_name = f"s{number}"
        text += f"struct {last_name} {{ {', '.join(lines)} }}\n"
    assert last_c is not None
    struct = type_of(last_name, text)
    assert isinstance(struct, Struct)
    assert struct.size == ctypes.sizeof(last_c)
    assert struct.alignment == ctypes.alignment(last_c)
    assert [(each.name, each.offset) for each in struct.members] == [
        (name, getattr(last_c, name).offset) for name, _ in last_c._fields_
    ]
    names = [each.name for each in struct.members]
    checks = " && ".join(
        f"offsetof({last_name}, {name}) == {getattr(last_c, name).offset}" for name in names
    )
    constants = assembled(
        f"{text}const OK = {checks}\nconst SIZE = sizeof({last_name})"
    ).program.data
    assert constants.constants == {"OK": 1, "SIZE": ctypes.sizeof(last_c)}


def test_sizeof_knows_types_variables_their_parts_and_pages() -> None:
    text = """\
        struct node { next: ptr, value: u64 }
        shared nodes: node[4][2]
        page gone: unmapped[2]
        const A = sizeof(u16)
        const B = sizeof(ptr<node>[3])
        const C = sizeof(nodes)
        const D = sizeof(nodes[0])
        const E = sizeof(nodes[0][0])
        const F = sizeof(gone)
        """
    assert list(assembled(text).program.data.constants.values()) == [2, 24, 128, 32, 16, 8192]


def test_offsetof_follows_a_path_of_fields() -> None:
    text = "struct a { x: u8, y: u32 }\nstruct b { p: u64, q: a }\nconst N = offsetof(b, q.y)"
    assert assembled(text).program.data.constants["N"] == 12


def test_variables_lie_in_their_areas_in_order_each_aligned() -> None:
    symbols = assembled("""\
        percpu a: u8
        percpu b: u32
        shared c: u8[3]
        percpu d: u64
        page   e: unmapped
        shared f: ptr
        page   g: readonly[2]
        """).program.data.symbols
    placed = {name: (each.area, each.offset, each.size) for name, each in symbols.items()}
    assert placed == {
        "a": (Area.PERCPU, 0, 1),
        "b": (Area.PERCPU, 4, 4),
        "c": (Area.SHARED, 0, 3),
        "d": (Area.PERCPU, 8, 8),
        "e": (Area.PAGE, 0, 4096),
        "f": (Area.SHARED, 8, 8),
        "g": (Area.PAGE, 4096, 8192),
    }
    assert symbols["e"].page_kind is PageKind.UNMAPPED
    assert symbols["g"].page_kind is PageKind.READONLY
    assert str(symbols["d"].place) == "t.opv:4:8"


@pytest.mark.parametrize("kind", list(PageKind))
def test_every_kind_of_page_can_be_declared(kind: PageKind) -> None:
    assert assembled(f"page p: {kind.value}").program.data.symbols["p"].page_kind is kind


@pytest.mark.parametrize(
    ("declaration", "pieces"),
    [
        ("x: u64 = 5", ((0, 8, 5),)),
        ("x: u64 = 0", ()),
        ("x: i8 = -128", ((0, 1, -128),)),
        ("x: u16 = 'a' << 8", ((0, 2, 0x6100),)),
        ("x: u32[3] = { 1, 0, 3 }", ((0, 4, 1), (8, 4, 3))),
        ("x: u32[3] = { 1, }", ((0, 4, 1),)),
        ("x: u8[4] = {}", ()),
        ("x: u8[2][2] = { { 1, 2 }, { 3 } }", ((0, 1, 1), (1, 1, 2), (2, 1, 3))),
        ('x: u8[4] = "ab"', ((0, 1, 97), (1, 1, 98))),
        ('x: u8[3] = "\\0\\x41\\n"', ((1, 1, 65), (2, 1, 10))),
        ('x: u8[2] = "ä"', ((0, 1, 0xC3), (1, 1, 0xA4))),
        ("x: pair = { 1, 2 }", ((0, 1, 1), (4, 4, 2))),
        ("x: pair = { .b = 2 }", ((4, 4, 2),)),
        ("x: pair = { .b = 2, .a = 1 }", ((4, 4, 2), (0, 1, 1))),
        ("x: pair[2] = { { 1 }, { .b = 4 } }", ((0, 1, 1), (12, 4, 4))),
        ("x: ptr = &y", ((0, 8, SymbolAddress("y")),)),
        ("x: ptr = &y[2] + 1", ((0, 8, SymbolAddress("y", 9)),)),
        ("x: u64 = &z@1", ((0, 8, SymbolAddress("z", 0, 1)),)),
        ("x: ptr<u8> = 0x1000", ((0, 8, 0x1000),)),
    ],
)
def test_an_initial_value_names_the_bytes_that_are_not_zero(
    declaration: str, pieces: tuple[tuple[int, int, Any], ...]
) -> None:
    text = f"struct pair {{ a: u8, b: u32 }}\nshared y: u32[4]\npercpu z: u8\nshared {declaration}"
    assert assembled(text).program.data.symbols["x"].initial == pieces


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shared x: u8 = 256", "1:16 OPV019 '256': 256 does not fit into u8"),
        ("shared x: u8 = -1", "1:16 OPV019 '-1': -1 does not fit into u8"),
        ("shared x: i8 = 128", "1:16 OPV019 '128': 128 does not fit into i8"),
        (
            "shared x: u64 = 1 << 64",
            "1:17 OPV019 '1 << 64': 0x10000000000000000 does not fit into u64",
        ),
        (
            "shared x: u32 = &x",
            "1:17 OPV019 '&x': an address has 8 bytes and does not fit into u32",
        ),
        ('shared x: u8[2] = "abc"', "1:19 OPV019 '\"abc\"': a text of 3 bytes does not fit"),
        ("shared x: u8 = { 1 }", "1:16 OPV032 '{ 1 }': a value of type u8 is written as a number"),
        (
            "shared x: u8[2] = 1",
            "1:19 OPV032 '1': a value of type u8[2] is written as { … } with its elements or \"text\"",
        ),
        ('shared x: u16[2] = "a"', None),
        ("shared x: u8[2] = { 1, 2, 3 }", "1:27 OPV032 '3': u8[2] has only 2 elements"),
        (
            "struct s { a: u8 }\nshared x: s = { .b = 1 }",
            "2:17 OPV017 '.b = 1': struct s has no field `b`",
        ),
        ("struct s { a: u8 }\nshared x: s = { 1, .a = 1 }", None),
        ("shared x: u8 = y", "1:16 OPV010 'y': the name `y` is unknown"),
        (
            "shared y: u8\nshared x: u8 = y",
            "2:16 OPV022 'y': `y` is a variable, where a constant must stand",
        ),
        ("shared x: u8[0]", "1:14 OPV033 '0': an array of 0 elements"),
        ("shared x: u8[-1]", "1:14 OPV033 '-1': an array of -1 elements"),
        ("shared x: u8[1 << 40]", None),
        ("shared x: u64[1 << 24][1 << 24]", None),
        (
            "shared x: u8[128 << 20]\nshared y: u8",
            "2:8 OPV033 'y': with `y` the shared data is larger than 128 MiB",
        ),
        ("percpu x: u8[(16 << 20) + 1]", None),
        ("page x: unmapped[0]", "1:18 OPV033 '0': 0 pages: none, or too many"),
        ("struct s { }", "1:8 OPV033 's': a struct needs a member"),
        ("shared x: u8<u8>", "1:11 OPV016 'u8<u8>': `u8` takes no type in `<>`"),
        ("shared x: ptr<nod>", "1:15 OPV016 'nod': the type `nod` is unknown"),
        ("struct u8 { a: u8 }", "1:8 OPV011 'u8': `u8` is a type already"),
        ("struct s { a: s[2] }", "1:15 OPV034 's': `struct s` is defined by itself"),
        ("const A = B\nconst B = A", "2:11 OPV034 'A': `A` is defined by itself"),
        ("const A = sizeof(s)\nstruct s { a: u8[A] }", "2:18 OPV034 'A': `A` is defined by itself"),
        ("const A = offsetof(s, b)\nstruct s { a: u8 }", None),
        ("const A = offsetof(nod, b)", "1:20 OPV016 'nod': the type `nod` is unknown"),
        ("shared x: u8\nconst A = sizeof(x[0])", "2:18 OPV017 'x[0]': `u8` is not an array"),
        ("shared x: u8[2]\nconst A = sizeof(x[y])", "2:20 OPV010 'y': the name `y` is unknown"),
        ("struct s { a: u8[100 << 20], b: u8[100 << 20] }", None),
        ("page p: zero[x]", "1:14 OPV010 'x': the name `x` is unknown"),
        ("const A = 1 % 0", "1:11 OPV023 '1 % 0': division by zero"),
        ("page p: unmaped", "1:9 OPV035 'unmaped': the kind of page `unmaped` is unknown"),
        ("shared x: u8\npercpu x: u8", "2:8 OPV011 'x': `x` is defined twice"),
        ("const x = 1\npage x: zero", "2:6 OPV011 'x': `x` is defined twice"),
    ],
)
def test_wrong_data_is_one_error_at_its_place(text: str, expected: str | None) -> None:
    (found,) = errors(text)
    if expected is not None:
        assert found == expected


def test_a_type_and_a_variable_and_a_vector_may_have_one_name() -> None:
    assembled("struct node { a: u8 }\nshared node: node\nvector node() { mb }")


def test_an_unknown_type_does_not_cause_more_errors() -> None:
    text = """\
        struct node { next: ptr<nod>, value: u65 }
        shared first: node
        vector v(p: ptr<nod>, q: u65) { memcpy first.value, p->x; add q, q; memcpy.u64 [q], first.value }
        test "t" { first.value = 1; assert first.value == 1 && first.next->x }
        """
    assert [each.split(" ")[1:3] for each in errors(text)] == [
        ["OPV016", "'nod':"],
        ["OPV016", "'u65':"],
        ["OPV016", "'nod':"],
        ["OPV016", "'u65':"],
    ]

"""What the answers say of a text, whichever editor asks; expected values are read off the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.lsp.answers.actions import actions, all_fixes
from opvasm.lsp.answers.colors import colors
from opvasm.lsp.answers.completion import completion
from opvasm.lsp.answers.findings import findings
from opvasm.lsp.answers.hints import hints
from opvasm.lsp.answers.hover import hover
from opvasm.lsp.answers.layout import layout
from opvasm.lsp.answers.navigation import (
    Refusal,
    Renaming,
    definition,
    highlights,
    references,
    rename,
)
from opvasm.lsp.answers.outline import folds, outline, ranges_at
from opvasm.lsp.answers.running import exploration_of, run_of
from opvasm.lsp.answers.signature import signature
from opvasm.lsp.document import Document
from opvasm.text.formatter import formatted

from .test_pieces import SAMPLES
from .texts import LIST, at, document, in_list

VALID = [path for path in SAMPLES if path.parent.name not in ("malformed", "invalid")]


def applied(text: str, changes: object) -> str:
    """A text with some changes made."""
    for start, end, new in sorted(changes, reverse=True):  # type: ignore[call-overload]
        text = text[:start] + new + text[end:]
    return text


def word(text: str, of: str, at: int = 0) -> int:
    """The offset of a word's place after as many others."""
    offset = -1
    for _ in range(at + 1):
        offset = of.index(text, offset + 1)
    return offset


# ---- findings -------------------------------------------------------------------------------------


def test_findings_are_those_of_verify_and_of_explore() -> None:
    """A text without mistakes has none, and its scenarios were checked."""
    found = findings(document(LIST))
    assert found.found == ()
    assert found.complete


@pytest.mark.parametrize(
    ("line", "code", "marked"),
    [
        ("    memcpi  head, node", "OPV012", "memcpi"),
        ("    memcpy  hed, node", "OPV010", "hed"),
        ("    memcpy  node->nxt, expect", "OPV017", "nxt"),
        ("    memcpy  head node", "OPV001", "node"),
    ],
)
def test_a_mistake_is_found_at_its_words(line: str, code: str, marked: str) -> None:
    """The finding has the code of the command line, and marks what is wrong."""
    text = LIST.replace("    memcpy  head, node\n", f"    memcpy  head, node\n{line}\n")
    doc = document(text)
    (found,) = findings(doc).found
    assert found.code == code
    assert text[found.start : found.end] == marked
    assert found.start > text.index("vector push")


def test_other_vectors_are_verified_beside_a_mistake() -> None:
    """The kernel's rules hold for a vector though another one has a mistake."""
    text = "percpu x: u64[9]\nvector a() { memcpy x }\nvector b() { memcpy [&x + 1], [&x], 9000 }\n"
    codes = [each.code for each in findings(document(text)).found]
    assert "OPV203" in codes or any(code.startswith("OPV2") for code in codes)
    assert any(code.startswith("OPV0") for code in codes)


def test_findings_of_scenarios_stand_while_something_else_is_wrong() -> None:
    """While a vector is half written nobody can check a scenario; what was found before stays."""
    wrong = LIST.replace("kernel legacy", "").replace("    cpus 1\n", "    cpus 1\n    kernel v2\n")
    before_document = document(wrong)
    before = findings(before_document)
    assert [each.code for each in before.found] == ["OPV552"]
    half = wrong.replace("    memcpy  head, node\n", "    memcpy  head,\n")
    now = findings(Document("list.opv", half, before=before_document), before)
    assert not now.complete
    assert "OPV552" in [each.code for each in now.found]


def test_an_error_in_a_used_file_is_shown_at_its_use(tmp_path: Path) -> None:
    """The file that is open says that what it uses is wrong, and where."""
    library = document("vector v() { nothing }\n", str(tmp_path / "library.opv"))
    text = 'use "library.opv"\npercpu x: u64\n'
    doc = Document(str(tmp_path / "main.opv"), text, lambda path: library)
    (found,) = findings(doc).found
    assert text[found.start : found.end] == '"library.opv"'
    place = found.related[0].place
    assert place is not None
    assert place.document is library
    assert library.text[place.start : place.end] == "nothing"


# ---- fixes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("memcpi", "memcpy"), ("hed,", "head,"), ("node->nxt", "node->next")],
)
def test_the_name_that_was_meant_is_offered(wrong: str, right: str) -> None:
    """A quick fix writes the name that `did you mean` speaks of, and then nothing is wrong."""
    line = {"memcpi": "memcpi  head, node", "hed,": "memcpy  hed, node"}.get(
        wrong, "memcpy  node->nxt, expect"
    )
    text = LIST.replace("    memcpy  head, node\n", f"    {line}\n")
    doc = document(text)
    (action,) = actions(doc, findings(doc).found)
    mended = applied(text, action.changes)
    assert right in mended
    assert "OPV0" not in str(findings(document(mended)).found)


def test_an_older_kernel_name_is_replaced_where_it_stands() -> None:
    """The finding marks the whole scenario; the fix changes one word of it."""
    text = LIST.replace("    cpus 1\n", "    cpus 1\n    kernel v2\n")
    doc = document(text)
    (action,) = actions(doc, findings(doc).found)
    assert applied(text, action.changes) == text.replace("kernel v2", "kernel v7_x86_size33")


def test_the_fixes_of_verify_are_made() -> None:
    """What ``verify --fix`` would change is one action, and all of them another."""
    text = "percpu x: u64\nvector v() { cmpeq x, =0; memcpy x, =1; mb; mb }\n"
    doc = document(text)
    found = findings(doc).found
    certain = [each for each in actions(doc, found) if each.is_certain]
    changes = all_fixes(found)
    assert bool(certain) == bool(changes)


# ---- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", VALID, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_name_of_a_sample_is_understood(path: Path) -> None:
    """Each name has its own characters, an explanation, and a declaration where it has one."""

    def files(name: str) -> Document:
        return Document(name, Path(name).read_text(), files)

    doc = files(str(path))
    for placed, each in doc.names():
        start = placed.start + each.start
        assert doc.text[start : start + len(each.name)] == each.name
        if each.kind not in ("test", "file"):
            assert hover(doc, start) is not None, each
        if each.kind in ("value", "struct", "field", "code", "parameter", "local", "thread"):
            assert definition(doc, start), each


def test_hover_says_what_an_op_becomes() -> None:
    """The op's meaning and number, its operands, and its 32 bytes as the header has them."""
    found = hover(document(LIST), word("cmpeq", LIST))
    assert found is not None
    assert "CPU_COMPARE_EQ_OP" in found.text
    assert "op 0 of push, number 0, 8 bytes" in found.text
    # op 0, len 8; then the address of head on CPU 0, which the default layout puts first.
    assert "00000000 08000000 00000000 007f0000" in found.text


def test_hover_says_the_value_of_a_constant_and_the_place_of_a_variable() -> None:
    """Numbers that nobody wants to work out: sizes, offsets, addresses."""
    doc = document(LIST)
    text = {name: hover(doc, word(name, LIST)) for name in ("COUNT", "nodes", "value")}
    assert all(each is not None for each in text.values())
    assert "= 4" in text["COUNT"].text  # type: ignore[union-attr]
    assert "64 bytes (node[4]) at offset 0 of shared" in text["nodes"].text  # type: ignore[union-attr]
    assert "8 bytes at offset 8" in text["value"].text  # type: ignore[union-attr]


def test_hover_shows_the_comment_above_a_declaration() -> None:
    """What the author wrote of a vector is shown where it is run."""
    found = hover(document(LIST), LIST.index("push(&nodes[0], 0)"))
    assert found is not None
    assert "Puts a node in front." in found.text
    assert "3 of 16 ops" in found.text


def test_a_parameter_and_a_variable_of_one_name_are_two() -> None:
    """References of a parameter stay in its vector."""
    text = "percpu x: u64\nvector a(x: u64) { memcpy [&x], x }\nvector b() { add x, 1 }\n"
    doc = document(text)
    inside = references(doc, text.index("x: u64) {"))
    outside = references(doc, text.index("x: u64"))
    assert [text[each.start - 1] for each in inside] == ["(", "&", " "]
    assert [each.start for each in outside] == [text.index("x: u64"), text.index("x, 1")]


def test_a_field_is_found_through_pointers_and_elements() -> None:
    """``node->next`` and ``nodes[0].next`` are the field of the struct."""
    doc = document(LIST)
    found = references(doc, LIST.index("next"))
    assert [LIST[each.start - 2 : each.end] for each in found] == ["{ next", "->next", "].next"]


def test_names_go_across_files(tmp_path: Path) -> None:
    """Definition, references and rename reach the file that is used, and those that use it."""
    library = document("percpu head: u64\nvector bump() { add head, 1 }\n", "/x/library.opv")
    text = 'use "library.opv"\ntest "t" { run bump() -> 0; assert head == 1 }\n'
    main = Document("/x/main.opv", text, lambda path: library)
    (place,) = definition(main, text.index("head"))
    assert (place.document, place.start) == (library, 7)
    found = rename(library, 7, "top", (main,))
    assert isinstance(found, Renaming)
    assert sorted((each.document.name, each.start) for each in found.places) == [
        ("/x/library.opv", 7),
        ("/x/library.opv", library.text.index("head", 10)),
        ("/x/main.opv", text.index("head")),
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nodes", "declared already"),
        ("expect", "declared already"),
        ("9lives", "is not a name"),
        ("vector", "begins a declaration"),
    ],
)
def test_a_name_that_would_be_another_is_refused(name: str, reason: str) -> None:
    """No rename changes what a text means."""
    found = rename(document(LIST), LIST.index("head"), name)
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_a_renamed_text_means_the_same() -> None:
    """Every declared name of the text renamed: its test still passes, its scenario still holds."""
    text = LIST
    for name in ("node {", "COUNT", "head", "nodes", "push(", "expect:", "next", "old", "patient"):
        doc = document(text)
        bare = name.rstrip("({: ")
        found = rename(doc, text.index(name), f"{bare}_2")
        assert isinstance(found, Renaming), found
        text = applied(text, [(each.start, each.end, found.text) for each in found.places])
        result = run_of(document(text), "push")
        assert result is not None, name
        assert result.good, (name, text)
    explored = exploration_of(document(text), "pushes")
    assert explored is not None
    assert explored.good


def test_words_of_the_language_are_not_renamed() -> None:
    """An op or a type has no declaration to change."""
    assert isinstance(rename(document(LIST), LIST.index("cmpeq"), "x"), Refusal)
    assert isinstance(rename(document(LIST), LIST.index("u64"), "x"), Refusal)


def test_highlights_tell_what_declares() -> None:
    """The places of a name in the text, with the one that declares it."""
    found = highlights(document(LIST), LIST.index("patient"))
    assert [declares for _, _, declares in found] == [True, False]


# ---- completion and signatures --------------------------------------------------------------------

_STEP = "thread c @0 { %s }"


@pytest.mark.parametrize(
    ("line", "where", "wanted", "not_wanted"),
    [
        ("    ¦", None, {"cmpeq", "memcpy", "add", "mb"}, {"head", "run", "memcpy.release"}),
        ("    memcpy ¦", None, {"head", "nodes", "node", "expect"}, {"cmpeq", "push", "sum"}),
        ("    memcpy node->¦, expect", None, {"next", "value"}, {"head", "node"}),
        ("    memcpy nodes[1].¦", None, {"next", "value"}, {"head"}),
        ("    add.¦ head, 1", None, {"u8", "u16", "u32", "u64", "ptr"}, {"head"}),
        ("    run ¦", "    cpu 1\n", {"push"}, {"head"}),
        ("    run push(0, 0) -> ¦", "    cpu 1\n", {"0", "1", "EAGAIN"}, {"aborted"}),
        ("    ¦", "    cpu 1\n", {"run", "assert", "fill", "head"}, {"thread", "cmpeq"}),
        ("    kernel ¦", "    cpus 1\n", {"legacy", "v7_x86_size33"}, {"rseq"}),
        ("    strategy ¦", "    cpus 1\n", {"patient", "rseq", "opv", "lock"}, {"legacy"}),
        ("    environment ¦", "    cpus 1\n", {"preempt", "migrate"}, {"legacy"}),
        ("    expect ¦", "    cpus 1\n", {"holds", "fails", "livelock"}, {"preempt"}),
        ("    progress ¦", "    cpus 1\n", {"finishes", "lock_free"}, {"head"}),
        ("    forall ¦", "    cpus 1\n", {"sum", "length", "head"}, {"cmpeq"}),
        ("    ¦", "    cpus 1\n", {"thread", "expect", "environment"}, {"cmpeq", "head"}),
        (_STEP % "run ¦", "    cpus 1\n", {"push"}, {"head"}),
        (_STEP % "x = load ¦", "    cpus 1\n", {"head"}, {"push"}),
        (_STEP % "n = load head; x = load n->¦", "    cpus 1\n", {"next", "value"}, {"head"}),
        (_STEP % "run push(0, 0) { ¦ }", "    cpus 1\n", {"aborted", "differs"}, {"retry"}),
        (_STEP % "run push(0, 0) { ok -> ¦ }", "    cpus 1\n", {"retry", "fail"}, {"aborted"}),
        (_STEP % "own mine: ¦", "    cpus 1\n", {"u64", "ptr", "node"}, {"head"}),
    ],
)
def test_what_fits_is_offered(
    line: str, where: str | None, wanted: set[str], not_wanted: set[str]
) -> None:
    """At an unfinished line, the names and words that may stand there, and no others."""
    doc, offset = in_list(line, where or "    memcpy  head, node\n")
    labels = {each.label for each in completion(doc, offset)}
    assert wanted <= labels
    assert not labels & not_wanted


def test_revisions_and_data_models_are_offered() -> None:
    """After `abi` stand revisions, after these data models."""
    assert "2018-04" in {each.label for each in completion(*at("abi 2018¦"))}
    assert "32be" in {each.label for each in completion(*at("abi 2018-04 ¦"))}


def test_what_is_chosen_replaces_what_was_begun() -> None:
    """The characters to replace are those of the begun name."""
    doc, offset = in_list("    memcpy  hea¦, node")
    (item,) = [each for each in completion(doc, offset) if each.label == "head"]
    assert doc.text[item.start : item.end] == "hea"


@pytest.mark.parametrize(
    ("line", "label", "active"),
    [
        ("    memcpy ¦", "memcpy dst, src, LENGTH", "dst"),
        ("    memcpy head, ¦", "memcpy dst, src, LENGTH", "src"),
        ("    add head, ¦", "add p, count", "count"),
    ],
)
def test_the_operand_at_hand_is_named(line: str, label: str, active: str) -> None:
    """An op's operands by the header's names, and which of them is being written."""
    found = signature(*in_list(line))
    assert found is not None
    assert found.label == label
    assert found.active is not None
    assert found.parts[found.active] == active


def test_the_argument_at_hand_is_named() -> None:
    """Of a call, also inside of other brackets, the parameter with its type."""
    found = signature(*in_list("    run push(&nodes[0], ¦", "    cpu 1\n"))
    assert found is not None
    assert found.label == "push(node: ptr<node>, expect: ptr<node>)"
    assert found.active == 1


# ---- looks ----------------------------------------------------------------------------------------


def test_the_outline_names_every_declaration() -> None:
    """Declarations in the order of the text; a struct has its fields, a scenario its threads."""
    parts = outline(document(LIST))
    assert [(each.kind, each.name) for each in parts] == [
        ("struct", "node"),
        ("constant", "COUNT"),
        ("variable", "head"),
        ("variable", "nodes"),
        ("vector", "push"),
        ("test", "push"),
        ("strategy", "patient"),
        ("scenario", "pushes"),
    ]
    assert [each.name for each in parts[0].parts] == ["next", "value"]
    assert [each.name for each in parts[-1].parts] == ["a", "b"]


def test_blocks_of_several_lines_fold() -> None:
    """A vector, a test and a scenario; nothing on one line."""
    found = [LIST[each.start : each.end].split()[0] for each in folds(document(LIST))]
    assert [each for each in found if each != "{"] == ["vector", "test", "scenario"]


def test_a_selection_grows_by_parts() -> None:
    """From a name to its operand, op, vector and the whole text."""
    offset = LIST.index("expect\n")
    texts = [LIST[start:end] for start, end in ranges_at(document(LIST), offset)]
    assert texts[0] == "expect"
    assert "cmpeq   head, expect" in texts
    assert texts[-1] == LIST


def test_the_layout_is_that_of_fmt() -> None:
    """All lines, or only those asked for; a text with mistakes is left alone."""
    text = LIST.replace("    cmpeq   head, expect", "  cmpeq head,expect").replace(
        "    cpu 1", "cpu   1"
    )
    doc = document(text)
    changes = layout(doc)
    assert changes is not None
    assert applied(text, changes) == LIST == formatted(doc)
    start = text.index("cpu   1")
    part = layout(doc, start, start + 3)
    assert part is not None
    assert applied(text, part) == LIST.replace("    cmpeq   head, expect", "  cmpeq head,expect")
    assert layout(document("vector {")) is None
    # Lines end as they did.
    assert layout(document(LIST.replace("\n", "\r\n"))) == ()
    (change,) = layout(document("const A = 1\r\nconst  B = 2\r\n")) or ()
    assert change.text == "const B = 2\r\n"
    (change,) = layout(document("const  A = 1")) or ()
    assert change.text == "const A = 1\n"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_colours_stand_in_order_and_never_overlap(path: Path) -> None:
    """Whatever is wrong with a text, each word of it has at most one colour."""
    doc = document(path.read_bytes().decode("utf-8", "replace"))
    end = 0
    for each in colors(doc):
        assert end <= each.start < each.end
        end = each.end


def test_colours_tell_names_from_words() -> None:
    """`run` begins a statement of a test, and is a name elsewhere."""
    text = (
        'percpu run: u64\nvector v() { add run, 1 }\ntest "t" { run v() -> 0; assert run == 1 }\n'
    )
    found = [each.kind for each in colors(document(text)) if text[each.start : each.end] == "run"]
    assert found == ["variable", "variable", "keyword", "variable"]


def test_hints_count_ops_and_bytes() -> None:
    """Three ops of eight bytes each, of 16 ops and 4216 bytes that the revision takes."""
    found = hints(document(LIST))
    assert found[0].text == "3/16 ops, 24/4216 bytes"
    assert [each.text for each in found[1:]] == ["0:", "8 bytes", "1:", "8 bytes", "2:", "8 bytes"]


# ---- running --------------------------------------------------------------------------------------


def test_a_test_and_a_scenario_are_run() -> None:
    """Their verdicts are those of the command line."""
    passed = run_of(document(LIST), "push")
    assert passed is not None
    assert (passed.good, passed.text) == (True, "passed")
    broken = document(LIST.replace("-> 0\n    assert", "-> 1\n    assert"))
    failed = run_of(broken, "push")
    assert failed is not None
    assert not failed.good
    assert "push" in failed.details or "1" in failed.details
    explored = exploration_of(document(LIST), "pushes")
    assert explored is not None
    assert explored.text == "holds, as expected"
    assert run_of(document(LIST), "nobody") is None

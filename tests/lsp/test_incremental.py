"""A text that was typed says what the same text says that was opened."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opvasm.errors import Diagnostic
from opvasm.explorer.plan.validate import check_scenario
from opvasm.lsp.answers import findings as findings_module
from opvasm.lsp.answers.findings import Findings, findings
from opvasm.lsp.document import Document, no_files
from opvasm.program import Program
from opvasm.source import Span
from opvasm.text.program_printer import program_text
from opvasm.text.scenario_tree import Scenario

from .texts import LIST

SAMPLES = Path(__file__).parents[2] / "samples"
# One with literals in the pool, one with sections, one with scenarios, and one of each.
TEXTS = {
    "list": LIST,
    **{
        name: (SAMPLES / name).read_text()
        for name in ("idioms/ring_buffer.opv", "idioms/librseq_common.opv", "races/list.opv")
    },
}


def one_edit(text: str, chance: random.Random) -> str:
    """The text after one edit of a kind that people make: a word, a line, a number, a declaration."""
    words = [each for each in text.replace("\n", " \n ").split(" ") if each.strip()]
    at = chance.randrange(len(text))
    line = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    match chance.randrange(6):
        case 0:
            return text[:at] + " " + text[at:]
        case 1:
            return text[:line] + text[end + 1 :]
        case 2:
            return text[: end + 1] + text[line : end + 1] + text[end + 1 :]
        case 3:
            return text[:at] + chance.choice(words) + text[at:]
        case 4:
            return text.replace("= 0", f"= {chance.randrange(300)}", 1)
        case _:
            return text + f"\nvector more{chance.randrange(3)}() {{ }}\n"


def said(found: Findings) -> list[tuple[object, ...]]:
    """Findings without the texts that they belong to."""
    return [(*each[:5], [note.message for note in each.related], *each[6:]) for each in found.found]


@pytest.mark.parametrize("name", TEXTS)
def test_as_if_it_were_opened(name: str) -> None:
    """After each of many edits and undos, program and findings are those of the text as a whole."""
    chance = random.Random(name)
    texts = [TEXTS[name]]
    document = Document("typed.opv", texts[0], no_files)
    found = findings(document)
    for _ in range(12):
        undo = len(texts) > 1 and chance.random() < 0.55
        texts = texts[:-1] if undo else [*texts, one_edit(texts[-1], chance)]
        document = Document("typed.opv", texts[-1], no_files, document)
        opened = Document("typed.opv", texts[-1], no_files)
        assert document.resolved.problems == () or opened.resolved.problems
        assert program_text(document.assembly.program) == program_text(opened.assembly.program)
        assert document.assembly.program.data.pool == opened.assembly.program.data.pool
        found, whole = findings(document, found), findings(opened)
        assert found.complete == whole.complete
        if whole.complete:
            assert said(found) == said(whole), texts[-1]


def test_scenarios_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without scenarios the findings of before stand; with them only those that changed are checked."""
    two = LIST + LIST[LIST.index("scenario") :].replace("pushes", "others").replace("push(", "put(")
    two += LIST[LIST.index("vector") : LIST.index("test")].replace("push(", "put(")
    document = Document("list.opv", two, no_files)
    found = findings(document)
    assert found.complete
    assert not found.waiting
    typed = two.replace("vector put(", "vector  put(")
    document = Document("list.opv", typed, no_files, document)
    quick = findings(document, found, with_scenarios=False)
    assert quick.complete
    assert quick.waiting == 1
    looked: list[str] = []

    def checked(program: Program, scenario: Scenario, table: Any) -> Iterator[Diagnostic]:
        looked.append(scenario.name)
        return check_scenario(program, scenario, table)

    monkeypatch.setattr(findings_module, "check_scenario", checked)
    assert [each.name for each in findings(document, quick).scenarios] == ["pushes", "others"]
    assert looked == ["others"]


def test_a_new_vector_with_a_name_that_a_scenario_asked_for() -> None:
    """What was said of a name that nobody declared is gone when somebody declares it."""
    text = LIST.replace("run push(&nodes[1], old)", "run put(&nodes[1], old)")
    document = Document("list.opv", text, no_files)
    found = findings(document)
    assert found.found
    vector = LIST[LIST.index("vector") : LIST.index("test")].replace("push(", "put(")
    document = Document("list.opv", text + vector, no_files, document)
    assert findings(document, found).found == ()


def located(document: Document) -> list[tuple[object, ...]]:
    """What is wrong with a text, each at its offset in it."""
    found = [
        (each, document.locate(each.place) if isinstance(each.place, Span) else None)
        for each in document.resolved.problems
    ]
    return [(each.code, each.message, at and at.start) for each, at in found]


HEAD = "struct node { x: u64 }\npercpu a: ptr<node>\n"
UNKNOWN = {
    "a name": "vector v(p: ptr<nod>) {\n    add p->x, 1\n}\n",
    "a count": "vector v(p: ptr<u64[K]>) {\n    add p->x, 1\n}\n",
    "a count in data": "percpu b: ptr<u64[K]>\nvector v(p: ptr<u64[K]>) {\n    add p->x, 1\n}\n",
    "two": "vector v(p: ptr<nod>) { add p->x, 1 }\nvector w(p: ptr<nod>) {\n    add p->x, 1\n}\n",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_pointer_to_what_is_unknown(name: str) -> None:
    """Where it is reported is in this text, not in one that is gone, whatever is typed around it."""
    text = HEAD + UNKNOWN[name]
    typed = [text.replace("add p->x, 1\n", f"add {' ' * count}p->x, 1\n") for count in range(3)]
    alone = HEAD + text[text.rindex("vector") :]
    versions = [*typed, alone, text, HEAD, typed[1], text.replace("p->x", "p->y")]
    document, found = Document("t.opv", HEAD, no_files), None
    for each in versions:
        document = Document("t.opv", each, no_files, document)
        opened = Document("t.opv", each, no_files)
        assert located(document) == located(opened)
        found = findings(document, found)
        assert said(found) == said(findings(opened))

"""Texts for the tests, with `¦` where the cursor is."""

from __future__ import annotations

from opvasm.lsp.document import Document, no_files

LIST = """\
struct node { next: ptr<node>, value: u64 }
const COUNT = 4
percpu head:  ptr<node>
shared nodes: node[COUNT]

// Puts a node in front.
vector push(node: ptr<node>, expect: ptr<node>) {
    cmpeq   head, expect
    memcpy  node->next, expect
    memcpy  head, node
}

test "push" {
    cpu 1
    run push(&nodes[0], 0) -> 0
    assert head == &nodes[0] && nodes[0].next == 0
}

strategy patient = rseq then opv after 2
scenario pushes "both nodes arrive" {
    cpus 1
    strategy patient
    thread a @0 { old = load head; run push(&nodes[0], old) { differs, again, aborted -> retry } }
    thread b @0 { old = load head; run push(&nodes[1], old) { differs, again, aborted -> retry } }
    forall length(head) == 2
    expect holds
}
"""


def document(text: str, name: str = "list.opv") -> Document:
    """A document that stands alone."""
    return Document(name, text, no_files)


def at(text: str) -> tuple[Document, int]:
    """A text without its cursor, and the offset where that was."""
    assert text.count("¦") == 1
    return document(text.replace("¦", "")), text.index("¦")


def in_list(line: str, where: str = "    memcpy  head, node\n") -> tuple[Document, int]:
    """LIST with a line after another one; the cursor is in it."""
    assert where in LIST
    return at(LIST.replace(where, f"{where}{line}\n", 1))

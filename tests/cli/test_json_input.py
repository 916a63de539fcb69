"""``--from json``: what ``asm -f json`` wrote is an input like the text that it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import LIST, Run

PUSH = ("push", "--arg", "node=&nodes[0]", "--arg", "expect=0")


@pytest.fixture
def document(opvasm: Run, tmp_path: Path) -> str:
    """LIST, assembled to JSON."""
    path = tmp_path / "list.json"
    assert opvasm("asm", "-f", "json", "-o", str(path), input=LIST).code == 0
    return str(path)


def test_a_vector_runs_as_its_text_does(opvasm: Run, document: str) -> None:
    """Names, parameters and types are all in the document; only the spelling of ops is not."""

    def values(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith("  op ")]

    ran = opvasm("run", "--from", "json", document, *PUSH)
    assert ran.code == 0
    assert len(values(ran.text)) == 8  # the call, two operands for each of three ops, the result
    assert values(ran.text) == values(opvasm("run", "-", *PUSH, input=LIST).text)


def test_a_document_is_verified(opvasm: Run, tmp_path: Path) -> None:
    """A finding names the vector and op, since the document holds no text."""
    text = "percpu a: u64\nunverified vector v() { add.u64 a, 1; lshift.u64 a, 64 }\n"
    path = tmp_path / "bad.json"
    assert opvasm("asm", "--no-verify", "-f", "json", "-o", str(path), input=text).code == 0
    ran = opvasm("verify", "--from", "json", str(path))
    assert ran.code == 1
    assert "op 1" in ran.text
    assert "OPV204" in ran.text


def test_a_document_has_no_tests_to_run(opvasm: Run, document: str) -> None:
    """Without a vector there is nothing to do, and the message says what there is."""
    ran = opvasm("run", "--from", "json", document)
    assert ran.code == 2
    assert "vectors: push" in ran.errors


def test_a_debugger_steps_a_vector_of_a_document(opvasm: Run, document: str) -> None:
    """As it steps one of a text."""
    ran = opvasm("debug", "--from", "json", document, *PUSH, "-ex", "continue", "--batch")
    assert ran.code == 0
    assert "push returned 0" in ran.text


@pytest.mark.parametrize(
    ("options", "held"),
    [
        (("-a", "2018-04"), "2017-11"),
        (("--model", "32be"), "64le"),
        (("--page-size", "65536"), "4096"),
    ],
)
def test_another_revision_than_the_documents_is_refused(
    opvasm: Run, document: str, options: tuple[str, str], held: str
) -> None:
    """Its ops were laid out and checked for the one that it names; the same one may be said."""
    ran = opvasm("verify", "--from", "json", *options, document)
    assert ran.code == 2
    assert f"was assembled for {held}" in ran.errors
    assert opvasm("verify", "--from", "json", options[0], held, document).code == 0


def test_a_text_is_no_document(opvasm: Run) -> None:
    """With the place where it stops being JSON."""
    ran = opvasm("verify", "--from", "json", "-", input=LIST)
    assert ran.code == 2
    assert "<stdin>:1:1: error[OPV123]" in ran.text

"""At every edge of every rule four statements agree: the table's, abi.md's, the verifier's, the machine's."""

from __future__ import annotations

import pytest

from opvasm.abi.layout import DATA_MODELS
from opvasm.abi.revisions import PAGE_SIZES, REVISIONS, Abi, get_abi
from opvasm.binary import decode, encode
from opvasm.interpreter import Machine
from opvasm.verifier.negative import Case, cases
from opvasm.verifier.report import verify

from .kernel_statement import answers_einval

EINVAL = 22
ABIS = [
    get_abi(revision.name, model.name, page_size)
    for revision in REVISIONS
    for model in DATA_MODELS
    for page_size in (PAGE_SIZES[0], PAGE_SIZES[-1])
]


def verdicts(case: Case, abi: Abi) -> tuple[bool, bool, bool]:
    """Whether abi.md, the verifier and the interpreter accept the bytes of a case."""
    data = encode(case.instructions, abi)
    count = len(case.instructions)
    statement = not answers_einval(data, abi.revision.name, abi.model.name, abi.page_size)
    found = verify(decode(data, abi, "case"), abi)
    verifier = not any(each.level == "error" for each in found)
    machine = Machine(abi).cpu_opv(data, count, 0) != -EINVAL
    return statement, verifier, machine


@pytest.mark.parametrize(
    "abi", ABIS, ids=lambda abi: f"{abi.revision.name} {abi.model.name} {abi.page_size}"
)
def test_every_edge_is_judged_alike(abi: Abi) -> None:
    judged = 0
    for case in cases(abi):
        assert verdicts(case, abi) == (case.valid,) * 3, case.name
        judged += 1
    assert judged > 100


@pytest.mark.parametrize("revision", [each.name for each in REVISIONS])
def test_every_op_has_a_valid_and_an_invalid_case_where_it_can(revision: str) -> None:
    abi = get_abi(revision)
    seen: dict[str, set[bool]] = {}
    for case in cases(abi):
        if len(case.instructions) == 1 and case.instructions[0].operation is not None:
            seen.setdefault(case.instructions[0].operation.mnemonic, set()).add(case.valid)
    for operation in abi.revision.operations:
        possible = {True} if not operation.operands else {True, False}
        assert seen[operation.mnemonic] == possible, operation.mnemonic


def test_every_byte_of_an_op_is_driven_by_some_case() -> None:
    """Each offset of the 32 bytes takes at least two values over the cases of each op."""
    abi = get_abi()
    for operation in abi.revision.operations:
        images = [
            encode(case.instructions, abi)
            for case in cases(abi)
            if len(case.instructions) == 1 and case.instructions[0].operation == operation
        ]
        still = [offset for offset in range(4, 32) if len({each[offset] for each in images}) == 1]
        assert still == [], (operation.mnemonic, still)

"""The verifier refuses a vector exactly when the interpreter answers EINVAL to it.

``python -m benchmarks agreement`` asks about a million; here are a few of them.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, strategies as st

from benchmarks.agreement import agree, random_vector
from opvasm.abi.layout import DATA_MODELS
from opvasm.abi.revisions import REVISIONS, get_abi
from opvasm.binary import decode
from opvasm.interpreter import Machine
from opvasm.verifier.report import verify

from .kernel_statement import answers_einval


@pytest.mark.parametrize("model", [each.name for each in DATA_MODELS])
@pytest.mark.parametrize("revision", [each.name for each in REVISIONS])
def test_three_statements_agree_about_random_vectors(revision: str, model: str) -> None:
    abi = get_abi(revision, model)
    machine = Machine(abi)
    random = Random(f"{revision} {model}")
    refused = 0
    for _ in range(150):
        data = random_vector(random, abi)
        statement = answers_einval(data, revision, model, abi.page_size)
        assert agree(data, abi, machine) == (statement, statement), data.hex()
        refused += statement
    assert 30 < refused < 140, "the vectors are all of one kind"


@given(st.binary(max_size=32 * 17).map(lambda data: data[: len(data) // 32 * 32]))
def test_anything_at_all_can_be_verified(data: bytes) -> None:
    """Advice never fails, never adds an error, and says the same twice."""
    for revision, model in (("2017-10", "32be"), ("2017-11", "64le"), ("2019-04", "32le")):
        abi = get_abi(revision, model)
        ops = decode(data, abi, "v")
        found = verify(ops, abi)
        assert found == verify(ops, abi)
        refused = answers_einval(data, revision, model, abi.page_size)
        assert any(each.level == "error" for each in found) is refused
        keys = [each.place.sort_key() for each in found if each.place is not None]
        assert keys == sorted(keys)

"""Every revision in every data model, as a fixture."""

from __future__ import annotations

import pytest

from opvasm.abi.revisions import Abi

from .programs import ABIS


@pytest.fixture(params=ABIS, ids=str)
def abi(request: pytest.FixtureRequest) -> Abi:
    """Each Abi in turn."""
    value = request.param
    assert isinstance(value, Abi)
    return value

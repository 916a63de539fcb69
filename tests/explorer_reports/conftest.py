"""One browser for all tests of pages, and the command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.command import run_here

from .browser import Browser

ROOT = Path(__file__).parents[2]


class Opvasm(Protocol):
    """The command line, run from the repository's root."""

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Its standard output; it must end with ``code``."""


@pytest.fixture(scope="session")
def opvasm() -> Opvasm:
    """The command."""

    def run(*arguments: str, code: int = 0) -> str:
        done = run_here(*arguments, cwd=ROOT)
        assert done.code == code, done.errors
        return done.output

    return run


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that has complained about nothing yet."""
    with Browser(tmp_path_factory.mktemp("profile")) as found:
        yield found

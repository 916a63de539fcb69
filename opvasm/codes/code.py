"""A row of the tables of codes."""

from __future__ import annotations

from ..errors import Level
from ..light_typing import NamedTuple


class Code(NamedTuple):
    """A diagnostic code: its name for ``--deny``, its level, what it means, and an example.

    ``explanation`` is a paragraph; ``example`` is text that triggers it (``.opv`` unless it says
    otherwise) or empty.
    """

    code: str
    name: str
    level: Level
    title: str
    explanation: str
    example: str = ""

"""What a rule reports of a section."""

from __future__ import annotations

from ..errors import Level
from ..light_typing import NamedTuple
from .outcomes import Fault


class Finding(NamedTuple):
    """One thing to say of one section.

    ``address`` is the instruction's or the descriptor's, in the file's addresses; ``fault`` says
    what kernels make of it; ``help`` what to do.  ``level`` is that of all kernels: it is lowered to
    a note for those under which nothing goes wrong.
    """

    code: str
    level: Level
    address: int
    message: str
    help: str
    fault: Fault = Fault.NONE
    instruction: str = ""

"""``opvasm emit``: vectors are written as a C header, or a header is checked."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..terminal.exits import DONE, INCONCLUSIVE, NEGATIVE
from ..terminal.outputs import write_text
from .arguments import Options as Options, add_arguments as add_arguments
from .making import emitted

if TYPE_CHECKING:
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Write a C header with a function for each vector and section: a restartable section, and what the
strategy says comes after it (the lock of a CPU, or cpu_opv), for x86-64 and aarch64, C11 and C++17.
The file's scenarios that use the strategy are explored first; a header is written only when they
hold."""
EXAMPLES = """
opvasm emit samples/emit/list.opv --strategy elide -o list.h
opvasm emit samples/idioms/counter.opv --no-explore -o counter.h
opvasm emit samples/emit/list.opv --strategy elide --type 'node=struct item' --include '"item.h"'
opvasm emit samples/emit/results.opv -o results.h
opvasm emit samples/emit/ring.opv --strategy elide --index slot=log.slot -o ring.h
opvasm emit --check list.h
"""
EXITS = {
    DONE: "written, or (--check) still what the source gives",
    NEGATIVE: "refused: a rule, or a scenario that does not hold; (--check) out of date",
    INCONCLUSIVE: "a scenario hit a limit before there was an answer; nothing is written",
}


def execute(options: Options, terminal: Terminal) -> int:
    """Refuse, prove, write."""
    if options.check is not None:
        from .check import check

        return check(options.check, options, terminal)
    text, code = emitted(options, terminal, None)
    if text is not None:
        write_text(text, options.output)
    return code

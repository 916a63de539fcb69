"""What a name in a text can be, and the names that are the language's own."""

from __future__ import annotations

from functools import cache

from ..abi.pages import PageKind
from ..assembler.checks import ERRNO_NAMES
from ..explain.words import WORDS
from ..kernels.disturbances import DISTURBANCES
from ..kernels.profiles import ALIASES, PROFILES
from ..light_typing import NamedTuple
from ..places import POINTER, SCALARS
from ..text.scenario_tree import (
    FENCES,
    LEVELS,
    METHODS,
    RESULTS,
    SUBSCRIPTIONS,
    VERDICTS,
)

# Names that a text declares.
VALUE, STRUCT, FIELD, CODE = "value", "struct", "field", "code"
PARAMETER, LOCAL, LABEL = "parameter", "local", "label"
THREAD, SCENARIO, STRATEGY, TEST = "thread", "scenario", "strategy", "test"
# Names that are the language's own.
TYPE, OP, KERNEL, WORD, FUNCTION = "type", "op", "kernel", "word", "function"
FILE = "file"

DECLARED = frozenset(
    (VALUE, STRUCT, FIELD, CODE, PARAMETER, LOCAL, LABEL, THREAD, SCENARIO, STRATEGY)
)


class Meaning(NamedTuple):
    """A word of the language that is a name for the grammar: what it is, in a line."""

    what: str
    summary: str


_RESULTS = {
    "ok": "it ran to its end",
    "differs": "a compare stopped it; `differs.at` is the index of that op",
    "again": "EAGAIN: an operand marked `?` had no page, or the race for the CPU was lost",
    "fault": "EFAULT: an operand is not in memory",
    "invalid": "EINVAL: the kernel refuses the vector, or the CPU",
}
_LEVELS = {
    "finishes": "the thread ends in every fair execution",
    "lock_free": "some thread always gets on",
    "obstruction_free": "a thread that runs alone gets on",
}
_ACTIONS = {
    "retry": "go back to the loads directly before the `run`",
    "return": "end the thread",
    "break": "leave the innermost loop",
    "fail": "this must not happen: the scenario fails",
}
_OPTIONS = {
    "subscribe": "when the flag of a lock's holder is looked at: none, lazy or eager",
    "fence": "what a lock's holder does after it set the flag: none, membarrier or vector",
    "unchecked": "allow a section that the rules refuse",
}
_FUNCTIONS = {
    "sum": "the sum over CPUs and elements",
    "list": "the nodes of a list, from its head",
    "length": "how many nodes a list has",
    "done": "1 when the thread has ended; of copies, how many have",
    "choose": "`choose(value, a, b)`: a where the value is not 0, else b",
}
_FIELDS_OF_THE_AREA = {
    "cpu_id": "the CPU that the thread is on",
    "cpu_id_start": "the CPU that the thread is on, as the kernel wrote it into the rseq area",
    "node_id": "the NUMA node of the CPU",
    "mm_cid": "the concurrency id of the thread in its process",
    "current": "the CPU that the thread is on",
    "index": "in `fill`: the number of the element",
}


@cache
def words() -> dict[str, Meaning]:
    """Every such word by its name."""
    found = {each.name: Meaning(each.kind, each.meaning) for each in WORDS}
    for what, texts in (
        ("result", _RESULTS),
        ("level of progress", _LEVELS),
        ("action", _ACTIONS),
        ("option of a strategy", _OPTIONS),
        ("function", _FUNCTIONS),
        ("value", _FIELDS_OF_THE_AREA),
    ):
        found |= {name: Meaning(what, summary) for name, summary in texts.items()}
    for kind in PageKind:
        found.setdefault(kind.value, Meaning("kind of page", kind.summary))
    for name in (*SUBSCRIPTIONS, *FENCES):
        found.setdefault(name, Meaning("option of a strategy", "see `subscribe` and `fence`"))
    return found


def type_names() -> tuple[str, ...]:
    """The types that need no declaration."""
    return (*SCALARS, POINTER)


def functions() -> tuple[str, ...]:
    """What can be called in an expression; conversions have the names of types."""
    return (*_FUNCTIONS, *SCALARS, POINTER)


def kernels() -> tuple[str, ...]:
    """The kernel profiles, by their names of today."""
    return tuple(PROFILES)


def older_kernels() -> tuple[str, ...]:
    """Names of kernel profiles that are still understood."""
    return tuple(ALIASES)


def values_of_tests() -> tuple[str, ...]:
    """Names that have a meaning in tests only."""
    return (*ERRNO_NAMES, "index")


def values_of_the_area() -> tuple[str, ...]:
    """What a thread or section can ask of itself."""
    return tuple(_FIELDS_OF_THE_AREA)


CHOICES: dict[str, tuple[str, ...]] = {
    "disturbance": DISTURBANCES,
    "verdict": VERDICTS,
    "result": RESULTS,
    "method": METHODS,
    "level": LEVELS,
    "action": tuple(_ACTIONS),
    "option": tuple(_OPTIONS),
    "subscribe": SUBSCRIPTIONS,
    "fence": FENCES,
    "page": tuple(kind.value for kind in PageKind),
}

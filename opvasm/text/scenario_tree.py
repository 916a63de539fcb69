"""The tree of a scenario: several threads, what disturbs them, and what must hold.

``strategy`` and ``scenario`` blocks of an ``.opv`` file as they were written.  Places and values
are expressions of opvasm.expression; what a name stands for (a local of the thread, memory of its
own, a variable of the file, a constant) is for the explorer to say.
"""

from __future__ import annotations

from ..expression import Expression, TypeName
from ..light_typing import TYPE_CHECKING, Record
from ..source import Span

if TYPE_CHECKING:
    from ..kernels.disturbances import Disturbance

# How a vector is run.  RSEQ: as a restartable section; OPV: by cpu_opv; LOCK: op by op, with the
# lock of the CPU held.
RSEQ, OPV, LOCK = "rseq", "opv", "lock"
METHODS = (RSEQ, OPV, LOCK)
SUBSCRIPTIONS = ("none", "lazy", "eager")
FENCES = ("none", "membarrier", "vector")
RESULTS = ("ok", "differs", "again", "fault", "invalid", "offline", "aborted")
VERDICTS = ("holds", "fails", "livelock", "deadlock", "blocks", "endless")
LEVELS = ("finishes", "lock_free", "obstruction_free")


class Strategy(Record):
    """``strategy NAME = first then fallback after attempts { options }``.

    ``attempts`` sections are tried before the fallback; without a fallback one attempt that ends
    in an abort makes the result ``aborted``.  ``subscription`` says when a section (or, eagerly, a
    vector) looks at the flag that a lock holder sets; ``fence`` how the holder makes running
    sections and vectors notice.  ``unchecked`` allows a section that the rules R1-R8 refuse.
    """

    name: str
    first: str
    fallback: str | None = None
    attempts: int = 1
    subscription: str = "none"
    fence: str = "membarrier"
    unchecked: bool = False
    span: Span | None = None

    @property
    def uses_sections(self) -> bool:
        """Whether a vector is ever run as a restartable section."""
        return self.first == RSEQ

    @property
    def uses_lock(self) -> bool:
        """Whether the lock of a CPU is ever taken."""
        return LOCK in (self.first, self.fallback)


BUILTIN_STRATEGIES: dict[str, Strategy] = {method: Strategy(method, method) for method in METHODS}


class Allowed(Record):
    """``migrate <= 1``, ``stepped a``: what the environment does, how often, to which thread.

    ``place`` is the vector and the op (from 0) at which it strikes: ``unprotected at bump[0]``.
    """

    kind: Disturbance
    limit: int | None
    thread: str | None
    span: Span
    place: tuple[str, int] | None = None


class Set(Record):
    """``place = value`` of an init block."""

    place: Expression
    value: Expression
    span: Span


class LinkList(Record):
    """``list head: A -> B -> C`` of an init block: the nodes linked by their first pointer."""

    head: Expression
    nodes: tuple[Expression, ...]
    span: Span


InitStatement = Set | LinkList


class Own(Record):
    """``own NAME: type``: memory of a thread's own, one instance for each of its copies."""

    name: str
    type: TypeName
    span: Span


class LoadPlace(Record):
    """``name = load place``."""

    name: str
    place: Expression
    span: Span


class StorePlace(Record):
    """``store place, value``."""

    place: Expression
    value: Expression
    span: Span


class Compute(Record):
    """``name = value``, of locals, constants and addresses; ``current`` is the thread's CPU."""

    name: str
    value: Expression
    span: Span


class If(Record):
    """``if condition { … } else { … }``."""

    condition: Expression
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    span: Span


class Loop(Record):
    """``loop { … }`` without end, or ``loop 3 { … }``."""

    times: int | None
    body: tuple[Statement, ...]
    span: Span


class Leave(Record):
    """``return``, ``break``, or ``fail`` (``kind``)."""

    kind: str
    span: Span


class Fence(Record):
    """``fence membarrier on 1`` or ``fence vector on 1``; without a CPU, of every CPU."""

    kind: str
    cpu: Expression | None
    span: Span


class Arm(Record):
    """``differs, again -> retry``: what follows the named results.

    ``action`` is ``retry``, ``return``, ``break``, ``fail`` or ``block``, which runs ``body``.
    """

    results: tuple[str, ...]
    action: str
    body: tuple[Statement, ...]
    span: Span


class RunVector(Record):
    """``results = run VECTOR(arguments) on CPU { arms }``; the vector may be a section.

    ``retry`` goes back to the loads and computations that stand directly before it.  ``results``
    are the locals that take the results of a section.
    """

    vector: str
    arguments: tuple[Expression, ...]
    cpu: Expression | None
    arms: tuple[Arm, ...]
    vector_span: Span
    span: Span
    results: tuple[str, ...] = ()


Statement = LoadPlace | StorePlace | Compute | If | Loop | Leave | Fence | RunVector


class Thread(Record):
    """``thread NAME xCOUNT @CPU … { own …  statements }``.

    ``strategy`` names one for this thread; ``allowed`` is its affinity (None: every CPU).
    """

    name: str
    count: int
    cpu: Expression
    strategy: str | None
    allowed: tuple[Expression, Expression] | None
    own: tuple[Own, ...]
    body: tuple[Statement, ...]
    name_span: Span
    span: Span


class Handler(Record):
    """``on signal THREAD { statements }``: runs on top of the thread that a signal hits."""

    thread: str
    body: tuple[Statement, ...]
    span: Span


class Partition(Record):
    """``partition { A, B } == list(head) + t.got``: each once, and nothing else."""

    elements: tuple[Expression, ...]
    whole: Expression
    span: Span


class Condition(Record):
    """``forall``, ``exists``, ``never`` (final states), ``invariant`` or ``quiescent`` (``kind``).

    An ``invariant`` is asked in every state, ``quiescent`` in those where no thread is inside a
    ``run``.
    """

    kind: str
    label: str | None
    test: Expression | Partition
    span: Span


class Progress(Record):
    """``progress THREAD LEVEL``; without a thread, of all of them."""

    thread: str | None
    level: str
    span: Span


class Term(Record):
    """``kernel a, b``, ``strategy a``, ``strategy t = a``, ``cpus 1``: which configurations."""

    kind: str
    thread: str | None
    values: tuple[str, ...]
    span: Span


class Expectation(Record):
    """``expect VERDICT``, ``… unless TERM and TERM``, ``… when TERM``."""

    verdict: str
    mode: str  # "always", "unless", "when"
    terms: tuple[Term, ...]
    span: Span


class Scenario(Record):
    """A whole scenario.  ``cpus`` is the smallest and largest number of CPUs to try.

    ``strategies`` are given to all threads alike, or, with ``every_combination``, in every way.
    ``sections`` are the names of those runs that are of sections, ``calling`` of those sections that
    make system calls; the assembler says it.
    """

    name: str
    title: str
    cpus: tuple[int, int]
    kernels: tuple[str, ...]
    strategies: tuple[str, ...]
    every_combination: bool
    environment: tuple[Allowed, ...]
    init: tuple[InitStatement, ...]
    threads: tuple[Thread, ...]
    handlers: tuple[Handler, ...]
    conditions: tuple[Condition, ...]
    progress: tuple[Progress, ...]
    observed: tuple[Expression, ...]
    expectations: tuple[Expectation, ...]
    span: Span
    sections: tuple[str, ...] = ()
    calling: tuple[str, ...] = ()

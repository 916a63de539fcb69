"""Rules R1 to R9 (model.md section 2.4): what may be cut off anywhere and begun again.

A section is plain code that may be cut off before any instruction and begun again, until its last
store, the commit, has happened.  It does no harm when running a part of it twice does none.

The rules are asked of an Attempt: the work of each instruction, and which may have run before it.
rseq_rules.py makes one of a vector, section_rules.py one of a section that loads.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence

from ..abi.ops import WORD_LENGTHS
from ..codes import rseq as codes
from ..errors import Diagnostic
from ..light_typing import NamedTuple
from ..source import Place


class RseqFinding(NamedTuple):
    """A rule that a vector or a section breaks.

    ``rule`` is its short name (``R2``), ``op`` the index of the op or of the instruction in the flat
    form (None: the whole).  ``refuses``: as a section it would do harm; otherwise it depends on the
    caller.
    """

    rule: str
    code: str
    op: int | None
    message: str
    help: str
    refuses: bool = True


class Bytes(NamedTuple):
    """Bytes that an instruction names: what they are part of, by equality, and from where to where.

    ``open``: how many there are is not known before, but for the first; they end before ``end``.
    """

    base: object
    start: int
    end: int
    open: bool = False

    def meets(self, other: Bytes) -> int | None:
        """How many bytes those of unknown number must be for the two to have one in common.

        1: they certainly have one.  None: they never have.
        """
        if self.base != other.base or self.start >= other.end or other.start >= self.end:
            return None
        first, second = (self, other) if self.start <= other.start else (other, self)
        return second.start - first.start + 1 if first.open else 1


class Work(NamedTuple):
    """What the rules have to know of one instruction.

    ``text`` names it in a message.  Bytes that nothing can be said of, or that nobody shares, are not
    in ``reads`` and ``writes``; ``stores`` is set for those too.  ``size`` counts bytes.
    ``foreign`` is a clause that says what it writes of another CPU.  ``exit_looks_at`` are bytes that
    it reads and on which an exit depends, ``builds_on`` the instructions that read what its value is
    made of, ``through`` the parameters that it reads memory by.
    """

    text: str
    reads: tuple[Bytes, ...] = ()
    writes: Bytes | None = None
    stores: bool = False
    commits: bool = False
    size: int = 0
    misaligned: bool = False
    changes: bool = False
    release: bool = False
    barrier: bool = False
    leaves: bool = False
    endless: bool = False
    foreign: str | None = None
    exit_looks_at: tuple[Bytes, ...] = ()
    builds_on: tuple[int, ...] = ()
    expects_faults: tuple[str, ...] = ()
    through: tuple[str, ...] = ()


class Words(NamedTuple):
    """How the messages name things: a vector compares where a section leaves."""

    commit: str
    this_commit: str
    leave: str
    leaves: str
    own_cpu: str
    only_commit: str
    read_once: str
    prove: str


class Attempt(NamedTuple):
    """What the rules are asked of: an instruction's index is its place in all three lists.

    ``before`` are the instructions that can have run before one, ``proven`` the parameters that a
    compare has found equal on every way to it.  ``exact``: an exit looks at nothing but whether bytes
    are equal, so that the order of the stores is known to matter.
    """

    works: tuple[Work, ...]
    before: Sequence[Container[int]]
    proven: tuple[frozenset[str], ...]
    exact: bool
    words: Words

    def stores(self) -> list[int]:
        """The instructions that write."""
        return [index for index, work in enumerate(self.works) if work.stores]

    def early(self) -> list[int]:
        """The instructions that write before the commit."""
        return [index for index in self.stores() if not self.works[index].commits]


def broken(attempt: Attempt) -> tuple[RseqFinding, ...]:
    """Every rule that an attempt breaks, in the order of the rules."""
    return tuple(finding for rule in _RULES for finding in rule(attempt))


def diagnosed(
    found: tuple[RseqFinding, ...], title: str, place: Callable[[int | None], Place | None]
) -> tuple[Diagnostic, ...]:
    """Findings as diagnostics: errors where the section would do harm, else warnings.

    ``title`` begins each message; ``place`` finds where an index stands in the text.
    """
    return tuple(
        Diagnostic(
            codes.LEVELS[each.code] if each.refuses else "warning",
            each.code,
            f"{title}: {each.message} ({each.rule})",
            place(each.op),
            help=each.help,
        )
        for each in found
    )


def _one_cpu(attempt: Attempt) -> Iterator[RseqFinding]:
    """R1: everything written that others see belongs to the CPU the section runs on."""
    for index, work in enumerate(attempt.works):
        if work.foreign is not None:
            what = f"{work.text} writes {work.foreign}"
            help = f"a section is protected against its own CPU only; {attempt.words.own_cpu}"
            yield RseqFinding("R1", codes.OTHER_CPU, index, what, help)


def _exits_first(attempt: Attempt) -> Iterator[RseqFinding]:
    """R2: no exit comes after a store, which could no longer be taken back."""
    stores = attempt.stores()
    for index, work in enumerate(attempt.works):
        earlier = [each for each in stores if work.leaves and each in attempt.before[index]]
        if earlier:
            first = attempt.works[earlier[0]].text
            what = f"{work.text} {attempt.words.leaves} after {first} has written"
            help = f"put the {attempt.words.leave} before every store"
            yield RseqFinding("R2", codes.COMPARE_AFTER_STORE, index, what, help)


def _one_commit(attempt: Attempt) -> Iterator[RseqFinding]:
    """R3: the commit is one aligned word: one instruction that happens or does not."""
    help = f"let {attempt.words.commit} be one naturally aligned word of 1, 2, 4 or 8 bytes"
    for index, work in enumerate(attempt.works):
        if not work.commits:
            continue
        this = attempt.words.this_commit.format(text=work.text)
        if work.size not in WORD_LENGTHS:
            what = f"{this} is {work.size} bytes and no single instruction"
            yield RseqFinding("R3", codes.NO_COMMIT, index, what, help)
        elif work.misaligned:
            what = f"{this} is not aligned to its {work.size} bytes"
            yield RseqFinding("R3", codes.NO_COMMIT, index, what, help)


def _tries(attempt: Attempt) -> Iterator[RseqFinding]:
    """R4: an earlier store may be done twice, so nothing must be made of what it overwrites."""
    twice = "makes it happen twice"
    for index in attempt.early():
        work = attempt.works[index]
        read, bytes = _built_on(attempt, index) or (None, 1)
        if work.changes:
            what = f"{work.text} changes its old value, so an abort after it {twice}"
            help = attempt.words.only_commit
            yield RseqFinding("R4", codes.REPEATED_CHANGE, index, what, help)
        elif read is not None:
            what = f"{work.text} builds on what {attempt.works[read].text} read there{_if(bytes)}"
            help = f"an abort after it {twice}; only the commit may do that"
            yield RseqFinding("R4", codes.REPEATED_CHANGE, index, what, help, bytes == 1)
        else:
            yield from _overwritten(attempt, index)
    yield from _early_commits(attempt)


def _built_on(attempt: Attempt, index: int) -> tuple[int, int] | None:
    """An instruction that read what a store overwrites, where the stored value is made of it.

    And how many bytes a copy of unknown length must be for that.
    """
    work = attempt.works[index]
    found = [
        (earlier, bytes)
        for earlier in work.builds_on
        if earlier in attempt.before[index]
        and (bytes := _meet_any(work, attempt.works[earlier].reads)) is not None
    ]
    return min(found, key=lambda each: each[1], default=None)


def _overwritten(attempt: Attempt, index: int) -> Iterator[RseqFinding]:
    """R4: what an early store overwrites is read again by the next attempt, for a store."""
    found = [
        (bytes, user, read)
        for user in attempt.stores()
        for read, bytes in _spoiled(attempt, index, user)
    ]
    if found:
        bytes, user, read = min(found, key=lambda each: each[0])
        name, reader = attempt.works[index].text, attempt.works[read].text
        made = " and stored" if read == user else f", and {attempt.works[user].text} is made of it"
        what = f"{name} overwrites what {reader} has read{made}{_if(bytes)}"
        help = "an abort after it makes the next attempt read the new value; take it as a parameter"
        yield RseqFinding("R4", codes.REPEATED_CHANGE, index, what, help, bytes == 1)


def _spoiled(attempt: Attempt, index: int, user: int) -> Iterator[tuple[int, int]]:
    """The instructions that a store in the same attempt is made of, and whose bytes another overwrites.

    Each with how many bytes a copy of unknown length must be for that.
    """
    work = attempt.works[index]
    before = attempt.before[index]
    if user != index and user not in before and index not in attempt.before[user]:
        return
    for read in attempt.works[user].builds_on:
        reads = attempt.works[read].reads
        onto_itself = read == user == index and reads == (work.writes,)
        bytes = _meet_any(work, reads)
        ran = read == index or read in before
        if ran and not onto_itself and bytes is not None:
            yield read, bytes


def _early_commits(attempt: Attempt) -> Iterator[RseqFinding]:
    """R4: a store that others look at is seen at once, so nothing may come after it."""
    lookers = [index for index, work in enumerate(attempt.works) if work.exit_looks_at]
    seen = {index: _looked_at(attempt, index, lookers) for index in attempt.stores()}
    early = [
        (index, seen[index])
        for index in attempt.early()
        if seen[index] is not None and _built_on(attempt, index) is None
    ]
    commits = [index for index in seen if attempt.works[index].commits]
    # An order helps only where one store alone goes to what was compared: that one comes last.
    ordered = len(early) == 1 and all(seen[index] is None for index in commits)
    for index, looked in early:
        assert looked is not None
        name, other = attempt.works[index].text, attempt.works[looked].text
        if attempt.exact:
            what = f"{name} stores to what {other} compared, before the commit"
        else:
            what = f"{name} stores to what {other} read for an exit"
        if ordered:
            help = f"make {name} {attempt.words.commit}: it is the one that others look at"
        else:
            help = (
                "no order of the stores avoids it, as several go to what was compared; "
                "`opvasm explore` finds out whether an abort between them does harm"
            )
        refuses = ordered and attempt.exact
        yield RseqFinding("R4", codes.EARLY_COMMIT, index, what, help, refuses)


def _looked_at(attempt: Attempt, index: int, lookers: Sequence[int]) -> int | None:
    """The first instruction before a store that looked at what it overwrites, for an exit."""
    work, before = attempt.works[index], attempt.before[index]
    for each in lookers:
        if each in before and _meet_any(work, attempt.works[each].exit_looks_at) is not None:
            return each
    return None


def _meet_any(work: Work, places: tuple[Bytes, ...]) -> int | None:
    """Whether an instruction writes one of some places; see Bytes.meets."""
    written = work.writes
    found = [] if written is None else [written.meets(each) for each in places]
    return min((each for each in found if each is not None), default=None)


def _if(bytes: int) -> str:
    """The condition under which what ``Bytes.meets`` counts becomes true, as the end of a message."""
    return "" if bytes == 1 else f", where its length is more than {bytes - 1}"


def _no_reread(attempt: Attempt) -> Iterator[RseqFinding]:
    """R5: nothing that was stored is read by a later instruction."""
    stores = attempt.stores()
    for index, work in enumerate(attempt.works):
        for read in work.reads:
            for earlier in stores:
                stored = attempt.works[earlier]
                bytes = _meet_any(stored, (read,))
                if earlier in attempt.before[index] and bytes is not None:
                    what = f"{work.text} reads what {stored.text} has written{_if(bytes)}"
                    help = attempt.words.read_once
                    yield RseqFinding("R5", codes.READ_BACK, index, what, help, bytes == 1)


def _order(attempt: Attempt) -> Iterator[RseqFinding]:
    """R6: release belongs to the commit, which publishes the data, and a barrier right before it."""
    early, commit = attempt.early(), attempt.words.commit
    for index in early:
        work = attempt.works[index]
        if work.release:
            what = f"{work.text} releases before the commit, which publishes the data"
            help = f"move the release to {commit}"
            yield RseqFinding("R6", codes.EARLY_RELEASE, index, what, help)
    for index, work in enumerate(attempt.works):
        if work.barrier and any(index in attempt.before[each] for each in early):
            what = f"the barrier {work.text} stands before stores that are not the commit"
            help = "put the barrier directly before the commit"
            yield RseqFinding("R6", codes.EARLY_RELEASE, index, what, help, refuses=False)


def _faults(attempt: Attempt) -> Iterator[RseqFinding]:
    """R7: a section has no expect_fault: a fault is SIGSEGV."""
    for index, work in enumerate(attempt.works):
        for operand in work.expects_faults:
            what = f"{work.text} expects {operand} to fault, which kills a section's thread"
            help = "prove by a compare that the memory is there"
            yield RseqFinding("R7", codes.EXPECTED_FAULT, index, what, help)


def _loaded(attempt: Attempt) -> Iterator[RseqFinding]:
    """R8: what is read through a pointer that was loaded before needs a compare that proves it."""
    said: set[str] = set()
    for index, work in enumerate(attempt.works):
        for name in work.through:
            if name in attempt.proven[index] or name in said:
                continue
            said.add(name)
            what = f"{work.text} reads through {name}, which was loaded before"
            help = attempt.words.prove.format(name=name)
            yield RseqFinding("R8", codes.STALE_POINTER, index, what, help, refuses=False)


def _bounded(attempt: Attempt) -> Iterator[RseqFinding]:
    """R9: a section ends after a bounded number of instructions."""
    for index, work in enumerate(attempt.works):
        if work.endless:
            help = (
                "the longer a section is the more often it is cut off, and one that waits for a "
                "thread of its CPU never ends; write `loop N`"
            )
            what = "it has a loop without a bound"
            yield RseqFinding("R9", codes.UNBOUNDED, index, what, help, refuses=False)


_RULES = (
    _one_cpu,
    _exits_first,
    _one_commit,
    _tries,
    _no_reread,
    _order,
    _faults,
    _loaded,
    _bounded,
)

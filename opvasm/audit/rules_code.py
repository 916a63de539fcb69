"""Rules about the instructions of a section."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from ..codes import audit as codes
from ..lift.code import Code, Flow, Memory
from ..lift.values import Value, Values
from ..light_typing import NamedTuple
from .finding import Finding
from .outcomes import Fault
from .subject import Subject

_LEAVING = (Flow.CALL, Flow.RETURN, Flow.INDIRECT)


def code_rules(subject: Subject) -> Iterator[Finding]:
    """Everything that the instructions say; nothing where they could not be decoded at all."""
    if not subject.in_order or subject.context.decoder is None:
        return
    if not subject.decodes:
        at = subject.codes[-1].end if subject.codes else subject.start
        yield Finding(
            codes.DECODE,
            "error",
            at,
            f"the bytes at {subject.context.file.place(at)} are not an instruction that ends where the "
            f"section ends",
            "check start_ip and post_commit_offset: the section must end after an instruction",
            Fault.ALWAYS,
        )
        return
    yield from _leaving(subject)
    yield from _commit(subject)
    yield from _stores(subject)
    yield from _built_on_overwritten(subject)
    if subject.has_loop:
        back = next(
            each
            for each in subject.codes
            if each.target is not None
            and subject.inside(each.target)
            and each.target <= each.address
        )
        yield Finding(
            codes.LOOP,
            "note",
            back.address,
            "the section has a loop: the longer it runs, the more often it is aborted",
            "bound it, or do the work in several sections",
            instruction=back.text,
        )
    yield from _exits(subject)


def _leaving(subject: Subject) -> Iterator[Finding]:
    for each in subject.codes:
        if each.flow in _LEAVING or each.stack:
            what = each.flow.value if each.flow in _LEAVING else "pushes or pops"
            fault = Fault.LEAVES if each.flow in _LEAVING else Fault.ALWAYS
            yield Finding(
                codes.CALL,
                "error",
                each.address,
                f"the section {what}: what an abort undoes is control flow alone, and code outside of "
                "the range is not protected",
                "do it before or after the section",
                fault,
                each.text,
            )
        elif each.flow is Flow.SYSTEM_CALL:
            yield Finding(
                codes.SYSTEM_CALL,
                "error",
                each.address,
                "the section makes a system call",
                "do it before or after the section: no kernel allows it, and each answers otherwise",
                Fault.SYSTEM_CALL,
                each.text,
            )


def _commit(subject: Subject) -> Iterator[Finding]:
    last = subject.codes[-1]
    if len(subject.stores(last)) == 1 and last.flow is Flow.NEXT:
        if last.mnemonic.startswith(("cmpxchg", "cas")):
            yield Finding(
                codes.EXCHANGE_COMMIT,
                "note",
                last.address,
                "the commit is a compare and exchange: whether it took effect is known after the section",
                "make sure that the code after the section looks at its result",
                instruction=last.text,
            )
        return
    earlier = [each for each in subject.codes if subject.stores(each)]
    if not earlier:
        yield Finding(
            codes.COMMIT,
            "warning",
            last.address,
            "the section stores nothing: it ends without a commit",
            "a section that only reads needs no protection unless what it reads must fit together",
            instruction=last.text,
        )
        return
    yield Finding(
        codes.COMMIT,
        "error",
        last.address,
        "the last instruction is not one store: an abort after the last store "
        f"({earlier[-1].text}) makes it happen twice",
        "end the section right after the store that commits",
        Fault.ALWAYS,
        last.text,
    )


def _stores(subject: Subject) -> Iterator[Finding]:
    values = Values()
    last = len(subject.codes) - 1
    stored: list[tuple[Value, int, Code]] = []
    for index, each in enumerate(subject.codes):
        reads = each.reads
        for place in each.loads:
            yield from _read_back(each, values.address(place), place, stored)
        for place in subject.stores(each):
            if index == last or each.flow is not Flow.NEXT or each.stack:
                continue
            address = values.address(place)
            if subject.on_stack(place.base):
                continue
            stored.append((address, place.size, each))
            came = frozenset().union(
                *(values.comes_from(name) for name in _stored_from(each, reads))
            )
            twice = address in came or any(values.address(one) == address for one in each.loads)
            if twice:
                yield Finding(
                    codes.REPEATED_CHANGE,
                    "error",
                    each.address,
                    f"{place} is changed before the commit by adding to what it held: an abort after it "
                    "makes the change happen twice",
                    "let the commit be this change, or store a value that does not build on the old one",
                    Fault.ALWAYS,
                    each.text,
                )
            else:
                yield Finding(
                    codes.EARLY_STORE,
                    "note",
                    each.address,
                    f"a store before the commit, to {place}: nobody may read it until the commit",
                    "it must go to memory that the commit publishes, or that only this CPU reads again",
                    instruction=each.text,
                )
        values.step(each, reads)
    yield from _exit_after_store(subject)


class _Stored(NamedTuple):
    """A store: its number, code and place, what is stored there, and what the section had read before."""

    number: int
    code: Code
    place: Memory
    address: Value
    came: frozenset[Value]
    loaded: frozenset[Value]


def _every_store(subject: Subject) -> Iterator[_Stored]:
    values = Values()
    loaded: frozenset[Value] = frozenset()
    for number, each in enumerate(subject.codes):
        sources = (values.comes_from(name) for name in _stored_from(each, each.reads))
        came: frozenset[Value] = frozenset().union(*sources)
        for place in subject.stores(each):
            if not subject.on_stack(place.base):
                yield _Stored(number, each, place, values.address(place), came, loaded)
        loaded |= {values.address(one) for one in each.loads}
        values.step(each, each.reads)


def _built_on_overwritten(subject: Subject) -> Iterator[Finding]:
    """Stores before the commit to what was read before, where another store is made of what was read."""
    stores = list(_every_store(subject))
    last = len(subject.codes) - 1
    for by, made in permutations(stores, 2):
        if by.number == last or by.address not in made.came & by.loaded:
            continue
        if by.number < made.number:
            built, when = f"stored later ({made.code.text})", "an abort in between"
            help = "store first what is made of the old value, and let the commit be this store"
        elif by.address != made.address and by.number in subject.reachable(made.number):
            built, when = f"stored earlier ({made.code.text})", "an abort that follows"
            help = "let the commit, the last instruction, be this store"
        else:
            continue
        yield Finding(
            codes.REPEATED_CHANGE,
            "error",
            by.code.address,
            f"{by.place} is overwritten before the commit, and what the section read there is {built}: "
            f"after {when} it reads what it wrote itself",
            help,
            Fault.ALWAYS,
            by.code.text,
        )


def _stored_from(code: Code, reads: tuple[str, ...]) -> tuple[str, ...]:
    """The registers whose values are stored, and not those of the address."""
    address = {name for place in code.stores for name in (place.base, place.indexed)}
    return tuple(each for each in reads if each not in address)


def _read_back(
    code: Code, address: Value, place: Memory, stored: list[tuple[Value, int, Code]]
) -> Iterator[Finding]:
    for where, size, by in stored:
        near = where.base == address.base
        if (
            near
            and where.offset < address.offset + place.size
            and address.offset < where.offset + size
        ):
            yield Finding(
                codes.READ_BACK,
                "warning",
                code.address,
                f"{place} is read after the section has stored to it ({by.text})",
                "keep the value in a register: DynamoRIO, which runs a section twice, can't run this one",
                instruction=code.text,
            )
            return


def _exit_after_store(subject: Subject) -> Iterator[Finding]:
    seen: set[int] = set()
    for index, each in enumerate(subject.codes[:-1]):
        visible = [place for place in subject.stores(each) if not subject.on_stack(place.base)]
        if not visible or each.stack:
            continue
        following = _where_it_stored(subject, index)
        for after in sorted({following} | subject.reachable(following)):
            code = subject.codes[after]
            if code.address in seen or not subject.leaves(code):
                continue
            seen.add(code.address)
            yield Finding(
                codes.EXIT_AFTER_STORE,
                "error",
                code.address,
                f"the section can be left here after a store ({each.text}) that stays",
                "compare first, store afterwards",
                Fault.ALWAYS,
                code.text,
            )


def _where_it_stored(subject: Subject, index: int) -> int:
    """The instruction after a store; after an exclusive one, after the branch that is taken if it failed."""
    code, after = subject.codes[index : index + 2]
    status = code.text.partition(" ")[2].partition(",")[0]
    tried = code.mnemonic.startswith(("stxr", "stlxr")) and after.text.startswith(f"cbnz {status},")
    return index + 2 if tried and index + 2 < len(subject.codes) else index + 1


def _exits(subject: Subject) -> Iterator[Finding]:
    exits = subject.context.found.exits
    if not exits:
        return
    listed = exits.get(subject.start, ())
    for each in subject.codes:
        if subject.leaves(each) and each.target not in listed:
            if each.target == subject.descriptor.abort:
                continue
            yield Finding(
                codes.EXIT_NOT_LISTED,
                "note",
                each.address,
                "the exit is not in __rseq_exit_point_array: a debugger that steps over the section "
                "does not stop there",
                "list it where debugging matters",
                instruction=each.text,
            )

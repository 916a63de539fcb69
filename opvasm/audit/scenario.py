"""A file around a lifted section that runs and explores at once: objects, a test, a scenario.

Objects are structs whose fields are what the section was seen to read and write.  What other threads
do is not in the binary: they are templates, and what must hold is for a person to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

from ..lift.cpu_compares import reads, uses_ids
from ..lift.lift import Lifted
from ..program import Scalar, Struct, section as ir
from .objects import Globals, struct_of, structs_text
from .solve import Access, Key, Start, Twice, solve, twice

PEERS = {
    "self": "another thread of the same CPU runs the section",
    "reader": "a thread of another CPU reads what the section writes",
    "remote-writer-with-membarrier": "a thread of another CPU fences, then changes what is read",
    "resizer": "a thread of another CPU publishes a new object, fences, and moves the old one's fields",
    "moved": "threads that have read their CPU's number may be moved before they enter the section",
}

_ALIKE = ("self", "moved")  # the other thread runs the section, too
_MOVES = 2
# Who is on the same other CPU before and after was there all the while: for there, away and back it
# takes one move more than there are.
_STAYED = '    forall "who was moved before the section does not commit": ' + " && ".join(
    f"!({each}.committed == 1 && {each}.before != 0 && {each}.before == {each}.after)"
    for each in ("a", "b")
)
# One CPU for threads that preempt each other; for two that are moved apart one each, and theirs.
_CPUS = {"self": 1, "moved": 3}
# Registers that point to a thread's own stack.
_STACK = ("rsp", "rbp", "sp", "x29", "fp")


NO_START = (
    "no scenario: no start was found from which it commits; samples/races/tcmalloc.opv has one that was "
    "written by hand (opvasm samples DIR)"
)


def no_scenario(lifted: Lifted) -> str:
    """What stands in the text where no start was found."""
    return f"// No start was found from which {lifted.section.name} commits: no scenario.\n"


def scenario_text(
    lifted: Lifted,
    peers: Sequence[str],
    structs: Sequence[Struct],
    globals: Globals,
    kernels: Sequence[str] = (),
    told: Callable[[str, str], None] = lambda section, why: None,
) -> tuple[str, str] | None:
    """Declarations of objects; then a test that the section commits, and scenarios with peers.

    ``structs`` are those of its base registers, which are declared with the rest here.  None where no
    start was found.  ``told`` is called with the section and why, of each peer that has nothing to do.
    """
    section = lifted.section
    start = _start(section, {each.name: each.size for each in globals.found}, "moved" in peers)
    if start is None:
        return None
    maker = _Maker(lifted, start, structs, globals, tuple(kernels))
    parts = ["\n".join(maker.variables()), "\n".join(maker.test())]
    for each in peers:
        missing = maker.missing(each)
        if missing:
            told(section.name, f"no peer {each}: {missing}")
        parts.append(
            f"// No {each} for {section.name}: {missing}."
            if missing
            else "\n".join(maker.scenario(each))
        )
    text = "\n\n".join(part for part in parts if part) + "\n"
    return structs_text(maker.structs()) or "\n", text


def _start(section: ir.Section, sizes: Mapping[str, int], again: bool) -> Start | None:
    """A start; ``again``: one after which a second thread can run the section too, where there is one."""
    start = solve(section, sizes)
    if start is None or not again or twice(section, start) is not None:
        return start
    return solve(section, sizes, again=True) or start


class _Maker:
    """Writes the parts for one section."""

    def __init__(
        self,
        lifted: Lifted,
        start: Start,
        structs: Sequence[Struct],
        globals: Globals,
        kernels: tuple[str, ...],
    ) -> None:
        self.section = lifted.section
        self.stacks = [each for each in start.objects if lifted.registers.get(each) in _STACK]
        self.start = start
        self.kernels = kernels
        self.accesses = [half for each in start.accesses for half in _halves(each)]
        self.memory = _in_words(start.memory)
        self.types = {each.name: each.type for each in globals.found}
        self.globals = set(self.types)
        self.known = {each.name: each for each in structs}
        for thing in start.objects:
            if thing not in self.globals:
                spot = start.places[thing]
                # Where something lies in front of the pointer, what it points to is no whole object.
                name = f"{self.name(thing)}_{'around' if spot.lead else 'type'}"
                places = [(each.offset, each.size) for each in self.accesses if each.thing == thing]
                self.types[thing] = struct_of(name, places, spot.size, self.known.get(name))

    def name(self, thing: str) -> str:
        """An object's variable."""
        return thing if thing in self.globals else f"{self.section.name}_{thing}"

    def structs(self) -> list[Struct]:
        """The types of the objects that are not variables of the file, and what pointers point to."""
        types = [self.types[each] for each in self.start.objects if each not in self.globals]
        return list(({each.name: each for each in types} | self._pointed_to(types)).values())

    def _pointed_to(self, types: Sequence[Struct]) -> dict[str, Struct]:
        """The structs of base registers that are no object's own type."""
        mine = {each.name for each in types}
        return {name: each for name, each in self.known.items() if name not in mine}

    def pointer(self, thing: str, variable: str = "") -> str:
        """The address by which an object is known; of another variable of its type, if one is given."""
        lead = self.start.places[thing].lead
        name = variable or self.name(thing)
        return f"&{name} + {lead}" if lead else f"&{name}"

    def pointer_type(self, thing: str) -> str:
        """The type of a variable that holds this address."""
        if not self.start.places[thing].lead:
            return f"ptr<{self.types[thing].name}>"
        pointed = f"{self.name(thing)}_type"
        return f"ptr<{pointed}>" if pointed in self.known else "ptr"

    def fields(self, thing: str) -> list[str]:
        """The names of an object's fields, in their order."""
        return [each.name for each in self.types[thing].members if isinstance(each.type, Scalar)]

    def variables(self) -> Iterator[str]:
        """These objects."""
        for thing in self.start.objects:
            if thing not in self.globals:
                yield f"shared {self.name(thing)}: {self.types[thing].name}"

    def initial(self, stacks: Sequence[str] = ()) -> Iterator[str]:
        """Assignments of the start's memory; only of the second thread's stacks where they are given."""
        for (thing, offset, size), value in sorted(self.memory.items()):
            if value and (not stacks or thing in stacks):
                name = self.name(thing) + ("_of_b" if stacks else "")
                place = self.place(name, thing, offset, size)
                yield f"{place} = {self.value(value, size)}"

    def value(self, value: int, size: int) -> str:
        """A number, as an object's address where it is one."""
        places = self.start.places
        for thing in self.start.objects:
            if size == 8 and value == places[thing].pointer:
                return self.pointer(thing)
        if size == 4 and self.start.marked and value == places["slab"].pointer & 0xFFFF_FFFF:
            return f"{self.pointer('slab')} & 0xffffffff"
        return hex(value) if value > 9 else str(value)

    def call(self, replaced: str = "", other: bool = False) -> str:
        """The arguments of a run; ``replaced`` stands for the object that a resizer moves.

        ``other``: of a second thread, which has a stack of its own.
        """
        words = []
        for each in self.section.parameters:
            given = self.start.arguments[each.name]
            if isinstance(given, str):
                moved = replaced and given == self.moved()
                mine = f"{self.name(given)}_of_b" if other and given in self.stacks else ""
                words.append(replaced if moved else self.pointer(given, mine))
            else:
                words.append(hex(given) if given > 9 else str(given))
        return f"{self.section.name}({', '.join(words)})"

    def missing(self, peer: str) -> str:
        """Why a peer has nothing to do, empty where it has."""
        if peer == "resizer" and not self.moved():
            return "no pointer to what it changes is handed to it"
        if peer == "moved" and self.start.marked:
            return "it is handed no number of a CPU, but a pointer over cpu_id_start"
        if peer == "moved" and uses_ids(self.section):
            return "the id that it reads is a part of an address, or of what it stores"
        if peer == "moved" and self.twice is None:
            return "no start was found from which two threads, one after the other, can run it wherever its objects are"
        if peer == "moved" and not reads(self.section) and self._reads_words():
            return "one of the words that it reads may be the CPU's number: where struct rseq is was not found"
        return ""

    def _reads_words(self) -> bool:
        """Whether the section reads as many bytes of memory as an id has."""
        steps = ir.walk(self.section.body)
        return any(
            isinstance(step, ir.Load) and step.type.size == ir.AREA_TYPE.size for step in steps
        )

    def moved(self) -> str:
        """The object that a resizer replaces, the cached one, or that given by a pointer and written last.

        Empty where there is none.
        """
        if self.start.marked:
            return "slab"
        given = set(self.start.arguments.values()) - {"before"}
        written = [each.thing for each in self.accesses if each.writes and each.thing in given]
        return written[-1] if written else ""

    def test(self) -> Iterator[str]:
        """A test that the way to the commit can be taken."""
        if self.start.marked:
            return  # a test's cpu_id_start is the CPU's number, and no part of a pointer
        if self.start.cpu and "mm_cid" in reads(self.section):
            return  # a test's mm_cid is 0
        yield f'test "{self.section.name} commits from here" {{'
        yield f"    cpu {self.start.cpu}"
        yield from (f"    {each}" for each in self.initial())
        yield f"    run {self.call()} -> ok"
        yield "}"

    def scenario(self, peer: str) -> Iterator[str]:
        """The scenario."""
        new, current = self.name("new"), self.name("current")
        resized = peer == "resizer"
        if resized:
            yield f"shared {new}: {self.types[self.moved()].name}"
            yield f"shared {current}: {self.pointer_type(self.moved())}"
        elif peer in _ALIKE:
            for each in self.stacks:
                yield f"shared {self.name(each)}_of_b: {self.types[each].name}"
        yield f'scenario {self.section.name}_{peer.replace("-", "_")} "{PEERS[peer]}" {{'
        yield f"    cpus {max(_CPUS.get(peer, 2), self.start.cpu + 1)}"
        if peer == "moved":
            yield f"    environment migrate <= {_MOVES}"
        if self.kernels:
            yield f"    kernel {', '.join(self.kernels)}"
        yield "    init {"
        yield from (f"        {each}" for each in self.initial())
        if peer in _ALIKE and self.stacks:
            yield from (f"        {each}" for each in self.initial(self.stacks))
        if resized:
            yield f"        {current} = {self.pointer(self.moved())}"
        yield "    }"
        moves = peer == "moved"
        yield from self.thread("a", current if resized else "", moves=moves)
        yield from self.peer(peer)
        claim = (self.lost or _STAYED) if moves else self.claim() if resized else ""
        yield "    // What must hold is for a person to say. Until then these are all outcomes"
        yield f"    // of the section{' and one claim that is near' if resized or moves else ''}."
        places = [self.accessed(each) for each in self.accesses if each.writes]
        if resized:
            places += [f"{new}.{each}" for each in self.fields(self.moved())]
        yield f"    observe {', '.join(['a.committed', *dict.fromkeys(places)])}"
        if claim:
            yield claim
        yield "    exists a.committed == 1"  # a claim of what never happens would hold
        yield "}"

    def claim(self) -> str:
        """That what the section changed in the old object is not moved as if it had not."""
        writes = [each for each in self.accesses if each.writes]
        if not writes:
            return ""
        last = writes[-1]
        value = self.memory.get((last.thing, last.offset, last.size))
        if last.thing != self.moved() or value is None:
            return ""
        first = self.value(value, last.size)
        old = self.accessed(last)
        new = self.place(self.name("new"), last.thing, last.offset, last.size)
        return (
            '    forall "what was taken from the old object is not in the new one": '
            f"!({old} != {first} && {new} == {first})"
        )

    @cached_property
    def twice(self) -> Twice | None:
        """What the section leaves that runs twice."""
        return twice(self.section, self.start)

    @cached_property
    def lost(self) -> str:
        """What two that commit must leave; empty where two leave what one does, or that is not known."""
        second = self.twice
        if second is None or self.stacks or (second.both and not second.more):
            return ""
        both = "!(a.committed == 1 && b.committed == 1)"
        if not second.both:
            return f'    forall "of two that begin with the same one alone commits": {both}'
        left = [
            f"{self.place(self.name(thing), thing, offset, size)} == {self.value(value, size)}"
            for (thing, offset, size), value in _in_words(second.memory).items()
        ]
        told = "what two change is not lost: one after the other leaves the same"
        return f'    forall "{told}": {both} || {" && ".join(left)}'

    def thread(
        self, name: str, current: str, other: bool = False, moves: bool = False
    ) -> Iterator[str]:
        """A thread that runs the section on its CPU, on the object that ``current`` points to.

        ``moves``: it has CPU 0's number, and may say on which CPU it is right before and after.
        """
        results = "".join(f"{each}, " for each in self.section.results)[:-2]
        arms = ", ".join([*ir.labels(self.section), "aborted"])
        yield f"    thread {name} @{0 if moves else self.start.cpu} {{"
        if self.start.marked:
            yield "        store cpu_id_start, 0x80006000   // a cached pointer's upper half, with its mark"
        if current:
            yield f"        here = load {current}"
        if current and self.start.marked:
            lead = self.start.places["before"].lead
            low = self.place(self.name("before"), "before", lead - 4, 4)
            yield f"        store {low}, here & 0xffffffff"
        given = "here" if current and not self.start.marked else ""
        taken = f"{results} = " if results else ""
        if moves:
            yield "        // What it is handed is CPU 0's: there it read the number. It may be moved now."
        watched = moves and not self.lost
        if watched:
            yield "        before = current"
        yield f"        {taken}run {self.call(given, other)} {{ {arms} -> return }}"
        yield "        committed = 1"
        if watched:
            yield "        after = current"
        yield "    }"

    def peer(self, peer: str) -> Iterator[str]:
        """The other thread."""
        mine = [each for each in dict.fromkeys(self.accesses) if each.thing != "before"]
        read = [each for each in mine if not each.writes]
        written = [each for each in mine if each.writes]
        match peer:
            case "self" | "moved":
                yield from self.thread("b", "", True, peer == "moved")
            case "reader":
                yield f"    thread reader @{1 - self.start.cpu} {{"
                for number, each in enumerate(written):
                    yield f"        seen_{number} = load {self.accessed(each)}"
                yield "    }"
            case "remote-writer-with-membarrier":
                yield f"    thread writer @{1 - self.start.cpu} {{"
                yield f"        fence membarrier on {self.start.cpu}"
                for each in read[-1:]:
                    yield f"        store {self.accessed(each)}, 0   // what the section reads last"
                yield "    }"
            case _:
                moved, new = self.moved(), self.name("new")
                yield f"    thread resizer @{1 - self.start.cpu} {{"
                yield f"        store {self.name('current')}, {self.pointer(moved, new)}"
                yield f"        fence membarrier on {self.start.cpu}"
                for field in reversed(self.fields(moved)):
                    yield f"        moved_{field} = load {self.name(moved)}.{field}"
                    yield f"        store {new}.{field}, moved_{field}"
                yield "    }"

    def accessed(self, each: Access) -> str:
        """What was read or written."""
        return self.place(self.name(each.thing), each.thing, each.offset, each.size)

    def place(self, variable: str, thing: str, offset: int, size: int) -> str:
        """A field of a variable of an object's type by its name, its address where no field is just there."""
        for each in self.types[thing].members:
            if isinstance(each.type, Scalar) and (each.offset, each.type.size) == (offset, size):
                return f"{variable}.{each.name}"
        at = f" + {offset}" if offset else ""
        return f"[&{variable}{at}].u{8 * size}"


def _in_words(memory: Mapping[Key, int]) -> dict[Key, int]:
    """What memory holds, in words of at most eight bytes."""
    return {
        (thing, offset + at, min(size, 8)): value >> 8 * at & (1 << 64) - 1
        for (thing, offset, size), value in memory.items()
        for at in range(0, size, 8)
    }


def _halves(each: Access) -> list[Access]:
    """An access as accesses of at most eight bytes, the most that a scenario's own steps have."""
    return [
        each._replace(offset=each.offset + at, size=min(each.size, 8))
        for at in range(0, each.size, 8)
    ]

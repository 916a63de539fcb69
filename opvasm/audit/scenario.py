"""A file around a lifted section that runs and explores at once: objects, a test, a scenario.

Objects are structs whose fields are what the section was seen to read and write.  What other threads
do is not in the binary: they are templates, and what must hold is for a person to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..lift.lift import Lifted
from ..program import Scalar, Struct, section as ir
from .objects import OBJECT_BYTES, Globals, struct_of, structs_text
from .solve import BEFORE_AREA, Access, Start, solve

PEERS = {
    "self": "another thread of the same CPU runs the section",
    "reader": "a thread of another CPU reads what the section writes",
    "remote-writer-with-membarrier": "a thread of another CPU fences, then changes what is read",
    "resizer": "a thread of another CPU publishes a new object, fences, and moves the old one's fields",
}


def no_scenario(lifted: Lifted) -> str:
    """What stands in the text where no start was found."""
    return f"// No start was found from which {lifted.section.name} commits: no scenario.\n"


def scenario_text(
    lifted: Lifted,
    peers: Sequence[str],
    structs: Sequence[Struct],
    globals: Globals,
    kernels: Sequence[str] = (),
) -> tuple[str, str] | None:
    """Declarations of objects; then a test that the section commits, and scenarios with peers.

    ``structs`` are those of its base registers, which are declared with the rest here.  None where no
    start was found.
    """
    section = lifted.section
    start = solve(section, {each.name: each.size for each in globals.found})
    if start is None:
        return None
    maker = _Maker(section, start, structs, globals, tuple(kernels))
    parts = ["\n".join(maker.variables()), "\n".join(maker.test())]
    parts += ["\n".join(maker.scenario(each)) for each in peers]
    text = "\n\n".join(part for part in parts if part) + "\n"
    return structs_text(maker.structs()) or "\n", text


class _Maker:
    """Writes the parts for one section."""

    def __init__(
        self,
        section: ir.Section,
        start: Start,
        structs: Sequence[Struct],
        globals: Globals,
        kernels: tuple[str, ...],
    ) -> None:
        self.section = section
        self.start = start
        self.kernels = kernels
        self.accesses = [half for each in start.accesses for half in _halves(each)]
        self.memory = {
            (thing, offset + at, min(size, 8)): value >> 8 * at & (1 << 64) - 1
            for (thing, offset, size), value in start.memory.items()
            for at in range(0, size, 8)
        }
        self.types = {each.name: each.type for each in globals.found}
        self.globals = set(self.types)
        known = {each.name: each for each in structs}
        for thing in start.objects:
            if thing not in self.globals:
                name = f"{self.name(thing)}_type"
                places = [(each.offset, each.size) for each in self.accesses if each.thing == thing]
                self.types[thing] = struct_of(name, places, OBJECT_BYTES, known.get(name))

    def name(self, thing: str) -> str:
        """An object's variable."""
        return thing if thing in self.globals else f"{self.section.name}_{thing}"

    def structs(self) -> list[Struct]:
        """The types of the objects that are not variables of the file, each of OBJECT_BYTES bytes."""
        return [self.types[each] for each in self.start.objects if each not in self.globals]

    def fields(self, thing: str) -> list[str]:
        """The names of an object's fields, in their order."""
        return [each.name for each in self.types[thing].members if isinstance(each.type, Scalar)]

    def variables(self) -> Iterator[str]:
        """These objects."""
        for thing in self.start.objects:
            if thing not in self.globals:
                yield f"shared {self.name(thing)}: {self.name(thing)}_type"

    def initial(self) -> Iterator[str]:
        """Assignments of the start's memory."""
        for (thing, offset, size), value in sorted(self.memory.items()):
            if value:
                place = self.place(self.name(thing), thing, offset, size)
                yield f"{place} = {self.value(value, size)}"

    def value(self, value: int, size: int) -> str:
        """A number, as an object's address where it is one."""
        from .solve import FIRST_OBJECT

        for thing in self.start.objects:
            if size == 8 and value == self.start.places[thing][0]:
                return f"&{self.name(thing)}"
        if size == 4 and self.start.marked and value == FIRST_OBJECT & 0xFFFF_FFFF:
            return f"&{self.name('slab')} & 0xffffffff"
        return hex(value) if value > 9 else str(value)

    def call(self, replaced: str = "") -> str:
        """The arguments of a run; ``replaced`` stands for the object that a resizer moves."""
        words = []
        for each in self.section.parameters:
            given = self.start.arguments[each.name]
            if given == "before":
                words.append(f"&{self.name('before')} + {BEFORE_AREA}")
            elif isinstance(given, str):
                moved = replaced and given == self.moved()
                words.append(replaced if moved else f"&{self.name(given)}")
            else:
                words.append(hex(given) if given > 9 else str(given))
        return f"{self.section.name}({', '.join(words)})"

    def moved(self) -> str:
        """The object that a resizer replaces: the cached one, or the one that is written last."""
        if self.start.marked:
            return "slab"
        written = [each.thing for each in self.accesses if each.writes]
        return written[-1] if written else self.start.objects[0]

    def test(self) -> Iterator[str]:
        """A test that the way to the commit can be taken."""
        if self.start.marked:
            return  # a test's cpu_id_start is the CPU's number, and no part of a pointer
        yield f'test "{self.section.name} commits from here" {{'
        yield "    cpu 0"
        yield from (f"    {each}" for each in self.initial())
        yield f"    run {self.call()} -> ok"
        yield "}"

    def scenario(self, peer: str) -> Iterator[str]:
        """The scenario."""
        old, new, current = self.name(self.moved()), self.name("new"), self.name("current")
        resized = peer == "resizer"
        if resized:
            yield f"shared {new}: {old}_type"
            yield f"shared {current}: ptr<{old}_type>"
        yield f'scenario {self.section.name}_{peer.replace("-", "_")} "{PEERS[peer]}" {{'
        yield f"    cpus {1 if peer == 'self' else 2}"
        if self.kernels:
            yield f"    kernel {', '.join(self.kernels)}"
        yield "    init {"
        yield from (f"        {each}" for each in self.initial())
        if resized:
            yield f"        {current} = &{old}"
        yield "    }"
        yield from self.thread("a", current if resized else "")
        yield from self.peer(peer)
        yield "    // What must hold is for a person to say. Until then these are all outcomes"
        yield f"    // of the section{' and one claim that is near' if resized else ''}."
        places = [self.accessed(each) for each in self.accesses if each.writes]
        if resized:
            places += [f"{new}.{each}" for each in self.fields(self.moved())]
        yield f"    observe {', '.join(['a.committed', *dict.fromkeys(places)])}"
        claim = self.claim() if resized else ""
        yield claim or "    exists a.committed == 1"
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

    def thread(self, name: str, current: str) -> Iterator[str]:
        """A thread of CPU 0 that runs the section, on the object that ``current`` points to."""
        results = "".join(f"{each}, " for each in self.section.results)[:-2]
        arms = ", ".join([*ir.labels(self.section), "aborted"])
        yield f"    thread {name} @0 {{"
        if self.start.marked:
            yield "        store cpu_id_start, 0x80006000   // a cached pointer's upper half, with its mark"
        if current:
            yield f"        here = load {current}"
        if current and self.start.marked:
            low = self.place(self.name("before"), "before", BEFORE_AREA - 4, 4)
            yield f"        store {low}, here & 0xffffffff"
        given = "here" if current and not self.start.marked else ""
        taken = f"{results} = " if results else ""
        yield f"        {taken}run {self.call(given)} {{ {arms} -> return }}"
        yield "        committed = 1"
        yield "    }"

    def peer(self, peer: str) -> Iterator[str]:
        """The other thread."""
        mine = [each for each in dict.fromkeys(self.accesses) if each.thing != "before"]
        read = [each for each in mine if not each.writes]
        written = [each for each in mine if each.writes]
        match peer:
            case "self":
                yield from self.thread("b", "")
            case "reader":
                yield "    thread reader @1 {"
                for number, each in enumerate(written):
                    yield f"        seen_{number} = load {self.accessed(each)}"
                yield "    }"
            case "remote-writer-with-membarrier":
                yield "    thread writer @1 {"
                yield "        fence membarrier on 0"
                for each in read[-1:]:
                    yield f"        store {self.accessed(each)}, 0   // what the section reads last"
                yield "    }"
            case _:
                moved, new = self.moved(), self.name("new")
                yield "    thread resizer @1 {"
                yield f"        store {self.name('current')}, &{new}"
                yield "        fence membarrier on 0"
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


def _halves(each: Access) -> list[Access]:
    """An access as accesses of at most eight bytes, the most that a scenario's own steps have."""
    return [
        each._replace(offset=each.offset + at, size=min(each.size, 8))
        for at in range(0, each.size, 8)
    ]

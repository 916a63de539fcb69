"""A file around a lifted section that runs and explores at once: objects, a test, a scenario.

Objects are structs whose fields are what the section was seen to read and write.  What other threads
do is not in the binary: they are templates, and what must hold is for a person to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..lift.lift import Lifted
from ..light_typing import NamedTuple
from ..program import Scalar, Struct, section as ir
from .objects import OBJECT_BYTES, Globals
from .solve import BEFORE_AREA, Access, Start, solve

PEERS = {
    "self": "another thread of the same CPU runs the section",
    "reader": "a thread of another CPU reads what the section writes",
    "remote-writer-with-membarrier": "a thread of another CPU fences, then changes what is read",
    "resizer": "a thread of another CPU publishes a new object, fences, and moves the old one's fields",
}


class _Field(NamedTuple):
    offset: int
    size: int

    @property
    def name(self) -> str:
        return f"at_{self.offset:x}"


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
    maker = _Maker(section, start, structs, globals)
    maker.kernels = tuple(kernels)
    parts = ["\n".join(maker.variables()), "\n".join(maker.test())]
    parts += ["\n".join(maker.scenario(each)) for each in peers]
    text = "\n\n".join(part for part in parts if part) + "\n"
    return "\n".join(maker.structs()) + "\n", text


class _Maker:
    """Writes the parts for one section."""

    def __init__(
        self, section: ir.Section, start: Start, structs: Sequence[Struct], globals: Globals
    ) -> None:
        self.section = section
        self.start = start
        self.kernels: tuple[str, ...] = ()
        self.globals = {each.name for each in globals.found}
        known = {each.name: each for each in structs}
        known |= {each.type.name: each.type for each in globals.found}
        self.fields = {
            name: _fields(name, start.accesses, known.get(f"{self.name(name)}_type"))
            for name in start.objects
        }

    def name(self, thing: str) -> str:
        """An object's variable."""
        return thing if thing in self.globals else f"{self.section.name}_{thing}"

    def structs(self) -> Iterator[str]:
        """The types of the objects that are not variables of the file, each of OBJECT_BYTES bytes."""
        for thing, fields in self.fields.items():
            if thing in self.globals:
                continue
            parts = []
            at = 0
            for each in fields:
                if each.offset > at:
                    parts.append(f"gap_{at:x}: u8[{each.offset - at}]")
                parts.append(f"{each.name}: u{8 * each.size}")
                at = each.offset + each.size
            if at < OBJECT_BYTES:
                parts.append(f"gap_{at:x}: u8[{OBJECT_BYTES - at}]")
            yield f"struct {self.name(thing)}_type {{ {', '.join(parts)} }}"

    def variables(self) -> Iterator[str]:
        """These objects."""
        for thing in self.start.objects:
            if thing not in self.globals:
                yield f"shared {self.name(thing)}: {self.name(thing)}_type"

    def initial(self) -> Iterator[str]:
        """Assignments of the start's memory."""
        for (thing, offset, size), value in sorted(self.start.memory.items()):
            if value:
                field = _Field(offset, size)
                if field in self.fields[thing]:
                    yield f"{self.name(thing)}.{field.name} = {self.value(value, size)}"

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
        written = [each.thing for each in self.start.accesses if each.writes]
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
        places = [self.place(each) for each in self.start.accesses if each.writes]
        if resized:
            places += [f"{new}.{each.name}" for each in self.fields[self.moved()]]
        yield f"    observe {', '.join(['a.committed', *dict.fromkeys(places)])}"
        claim = self.claim() if resized else ""
        yield claim or "    exists a.committed == 1"
        yield "}"

    def claim(self) -> str:
        """That what the section changed in the old object is not moved as if it had not."""
        writes = [each for each in self.start.accesses if each.writes]
        if not writes:
            return ""
        last = writes[-1]
        value = self.start.memory.get((last.thing, last.offset, last.size))
        if last.thing != self.moved() or value is None:
            return ""
        field = _Field(last.offset, last.size).name
        first = self.value(value, last.size)
        old, new = self.name(last.thing), self.name("new")
        return (
            '    forall "what was taken from the old object is not in the new one": '
            f"!({old}.{field} != {first} && {new}.{field} == {first})"
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
            low = f"{self.name('before')}.{_Field(BEFORE_AREA - 4, 4).name}"
            yield f"        store {low}, here & 0xffffffff"
        given = "here" if current and not self.start.marked else ""
        taken = f"{results} = " if results else ""
        yield f"        {taken}run {self.call(given)} {{ {arms} -> return }}"
        yield "        committed = 1"
        yield "    }"

    def peer(self, peer: str) -> Iterator[str]:
        """The other thread."""
        mine = [each for each in dict.fromkeys(self.start.accesses) if each.thing != "before"]
        read = [each for each in mine if not each.writes]
        written = [each for each in mine if each.writes]
        match peer:
            case "self":
                yield from self.thread("b", "")
            case "reader":
                yield "    thread reader @1 {"
                for number, each in enumerate(written):
                    yield f"        seen_{number} = load {self.place(each)}"
                yield "    }"
            case "remote-writer-with-membarrier":
                yield "    thread writer @1 {"
                yield "        fence membarrier on 0"
                for each in read[-1:]:
                    yield f"        store {self.place(each)}, 0   // what the section reads last"
                yield "    }"
            case _:
                moved, new = self.moved(), self.name("new")
                yield "    thread resizer @1 {"
                yield f"        store {self.name('current')}, &{new}"
                yield "        fence membarrier on 0"
                for field in [each.name for each in reversed(self.fields[moved])]:
                    yield f"        moved_{field} = load {self.name(moved)}.{field}"
                    yield f"        store {new}.{field}, moved_{field}"
                yield "    }"

    def place(self, each: Access) -> str:
        """A field by its name."""
        return f"{self.name(each.thing)}.{_Field(each.offset, each.size).name}"


def _fields(thing: str, accesses: tuple[Access, ...], known: Struct | None) -> list[_Field]:
    """The fields of an object that do not overlap: those of its struct, then the widest."""
    wanted = sorted(
        {_Field(each.offset, each.size) for each in accesses if each.thing == thing},
        key=lambda each: (-each.size, each.offset),
    )
    found = [
        _Field(each.offset, each.type.size)
        for each in (known.members if known is not None else ())
        if isinstance(each.type, Scalar)
    ]
    for each in wanted:
        free = all(
            each.offset + each.size <= one.offset or one.offset + one.size <= each.offset
            for one in found
        )
        if free and each.offset % each.size == 0 and each.size <= 8:
            found.append(each)
    return sorted(found)

"""A start from which a lifted section commits: found by running it, never guessed.

Each base is an object of its own.  Memory is chosen when the section first reads it, from values that
make its compares equal and its pointers lead to objects; a run that ends with the commit, and whose
commit writes, says what each byte must hold at first.  One that ends elsewhere teaches what the last
branch would have liked to read.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping

from ..interpreter.section import SectionRun, Surroundings
from ..lift.cpu_compares import caches_pointer, reads, uses_ids
from ..lift.roles import roles_of
from ..lift.state import AREA
from ..light_typing import NamedTuple
from ..program import section as ir
from ..program.flat import Branch, Leave
from .extents import OBJECT_BYTES, Extent, extents

FIRST_OBJECT = 0x6000_0000_0000  # where the language lays shared variables
_AREA = Extent(OBJECT_BYTES, 64)  # in front of struct rseq is what belongs to the thread
_MARKED = 0x8000_0000 | FIRST_OBJECT >> 32  # cpu_id_start as the upper half of a cached pointer
_TRIES, _STEPS = 4000, 400
_FIRST_TRIES = 400  # before it is tried on another CPU than the one whose number is handed over
_MORE_TRIES = 4000  # with other numbers, where these found nothing
_TRUST = 0.9  # how often what was learnt is used
_SMALL = (0, 1, 2, 3, 4)
# Numbers at which arithmetic of 32 and 64 bits carries, overflows and changes its sign.
_EDGES = (-1, 1 << 63, (1 << 63) - 1, 1 << 31, (1 << 31) - 1, (1 << 32) - 1, 7, 8, 15, 16, 64)
_PLAIN = (1, 8)  # not 0, which is also what nobody has written
_SMALL_ROLES = ("cpu", "mm_cid", "node", "index", "offset")
_ELSEWHERE = 0x123_4567_8900  # how far objects are moved to see whether that matters
Key = tuple[str, int, int]  # an object, an offset, bytes
_NOTHING: Mapping[Key, int] = {}


class Access(NamedTuple):
    """A read or write of ``size`` bytes at an offset of an object."""

    thing: str
    offset: int
    size: int
    writes: bool


class Start(NamedTuple):
    """A start: arguments, what objects hold, which accesses followed.

    ``objects`` are the names of the objects in their order; ``arguments`` are numbers, or the names
    of objects.  ``memory`` gives (object, offset, bytes) their value.  ``marked`` says that
    cpu_id_start must hold the upper half of the first object's address, ``changes`` that the commit
    does not write what is there.  ``places`` says where the objects were while the start was looked
    for.  ``cpu`` is the CPU on which it commits: 1 where it does so only on another one than CPU 0,
    whose number it is handed.
    """

    objects: tuple[str, ...]
    arguments: dict[str, int | str]
    memory: dict[tuple[str, int, int], int]
    accesses: tuple[Access, ...]
    marked: bool
    changes: bool
    places: dict[str, Spot]
    cpu: int = 0


class Spot(NamedTuple):
    """An object's first address, its bytes, and the distance to the address by which it is known."""

    first: int
    size: int
    lead: int

    @property
    def pointer(self) -> int:
        """The address by which it is known."""
        return self.first + self.lead


class _Elsewhere(Exception):
    """An access that is in no object."""


class _World:
    """Objects one after the other, bytes chosen when they are read."""

    def __init__(
        self,
        places: dict[str, Spot],
        pool: list[int],
        generator: random.Random,
        learnt: dict[Key, int],
        trust: float = _TRUST,
        cpu: int = 0,
    ) -> None:
        self.trust = trust
        self.cpu = cpu
        self.places = places
        self.pool = pool
        self.generator = generator
        self.learnt = learnt
        self.now: dict[int, int] = {}
        self.first: dict[tuple[str, int, int], int] = {}
        self.accesses: list[Access] = []
        self.changed = False

    def address(self, name: str) -> int:
        """The address by which an object is known."""
        return self.places[name].pointer

    def where(self, address: int, size: int) -> tuple[str, int]:
        """The object and offset of an access."""
        for name, spot in self.places.items():
            if spot.first <= address <= spot.first + spot.size - size:
                return name, address - spot.first
        raise _Elsewhere

    def read(self, address: int, size: int) -> bytes:
        """Bytes; new ones are chosen as one number."""
        name, offset = self.where(address, size)
        self.accesses.append(Access(name, offset, size, False))
        if all(address + at not in self.now for at in range(size)):
            value = self.choose((name, offset, size)) & (1 << 8 * size) - 1
            self.first[name, offset, size] = value
            for at, byte in enumerate(value.to_bytes(size, "little")):
                self.now[address + at] = byte
        return self.left(name, offset, size)

    def left(self, name: str, offset: int, size: int) -> bytes:
        """What is in an object by now."""
        first = self.places[name].first + offset
        return bytes(self.now.get(first + at, 0) for at in range(size))

    def choose(self, key: Key) -> int:
        """A value for what is read first; no pointer for what is smaller than one."""
        if key in self.learnt and self.generator.random() < self.trust:
            return self.learnt[key]
        value = self.generator.choice(self.pool)
        return value if key[2] >= 8 or value < FIRST_OBJECT else self.generator.choice(_SMALL)

    def write(self, address: int, data: bytes) -> None:
        """Set bytes."""
        name, offset = self.where(address, len(data))
        self.accesses.append(Access(name, offset, len(data), True))
        for at, byte in enumerate(data):
            self.changed |= self.now.get(address + at) != byte
            self.now[address + at] = byte


def solve(
    section: ir.Section,
    sizes: Mapping[str, int] | None = None,
    seed: int = 1,
    again: bool = False,
) -> Start | None:
    """A start from which the section commits; None where none was found.

    That is on CPU 0, or else, where it reads on which CPU it is, on CPU 1.  ``sizes`` gives the bytes
    of the variables that it names.  ``again``: from what the run leaves the section can run once more.
    """
    roles = roles_of(section)
    names = [each.name for each in section.parameters]
    bases = [name for name in names if roles.get(name) == "base" and name != AREA]
    variables = dict.fromkeys(t.symbol for t in _terms(section) if isinstance(t, ir.Address))
    marked = caches_pointer(section)
    objects = (
        *(["slab"] if marked else []),
        *bases,
        *variables,
        "more",
        *(["before"] if AREA in names else []),
    )
    needed, loaded = extents(section)
    needed |= {"slab": loaded, "more": loaded, "before": _AREA}
    needed |= {name: Extent((sizes or {}).get(name, OBJECT_BYTES)) for name in variables}
    places: dict[str, Spot] = {}
    at = FIRST_OBJECT
    for name in objects:
        size, lead = needed.get(name, Extent())
        places[name] = Spot(at, size, lead)
        at += -(-size // OBJECT_BYTES) * OBJECT_BYTES
    generator = random.Random(seed)
    kept: Start | None = None
    learnt: dict[Key, int] = {}
    for tries, cpu, anything in _phases(section, marked):
        if anything and kept is not None:
            break
        for _ in range(tries):
            found = _try(section, roles, places, marked, generator, learnt, anything, cpu)
            if found is not None and found.changes:
                start = _simplest(section, roles, found)
                if not again or twice(section, start) is not None:
                    return start
            elif not again:
                kept = kept or found
    if kept is None or _may_keep(section):
        return None
    return _simplest(section, roles, kept)


def _simplest(section: ir.Section, roles: Mapping[str, str], start: Start) -> Start:
    """The same start with numbers that a person reads more easily."""
    return _ending(section, _telling(section, roles, _plainer(section, start)))


def _phases(section: ir.Section, marked: bool) -> Iterator[tuple[int, int, bool]]:
    """How a start is looked for: how often, on which CPU, and whether with unusual numbers."""
    yield _FIRST_TRIES, 0, False
    if not marked and reads(section) and not uses_ids(section):
        yield _FIRST_TRIES, 1, False
    yield _TRIES - _FIRST_TRIES, 0, False
    yield _MORE_TRIES, 0, True


def _may_keep(section: ir.Section) -> bool:
    """Whether the commit is an exchange that writes back what is there where it fails."""
    return any(
        isinstance(step, ir.Store) and step.commit and isinstance(step.value, ir.Choose)
        for step in ir.walk(section.body)
    )


def _learn(asked: ir.Term, run: SectionRun, read: Mapping[str, Key], world: _World) -> None:
    """What a branch compares with what was read: next time that is read, or a value beside it."""
    for each in ir.every_term(asked):
        if isinstance(each, ir.Binary) and each.operator in ir.COMPARES:
            for mine, other in ((each.left, each.right), (each.right, each.left)):
                names = [t.name for t in ir.every_term(mine) if isinstance(t, ir.Local)]
                keys = [read[name] for name in names if name in read]
                if len(keys) == 1:
                    beside = world.generator.choice((0, 0, 1, -1))
                    world.learnt[keys[0]] = ir.evaluate(other, run) + beside


def _terms(section: ir.Section) -> Iterable[ir.Term]:
    for step in ir.walk(section.body):
        for term in ir.terms_of(step):
            yield from ir.every_term(term)


def _try(
    section: ir.Section,
    roles: dict[str, str],
    places: dict[str, Spot],
    marked: bool,
    generator: random.Random,
    learnt: dict[Key, int],
    anything: bool,
    cpu: int,
) -> Start | None:
    """One try.  ``anything``: arguments that are no pointers, and what is read, may be unusual numbers."""
    world = _World(places, [], generator, learnt, cpu=cpu)
    shown = _arguments(section, roles, places, generator, anything)
    arguments = _numbers(shown, places)
    expected = [value for name, value in arguments.items() if roles.get(name) == "expect"]
    pointers = [world.address(name) for name in places]
    world.pool += [*_SMALL, 0x2000, *pointers, *expected, *expected, *expected]
    if anything:
        world.pool += _EDGES
    return _ran(section, shown, world, marked)


def _arguments(
    section: ir.Section,
    roles: dict[str, str],
    places: dict[str, Spot],
    generator: random.Random,
    anything: bool,
) -> dict[str, int | str]:
    """Arguments: numbers, or the names of objects whose addresses they are."""
    shown: dict[str, int | str] = {}
    for number, each in enumerate(section.parameters):
        role = roles.get(each.name)
        if each.name == AREA:
            shown[AREA] = "before"
        elif role == "base" and each.name in places:
            shown[each.name] = each.name
        else:
            value = 0 if role in _SMALL_ROLES else 0x100 * (number + 1)
            if role in (None, "value") and generator.random() < 0.5:
                value = generator.choice([0, 1, 2, 8])
            if anything and generator.random() < 0.6:
                others = [each for each in shown.values() if isinstance(each, int)]
                wide = () if role in _SMALL_ROLES else _EDGES
                value = generator.choice([*_SMALL, *others, *wide]) & (1 << 64) - 1
            shown[each.name] = value
    return shown


def _numbers(shown: Mapping[str, int | str], places: Mapping[str, Spot]) -> dict[str, int]:
    """Arguments as what registers hold."""
    return {
        name: places[each].pointer if isinstance(each, str) else each
        for name, each in shown.items()
    }


def _ran(
    section: ir.Section, shown: dict[str, int | str], world: _World, marked: bool
) -> Start | None:
    """The start that a run from these arguments and this memory shows, None where it does not commit."""
    places = world.places
    if marked:
        low = world.address("before") - 4 if AREA in shown else None
        if low is not None:
            value = world.address("slab") & 0xFFFF_FFFF
            world.first["before", _AREA.lead - 4, 4] = value
            for at, byte in enumerate(value.to_bytes(4, "little")):
                world.now[low + at] = byte
    run = _section_run(section, shown, world, marked)
    committed = _followed(run, world)
    if committed is None:
        return None
    objects = tuple(places)
    used = {each.thing for each in world.accesses} | {
        each for each in shown.values() if isinstance(each, str)
    }
    kept = tuple(each for each in objects if each in used or each != "more")
    if kept != objects and any(each.thing == "more" for each in world.accesses):
        kept = objects
    accesses = tuple(dict.fromkeys(world.accesses))
    return Start(kept, shown, world.first, accesses, marked, committed, places, world.cpu)


def _section_run(
    section: ir.Section, shown: Mapping[str, int | str], world: _World, marked: bool
) -> SectionRun:
    """A run that is still to be stepped."""
    places = world.places
    area = dict.fromkeys(ir.AREA_FIELDS, 0) | dict.fromkeys(ir.CPU_FIELDS, world.cpu)
    if marked:
        area["cpu_id_start"] = _MARKED
    surroundings = Surroundings(
        world.read, world.write, lambda symbol, cpu: places[symbol].first, area, "little"
    )
    return SectionRun(section, _numbers(shown, places), surroundings)


def _followed(run: SectionRun, world: _World) -> bool | None:
    """Whether the commit of a run changed memory; None where it wrote none, or did not commit."""
    written = changed = False  # an exchange that fails commits nothing
    asked: ir.Term | None = None
    read: dict[str, Key] = {}
    try:
        while run.label is None and run.steps < _STEPS:
            step = run.code[run.point].step
            if isinstance(step, Branch):
                asked = step.condition or asked
            commits = not isinstance(step, Branch | Leave) and ir.is_commit(step)
            before, world.changed = len(world.accesses), False
            run.step()
            written |= commits and any(each.writes for each in world.accesses[before:])
            changed |= commits and world.changed
            if isinstance(step, ir.Load):
                read[step.local] = world.accesses[before][:3]
    except _Elsewhere:
        return None
    if run.label == ir.OK and written:
        return changed
    if asked is not None:
        _learn(asked, run, read, world)
    return None


def _plainer(section: ir.Section, start: Start) -> Start:
    """The same start with numbers in memory where an address is, but is never used as one."""
    ends = max(each.first + each.size for each in start.places.values())
    addresses = [key for key, value in start.memory.items() if FIRST_OBJECT <= value < ends]
    for key in addresses:
        for plain in _PLAIN:
            found, _ = _with(section, start, {key: plain})
            if found is not None:
                start = found
                break
    return start


def _telling(section: ir.Section, roles: Mapping[str, str], start: Start) -> Start:
    """The same start with another number for an argument of 0, which shows nothing where it is added."""
    for name, value in start.arguments.items():
        if value == 0 and roles.get(name) in (None, "value"):
            for plain in _PLAIN:
                arguments: dict[str, int | str] = {**start.arguments, name: plain}
                world = _world_of(start)
                found = _ran(section, arguments, world, start.marked)
                if found is not None and found._replace(arguments=start.arguments) == start:
                    start = found
                    break
    return start


def _ending(section: ir.Section, start: Start) -> Start:
    """The same start with the end of a list for a number that a second run would follow.

    That is 0, or a number that the section is handed and may compare with.
    """
    found, world = _with(section, start)
    if found is None or _stays(section, found, world):
        return start
    handed = [each for each in start.arguments.values() if isinstance(each, int)]
    for key in start.memory:
        for end in dict.fromkeys([0, *handed]):
            found, world = _with(section, start, {key: end})
            if found is not None and _stays(section, found, world):
                return found
    return start


def _world_of(start: Start) -> _World:
    """The memory of a start, and 0 where it says nothing."""
    return _World(dict(start.places), [0], random.Random(0), dict(start.memory), 1.0, start.cpu)


def _with(
    section: ir.Section, start: Start, changed: Mapping[Key, int] = _NOTHING
) -> tuple[Start | None, _World]:
    """The start with numbers in memory replaced, None where the run is another; and what the run leaves."""
    world = _world_of(start._replace(memory={**start.memory, **changed}))
    found = _ran(section, dict(start.arguments), world, start.marked)
    same = found is not None and found._replace(memory=start.memory) == start
    return found if same else None, world


def _stays(section: ir.Section, start: Start, world: _World) -> bool:
    """Whether the section, run once more on what the start's run has left, touches these objects alone."""
    return _again(section, start, world) is not None


def _again(section: ir.Section, start: Start, world: _World) -> str | None:
    """By which label a second run leaves; None where it touches what is in no object, or "" without an end."""
    run = _section_run(section, start.arguments, world, start.marked)
    try:
        while run.label is None and run.steps < _STEPS:
            run.step()
    except _Elsewhere:
        return None
    return run.label or ""


class Twice(NamedTuple):
    """What two runs, one after the other, leave.

    ``both`` says whether both commit, ``memory`` what is where they wrote; ``more`` whether that is
    not what the first one has left.
    """

    both: bool
    memory: dict[Key, int]
    more: bool


def twice(section: ir.Section, start: Start) -> Twice | None:
    """The section run twice from a start; None where the second run has no end among the objects.

    Also where what is left depends on where the objects are, which is elsewhere in a scenario.
    """
    found = _twice(section, start)
    elsewhere = _moved(start, _ELSEWHERE)
    other = None if found is None else _twice(section, elsewhere)
    if found is None or other is None:
        return None
    named, renamed = (
        _pointing(each.memory, one) for each, one in ((found, start), (other, elsewhere))
    )
    return found if named == renamed else None


def _twice(section: ir.Section, start: Start) -> Twice | None:
    found, world = _with(section, start)
    first = dict(world.now)
    label = _again(section, start, world) if found is not None else None
    if not label:
        return None
    written = dict.fromkeys(each for each in world.accesses if each.writes)
    memory = {
        (name, offset, size): int.from_bytes(world.left(name, offset, size), "little")
        for name, offset, size, _ in written
    }
    changed = any(first.get(at) != value for at, value in world.now.items())
    return Twice(label == ir.OK, memory, changed)


def _moved(start: Start, by: int) -> Start:
    """The same start with its objects so many bytes farther."""
    places = {name: each._replace(first=each.first + by) for name, each in start.places.items()}
    memory = {
        key: places[value].pointer if isinstance(value, str) else value
        for key, value in _pointing(start.memory, start).items()
    }
    return start._replace(places=places, memory=memory)


def _pointing(memory: Mapping[Key, int], start: Start) -> dict[Key, int | str]:
    """Memory with the names of objects in place of their addresses."""
    names = {each.pointer: name for name, each in start.places.items()}
    return {key: names.get(value, value) if key[2] == 8 else value for key, value in memory.items()}

"""A start from which a lifted section commits: found by running it, never guessed.

Each base is an object of its own.  Memory is chosen when the section first reads it, from values that
make its compares equal and its pointers lead to objects; a run that ends with the commit, and whose
commit writes, says what each byte must hold at first.  One that ends elsewhere teaches what the last
branch would have liked to read.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from ..interpreter.section import SectionRun, Surroundings
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
_MORE_TRIES = 4000  # with other numbers, where these found nothing
_TRUST = 0.9  # how often what was learnt is used
_SMALL = (0, 1, 2, 3, 4)
# Numbers at which arithmetic of 32 and 64 bits carries, overflows and changes its sign.
_EDGES = (-1, 1 << 63, (1 << 63) - 1, 1 << 31, (1 << 31) - 1, (1 << 32) - 1, 7, 8, 15, 16, 64)
_PLAIN = (1, 8)  # not 0, which is also what nobody has written
_SMALL_ROLES = ("cpu", "mm_cid", "node", "index", "offset")
Key = tuple[str, int, int]  # an object, an offset, bytes


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
    for.
    """

    objects: tuple[str, ...]
    arguments: dict[str, int | str]
    memory: dict[tuple[str, int, int], int]
    accesses: tuple[Access, ...]
    marked: bool
    changes: bool
    places: dict[str, Spot]


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
    ) -> None:
        self.trust = trust
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
        return bytes(self.now.get(address + at, 0) for at in range(size))

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
    section: ir.Section, sizes: Mapping[str, int] | None = None, seed: int = 1
) -> Start | None:
    """A start from which the section commits on CPU 0; None where none was found.

    ``sizes`` gives the bytes of the variables that it names.
    """
    roles = roles_of(section)
    names = [each.name for each in section.parameters]
    bases = [name for name in names if roles.get(name) == "base" and name != AREA]
    variables = dict.fromkeys(t.symbol for t in _terms(section) if isinstance(t, ir.Address))
    marked = any(isinstance(t, ir.Id) and t.name == "cpu_id_start" for t in _terms(section))
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
    for number in range(_TRIES + _MORE_TRIES):
        if number >= _TRIES and kept is not None:
            break
        found = _try(section, roles, places, marked, generator, learnt, number >= _TRIES)
        if found is not None and found.changes:
            return _simplest(section, roles, found)
        kept = kept or found
    if kept is None or _may_keep(section):
        return None
    return _simplest(section, roles, kept)


def _simplest(section: ir.Section, roles: Mapping[str, str], start: Start) -> Start:
    """The same start with numbers that a person reads more easily."""
    return _ending(section, _telling(section, roles, _plainer(section, start)))


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
) -> Start | None:
    """One try.  ``anything``: arguments that are no pointers, and what is read, may be unusual numbers."""
    world = _World(places, [], generator, learnt)
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
    return Start(kept, shown, world.first, accesses, marked, committed, places)


def _section_run(
    section: ir.Section, shown: Mapping[str, int | str], world: _World, marked: bool
) -> SectionRun:
    """A run that is still to be stepped."""
    places = world.places
    area = dict.fromkeys(ir.AREA_FIELDS, 0)
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
            found, _ = _with(section, start, key, plain)
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
                world = _World(dict(start.places), [0], random.Random(0), dict(start.memory), 1.0)
                found = _ran(section, arguments, world, start.marked)
                if found is not None and found._replace(arguments=start.arguments) == start:
                    start = found
                    break
    return start


def _ending(section: ir.Section, start: Start) -> Start:
    """The same start with 0 for a number that a second run would follow: there a list ends."""
    for key, value in start.memory.items():
        found, world = _with(section, start, key, value)
        if found is None or _stays(section, found, world):
            return start
        found, world = _with(section, start, key, 0)
        if found is not None and _stays(section, found, world):
            return found
    return start


def _with(section: ir.Section, start: Start, key: Key, value: int) -> tuple[Start | None, _World]:
    """The start with one number in memory replaced, None where the run is another; and what the run leaves."""
    memory = {**start.memory, key: value}
    world = _World(dict(start.places), [0], random.Random(0), memory, 1.0)
    found = _ran(section, dict(start.arguments), world, start.marked)
    same = found is not None and found._replace(memory=start.memory) == start
    return found if same else None, world


def _stays(section: ir.Section, start: Start, world: _World) -> bool:
    """Whether the section, run once more on what the start's run has left, touches these objects alone."""
    run = _section_run(section, start.arguments, world, start.marked)
    try:
        while run.label is None and run.steps < _STEPS:
            run.step()
    except _Elsewhere:
        return False
    return True

"""Calls of a real program as ``.opv`` files: each with its memory, and a test that repeats it.

The addresses of the program become variables: memory that the call used becomes arrays of words,
named after the program's own symbols where it has them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..abi.pages import PageKind
from ..abi.revisions import Abi
from ..codes import live as codes
from ..errors import Diagnostic, OpvasmError
from ..interpreter.errno import result_name
from ..interpreter.events import CpuRefused, Event, Loaded, Stored
from ..text.printer import Speller
from .call import Call
from .replay import replay
from .report import Names

_WORD = 8
_FILES_MAX = 1000
_LARGEST_CPU = 4095
# Memory used by one call that lies closer together than this becomes one variable.
_NEAR = 64


class _Area(NamedTuple):
    """Memory that a call used: its first address, its size in bytes, the name it gets."""

    address: int
    size: int
    name: str
    kind: PageKind | None = None

    @property
    def end(self) -> int:
        return self.address + self.size


class Saver:
    """Writes a file for each call of a new shape: the same ops on other addresses are not news.

    Raises OpvasmError when the folder can't be made or written.
    """

    def __init__(self, folder: str, abi: Abi, names: Names) -> None:
        self._folder = folder
        self._abi = abi
        self._names = names
        self._seen: set[object] = set()
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from None

    def __call__(self, call: Call) -> None:
        """Write the call's file, unless one like it is there."""
        if call.data is None or call.plan is None or len(self._seen) >= _FILES_MAX:
            return
        areas = list(self._areas(call))
        shape = self._shape(call, areas)
        if shape in self._seen:
            return
        self._seen.add(shape)
        name = f"{len(self._seen):04}-{_title(call)}.opv"
        path = os.path.join(self._folder, name)
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(self._text(call, areas))
        except OSError as error:
            raise _unwritable(path, error) from None

    def _areas(self, call: Call) -> Iterator[_Area]:
        """The memory of the operands, in whole words, what is near together taken as one."""
        assert call.plan is not None
        ranges = sorted(
            {
                (address & -_WORD, -(-(address + each.length) // _WORD) * _WORD)
                for each in call.plan.prepared.instructions
                for address in each.addresses
                if isinstance(address, int) and each.length
            }
        )
        refused = getattr(call.ended, "page", None)
        taken: set[str] = set()
        merged: list[tuple[int, int]] = []
        for start, end in ranges:
            if (
                merged and start <= merged[-1][1] + _NEAR and start >> 12 == merged[-1][1] >> 12
            ) or (merged and start < merged[-1][1]):
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        for index, (start, end) in enumerate(merged):
            symbol = self._names.of(call.pid).name(start, call.thread_pointer)
            name = re.sub(r"\W", "_", symbol.partition("+")[0]) if symbol else f"memory{index}"
            if not re.match(r"[A-Za-z_]\w*$", name) or name in taken or name in _WORDS:
                name = f"{name}_{index}"
            taken.add(name)
            kind = None
            if refused is not None and start <= refused | 0xFFF and refused <= end:
                kind = getattr(call.ended, "kind", None)
            yield _Area(start, end - start, name, kind)

    def _shape(self, call: Call, areas: list[_Area]) -> object:
        """What makes a call news: ops, lengths, immediates, which operands lie together, result."""
        assert call.plan is not None
        ops = []
        for each in call.plan.prepared.instructions:
            places = tuple(_place(address, areas) for address in each.addresses)
            shape = each._replace(addresses=places, immediate=None, place=None)  # type: ignore[arg-type]
            ops.append(shape)
        return tuple(ops), call.result

    def _text(self, call: Call, areas: list[_Area]) -> str:
        plan = call.plan
        assert plan is not None
        before, after, repeatable = _memory(replay(call, self._abi))
        lines = [
            f"// Process {call.pid}, thread {call.tid}: asked for CPU {call.arguments.cpu}, "
            f"answered {result_name(call.result)}.",
            "",
            f"abi {self._abi.revision.name}",
            "",
        ]
        lines += [_declaration(area, before) for area in areas]
        valid = plan.prepared.violation is None
        lines += ["", f"{'' if valid else 'unverified '}vector recorded() {{"]

        def name(address: int, size: int) -> str | None:
            return _spelled(address, areas)

        speller = Speller(self._abi, address_name=name)
        lines += [f"    {speller.line(each)}" for each in plan.prepared.instructions]
        lines += ["}"]
        if not repeatable:
            lines += ["", "// Another thread wrote this memory meanwhile: no test can repeat it."]
        elif call.arguments.cpu >= 0:
            lines += ["", *self._test(call, areas, after)]
        return "\n".join(lines) + "\n"

    def _test(self, call: Call, areas: list[_Area], after: dict[int, int]) -> list[str]:
        cpu = call.arguments.cpu
        lines = ['test "as recorded" {']
        on = ""
        if isinstance(call.ended, CpuRefused):
            lines.append(f"    // refused for its CPU: {call.ended.reason}")
            on = f" on {cpu}"
        if cpu > _LARGEST_CPU or "exist" in getattr(call.ended, "reason", ""):
            lines += ["    cpus 0..0", "    cpu 0"]
            on = f" on {cpu}"
        elif on:
            lines += [f"    cpus 0..{cpu + 1}", f"    allowed {cpu + 1}", f"    cpu {cpu + 1}"]
            if "offline" in getattr(call.ended, "reason", ""):
                lines.append(f"    online {cpu + 1}")
        else:
            lines += [f"    cpus 0..{cpu}", f"    cpu {cpu}"]
        lines.append(f"    run recorded(){on} -> {result_name(call.result)}")
        words = {address & -_WORD for address in after}
        for word in sorted(words):
            known = [after.get(word + index) for index in range(_WORD)]
            for index, byte in enumerate(known):
                if byte is not None and None in known:
                    lines.append(f"    assert {_byte(word, index, areas)} == {byte:#x}")
            if None not in known:
                value = int.from_bytes(bytes(each for each in known if each is not None), "little")
                lines.append(f"    assert {_element(word, areas)} == {value:#x}")
        if not after and areas:
            lines.append("    assert unchanged")
        return [*lines, "}"]


# Words that can't be the name of a variable.
_WORDS = frozenset(
    [
        "abi",
        "use",
        "const",
        "struct",
        "percpu",
        "shared",
        "page",
        "vector",
        "unverified",
        "test",
        "scenario",
        "strategy",
        "cpu",
        "cpus",
        "online",
        "allowed",
        "current",
        "run",
        "assert",
        "repeat",
        "fill",
        "unchanged",
        "sum",
        "recorded",
    ]
)


def _unwritable(path: str, error: OSError) -> OpvasmError:
    message = f"cannot write {path}: {error.strerror}"
    return OpvasmError([Diagnostic("error", codes.PROGRAM, message)])


def _title(call: Call) -> str:
    """Words for a file's name: the ops in short, and the result."""
    assert call.plan is not None
    names = [
        each.operation.mnemonic if each.operation else "unknown"
        for each in call.plan.prepared.instructions
    ]
    short = "-".join(names[:4]) + (f"-and-{len(names) - 4}" if len(names) > 4 else "")
    return f"{short or 'empty'}-{result_name(call.result)}"


def _place(address: object, areas: list[_Area]) -> tuple[str, int] | object:
    """Which area an address lies in, and how far."""
    if isinstance(address, int):
        for index, area in enumerate(areas):
            if area.address <= address <= area.end:
                return index, address - area.address
    return address


def _spelled(address: int, areas: list[_Area]) -> str | None:
    for area in areas:
        if area.address <= address < area.end:
            index, rest = divmod(address - area.address, _WORD)
            if area.kind is not None:
                index, rest = 0, address & 0xFFF
                return f"[&{area.name} + {rest}]"
            return f"[&{area.name}[{index}]{f' + {rest}' if rest else ''}]"
    return None


def _element(word: int, areas: list[_Area]) -> str:
    for area in areas:
        if area.address <= word < area.end:
            return f"{area.name}[{(word - area.address) // _WORD}]"
    raise AssertionError(f"{word:#x} was stored outside of every operand")


def _byte(word: int, index: int, areas: list[_Area]) -> str:
    return f"(({_element(word, areas)} >> {8 * index}) & 0xff)"


def _declaration(area: _Area, before: dict[int, int]) -> str:
    """A variable with the bytes that the call met."""
    if area.kind is not None:
        return f"page   {area.name}: {area.kind.value}[2]"
    values = [
        sum(before.get(word + index, 0) << 8 * index for index in range(_WORD))
        for word in range(area.address, area.end, _WORD)
    ]
    while values and values[-1] == 0:
        values.pop()
    initial = f" = {{ {', '.join(f'{each:#x}' for each in values)} }}" if values else ""
    return f"shared {area.name}: u64[{area.size // _WORD}]{initial}"


def _memory(events: Iterable[Event]) -> tuple[dict[int, int], dict[int, int], bool]:
    """The bytes before the call, those stored, and whether one thread alone explains all loads."""
    before: dict[int, int] = {}
    after: dict[int, int] = {}
    alone = True
    for event in events:
        if isinstance(event, Loaded):
            for index, byte in enumerate(event.data):
                address = event.address + index
                known = after.get(address, before.setdefault(address, byte))
                alone = alone and known == byte
        elif isinstance(event, Stored):
            for index, byte in enumerate(event.before):
                address = event.address + index
                known = after.get(address, before.setdefault(address, byte))
                alone = alone and known == byte
            for index, byte in enumerate(event.after):
                after[event.address + index] = byte
    return before, after, alone

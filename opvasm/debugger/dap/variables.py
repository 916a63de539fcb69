"""What an editor shows beside the text: arguments, variables, CPUs, slots, the place in history."""

from __future__ import annotations

from collections.abc import Callable

from ...machine import Fault
from ...program import Area, Array, Pointer, Scalar, Struct, Type
from ...scenario.evaluate import decode_value
from ...text.names import type_text
from ..examine import typed_text
from ..locations import CommandError
from ..session import Session
from ..threads import WithThreads
from ..wording import names_of, number_text, title
from .protocol import Message

Children = Callable[[], list[Message]]
ELEMENTS_MAX = 4096


class Variables:
    """Numbers for things that have parts; they mean something until the next move."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._children: list[Children] = []

    def forget(self) -> None:
        """The session has moved: numbers given so far mean nothing any more."""
        self._children.clear()

    def follow(self, session: Session) -> None:
        """The same variables in another history; numbers given so far stay good."""
        self._session = session

    def of(self, reference: int) -> list[Message]:
        """The parts of a thing.  Raises ValueError for a number that means nothing."""
        if not 1 <= reference <= len(self._children):
            raise ValueError(f"variablesReference {reference} means nothing at this stop")
        return self._children[reference - 1]()

    def place_of(self, reference: int, name: str, memory: bool = True) -> str:
        """What ``set`` calls a part; with ``memory``, only a place in memory.

        Raises CommandError where there is no such part.
        """
        for part in self.of(reference):
            if part["name"] == name and ("memoryReference" if memory else "evaluateName") in part:
                return str(part["evaluateName"])
        raise CommandError(f"{name} is not a place in memory")

    def scopes(self) -> list[Message]:
        """The groups of variables."""
        several = isinstance(self._session.timeline, WithThreads)
        groups: list[tuple[str, Children]] = [
            ("Locals", self._locals) if several else ("Arguments", self._arguments),
            ("Variables", self._symbols),
            ("Slots", self._slots),
            ("CPUs", self._cpus),
            ("Position", self._position),
        ]
        return [
            {"name": name, "variablesReference": self._number(children), "expensive": False}
            for name, children in groups
        ]

    def value_of(self, reference: int, name: str) -> str:
        """What a part holds now."""
        return next(str(each["value"]) for each in self.of(reference) if each["name"] == name)

    def typed(self, name: str, address: int, kind: Type | None, where: str) -> Message:
        """A variable at an address, with its parts."""
        session = self._session
        variable: Message = {
            "name": name,
            "evaluateName": where,
            "memoryReference": f"{address:#x}",
            "variablesReference": 0,
        }
        if kind is None:
            return variable | {"value": "", "type": "page"}
        variable["type"] = type_text(kind)
        try:
            data = session.holder.memory.read(address, kind.size)
        except Fault as fault:
            return variable | {"value": f"not mapped (page {fault.page:#x})"}
        value = decode_value(data, kind, session.program)
        variable["value"] = typed_text(value, kind, "", session, names_of(session))
        if isinstance(kind, Array | Struct):
            variable["variablesReference"] = self._number(lambda: self._parts(address, kind, where))
        return variable

    def _parts(self, address: int, kind: Array | Struct, where: str) -> list[Message]:
        if isinstance(kind, Struct):
            return [
                self.typed(each.name, address + each.offset, each.type, f"{where}.{each.name}")
                for each in kind.members
            ]
        size = kind.element.size
        return [
            self.typed(f"[{index}]", address + index * size, kind.element, f"{where}[{index}]")
            for index in range(min(kind.count, ELEMENTS_MAX))
        ]

    def _number(self, children: Children) -> int:
        self._children.append(children)
        return len(self._children)

    def _arguments(self) -> list[Message]:
        call = self._session.call
        names = names_of(self._session)
        if call is None:
            return []
        return [
            _plain(name, number_text(value, names)) | {"evaluateName": name}
            for name, value in call.arguments.items()
        ]

    def _locals(self) -> list[Message]:
        """Of a schedule: what each thread's locals hold."""
        session = self._session
        assert isinstance(session.timeline, WithThreads)
        return [
            _plain(f"{each.name}.{local.name}", local.text)
            | {"evaluateName": f"{each.name}.{local.name}"}
            for each in session.timeline.threads(session.entry)
            for local in each.locals
        ]

    def _symbols(self) -> list[Message]:
        session = self._session
        found = []
        for symbol in session.program.data.symbols.values():
            percpu = symbol.area is Area.PERCPU
            for cpu in range(session.holder.cpus.possible if percpu else 1):
                name = f"{symbol.name}@{cpu}" if percpu else symbol.name
                address = session.layout.symbol_address(symbol, cpu)
                kind = None if symbol.area is Area.PAGE else symbol.type
                found.append(self.typed(name, address, kind, name))
        return found

    def _slots(self) -> list[Message]:
        """The memory that holds the arguments of the call."""
        session = self._session
        call = session.call
        if call is None or call.vector is None:
            return []
        found = []
        for parameter in call.vector.parameters:
            kind: Scalar | Pointer = parameter.type
            address = session.layout.slots + parameter.offset
            # The parameter's name alone is its value: what an op finds in memory is the slot's.
            word = "ptr" if isinstance(kind, Pointer) else kind.name
            found.append(self.typed(parameter.name, address, kind, f"[{address:#x}].{word}"))
        return found

    def _cpus(self) -> list[Message]:
        cpus = self._session.holder.cpus
        found = []
        for cpu in range(cpus.possible):
            words = "online" if cpu in cpus.online else "offline"
            words += "" if cpu in cpus.allowed else ", not allowed"
            words += ", the caller is here" if cpu == cpus.current else ""
            found.append(_plain(f"CPU {cpu}", words))
        return found

    def _position(self) -> list[Message]:
        session = self._session
        found = [
            _plain("position", str(session.position)),
            _plain("statement", str(session.entry + 1)),
        ]
        op, copied = session.op, session.instructions
        if op is not None and op < len(copied):
            names = names_of(session)
            found.append(_plain("op", str(op)))
            for operand, address, _ in copied[op].operands():
                if isinstance(address, int):
                    found.append(_plain(operand.name, title(names, address, copied[op].length)))
        return found


def _plain(name: str, value: str) -> Message:
    return {"name": name, "value": value, "variablesReference": 0}

"""The words for places, values and movements: names instead of addresses wherever there are any."""

from __future__ import annotations

from ..abi.ops import Access
from ..interpreter.errno import result_name
from ..interpreter.events import (
    Called,
    CopiedIn,
    Faulted,
    Fenced,
    Finished,
    Loaded,
    Moved,
    Pinned,
    PinRefused,
    Returned,
    Started,
    Stored,
)
from ..interpreter.reason import Reason
from ..machine import Cpus, Fault
from ..program import Instruction, Vector
from ..scenario.events import (
    Asserted,
    CallBegins,
    CallEnds,
    CpusSet,
    MachineReady,
    MemorySet,
    SectionBegins,
    SectionEnds,
    SectionStepped,
    StatementBegins,
)
from ..source import Place, Span
from ..trace.names import Names
from ..trace.op import spelled
from ..trace.section import stepped_text
from ..trace.values import change, value
from .movements import Broken, Computed, MachineSet, Movement, Scheduled
from .session import Session

_ACCESS = {
    Access.READ: "reading",
    Access.WRITE: "writing",
    Access.READ_WRITE: "reading and writing",
}


def names_of(session: Session) -> Names:
    """The names at a session's position."""
    call = session.call
    return Names(session.program, session.layout, None if call is None else call.vector)


def title(names: Names, address: int, length: int) -> str:
    """What an address is called."""
    return names.exact(address, length) or f"@{address:#x}"


def number_text(number: int, names: Names) -> str:
    """A number: small ones in decimal, others in hexadecimal with the variable they point to."""
    if -4096 < number < 4096:
        return str(number)
    address = names.address(number) if number > 0 else None
    return f"{number:#x}" if address is None else f"{number:#x} ({address})"


def memory_text(session: Session, names: Names, address: int, length: int) -> str:
    """What memory holds."""
    try:
        return value(session.holder.memory.read(address, length), names)
    except Fault as fault:
        return f"not mapped (page {fault.page:#x})"


def op_text(vector: Vector | None, op: int, instruction: Instruction, names: Names) -> str:
    """An op as it was written, else as the language writes it."""
    return spelled(vector, op, instruction, names)


def place_text(place: Place | None) -> str:
    """``file:line`` of a text, the bytes of raw input."""
    if isinstance(place, Span):
        return f"{place.file.name}:{place.line}"
    return "" if place is None else str(place)


def call_text(call: CallBegins, names: Names) -> str:
    """A call as a person writes it: ``push(node = &nodes[0], expect = 0)``."""
    vector = "ops" if call.vector is None else call.vector.name
    if call.vector is None and call.address is not None:
        vector = f"the ops at {title(names, call.address, 0)}"
    listed = ", ".join(
        f"{name} = {number_text(each, names)}" for name, each in call.arguments.items()
    )
    return f"{vector}({listed})"


def movement_text(movement: Movement, names: Names) -> str:
    """What a movement does, in a clause."""
    match movement:
        case StatementBegins(statement=statement):
            return f"the statement begins: {' '.join(statement.span.text.split())}"
        case MemorySet(address=address, before=before, after=after):
            where = title(names, address, len(after))
            return f"the test sets {where}: {change(before, after, names)}"
        case CpusSet(after=cpus):
            return f"the test sets the CPUs: {cpus_text(cpus)}"
        case CallBegins():
            return f"the test calls {call_text(movement, names)}"
        case SectionBegins(section=section, cpu=cpu):
            return f"the test enters the section {section.name} on CPU {cpu}"
        case SectionStepped(at=at):
            return f"instruction {at}: {stepped_text(movement, names)}"
        case SectionEnds(label=label, expected=wanted):
            also = "" if label == wanted else f", expected was {wanted}"
            return f"the section is left by {label}{also}"
        case Called(cpuopcnt=count, cpu=cpu, flags=flags):
            return f"call: cpu_opv(ops, {count}, {cpu}, {flags}), arguments checked"
        case CopiedIn(instructions=instructions):
            count = len(instructions)
            return f"check: {count} op{'' if count == 1 else 's'} copied in, static rules asked"
        case Pinned():
            where = title(names, movement.address, movement.length)
            pages = f"{movement.pages} page{'' if movement.pages == 1 else 's'}"
            made = f", {len(movement.changes)} made ready" if movement.changes else ""
            return f"pin: op {movement.op}, {movement.operand} {where} for {_ACCESS[movement.access]}: {pages}{made}"
        case Moved(source=source, target=target):
            return f"CPU: {'stays on' if source == target else f'moves from {source} to'} {target}"
        case Started(op=op, instruction=instruction):
            return f"op {op} begins: {op_text(names.vector, op, instruction, names)}"
        case Loaded(op=op, address=address, data=data):
            where = title(names, address, len(data))
            return f"read: op {op} reads {where}: {value(data, names)}"
        case Computed():
            return f"compute: {computed_text(movement, names)}"
        case Stored(op=op, address=address, before=before, after=after) if op < 0:
            where = title(names, address, len(after))
            return f"{where}: {change(before, after, names)}"
        case Stored(op=op, address=address, before=before, after=after):
            where = title(names, address, len(after))
            return f"write: op {op} writes {where}: {change(before, after, names)}"
        case Fenced(op=op):
            return f"barrier: op {op} orders every earlier access before every later one"
        case Finished(op=op, stops=stops):
            return f"op {op} is done" + (", and stops the vector" if stops else "")
        case Returned(result=result):
            return f"the call returns {result_name(result)}"
        case CallEnds(result=result, expected=expected):
            if result == expected:
                return "the result is the expected one"
            return f"the result is {result_name(result)}, expected was {result_name(expected)}"
        case Asserted(finding=finding):
            return "the assertion holds" if finding is None else f"FAILED: {finding.message}"
        case Broken(findings=findings):
            return f"the test ends: {'; '.join(each.message for each in findings)}"
        case Scheduled(thread=thread, cpu=cpu, text=text, aborts=aborts):
            ended = "".join(f"; {each}" for each in aborts)
            return f"{thread} on CPU {cpu}: {text}{ended}" if thread else f"{text}{ended}"
        case MachineReady() | MachineSet():
            return "another machine is made ready"
        case PinRefused() | Faulted() | _:
            reason = Reason()
            reason(movement)
            return "; ".join(text for text, _ in reason.lines())


def cpus_text(cpus: Cpus) -> str:
    """Which CPUs there are, run and may be used, and where the caller is."""
    online, allowed = (
        "all" if len(each) == cpus.possible else ", ".join(map(str, sorted(each))) or "none"
        for each in (cpus.online, cpus.allowed)
    )
    return (
        f"{cpus.possible} exist, online {online}, allowed {allowed}, the caller on {cpus.current}"
    )


def computed_text(computed: Computed, names: Names) -> str:
    """What an op works out of what it read."""
    operation = computed.instruction.operation
    assert operation is not None
    read = ", ".join(value(each.data, names) for each in computed.loaded)
    if computed.result is None:
        return f"op {computed.op} compares {read}: {compared_text(computed)}"
    assert operation.immediate is not None
    count = computed.instruction.immediate
    assert isinstance(count, int)
    return (
        f"op {computed.op}: {operation.mnemonic} of {read} and "
        f"{operation.immediate.name} {number_text(count, names)} is {value(computed.result, names)}"
    )


def compared_text(computed: Computed) -> str:
    """Whether two sides are equal, and where they differ first."""
    if len(computed.loaded) < 2:
        return "no bytes, which are equal"
    a, b = computed.loaded
    for offset, (left, right) in enumerate(zip(a.data, b.data, strict=True)):
        if left != right:
            before = a.address - _base(computed, 0)
            return f"they differ, first at byte {before + offset}: {left:#04x} and {right:#04x}"
    return "they are equal"


def _base(computed: Computed, operand: int) -> int:
    address = computed.instruction.addresses[operand]
    assert isinstance(address, int)
    return address

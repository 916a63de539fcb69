"""``info``: what there is: points, variables, pages, CPUs, pins, limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..abi.ops import LengthRule
from ..interpreter.events import Pinned
from ..program import Area, Instruction, Symbol
from ..program.flat import flatten
from ..scenario.evaluate import decode_value
from ..text.names import type_text
from ..trace.names import Names
from .examine import typed_text
from .locations import CommandError
from .shell import Shell
from .threads import ThreadState, WithThreads
from .wording import names_of, number_text, title


class Topic(NamedTuple):
    """A word after ``info``."""

    name: str
    summary: str
    run: Callable[[Shell, str], None]


def _breakpoints(shell: Shell, argument: str) -> None:
    if not shell.session.points:
        shell.write("no breakpoints or watchpoints")
    for point in shell.session.points:
        kind = "watch" if point.is_watch else "break"
        state = "" if point.enabled else ", disabled"
        once = ", once" if point.temporary else ""
        asked = "" if point.condition is None else f", if {point.condition.text}"
        hits = f", hit {_count(point.hits, 'time')}" if point.hits else ""
        shell.write(f"{point.number:<3} {kind} {point.location}{asked}{once}{state}{hits}")


def _symbols(shell: Shell, argument: str) -> None:
    session = shell.session
    names = names_of(session)
    symbols = session.program.data.symbols
    if argument and argument not in symbols:
        raise CommandError(f"no variable is called {argument!r}")
    if not symbols:
        shell.write("no variables are declared")
    for symbol in symbols.values():
        if argument not in ("", symbol.name):
            continue
        cpus = session.holder.cpus.possible if symbol.area is Area.PERCPU else 1
        for cpu in range(cpus):
            shell.write(symbol_line(shell, symbol, cpu, names))


def symbol_line(shell: Shell, symbol: Symbol, cpu: int, names: Names) -> str:
    """One instance of a variable with its address, type and value."""
    session = shell.session
    address = session.layout.symbol_address(symbol, cpu)
    instance = f"@{cpu}" if symbol.area is Area.PERCPU else ""
    kind = session.holder.memory.kind(address)
    if symbol.type is None or symbol.area is Area.PAGE:
        return f"{address:#x}  {symbol.name}: page, {kind.value}, {symbol.size} bytes"
    data = session.holder.memory.read(address, symbol.size)
    value = decode_value(data, symbol.type, session.program)
    shown = typed_text(value, symbol.type, "", session, names)
    return f"{address:#x}  {symbol.name}{instance}: {type_text(symbol.type)} = {shown}"


def _vectors(shell: Shell, argument: str) -> None:
    program = shell.session.program
    vectors, sections = program.vectors, program.sections
    if not vectors and not sections:
        shell.write("no vectors are declared")
    for vector in vectors.values():
        parameters = ", ".join(f"{each.name}: {type_text(each.type)}" for each in vector.parameters)
        shell.write(f"{vector.name}({parameters})  {_count(len(vector.instructions), 'op')}")
    for section in sections.values():
        parameters = ", ".join(f"{p.name}: {type_text(p.type)}" for p in section.parameters)
        count = _count(len(flatten(section)), "instruction")
        shell.write(f"section {section.name}({parameters})  {count}")


def _arguments(shell: Shell, argument: str) -> None:
    call = shell.session.call
    names = names_of(shell.session)
    if call is None:
        raise CommandError("no call is under way")
    if not call.arguments:
        shell.write("the call has no arguments")
    for name, value in call.arguments.items():
        shell.write(f"{name} = {number_text(value, names)}")


def _thread_states(shell: Shell) -> tuple[ThreadState, ...]:
    """The threads of this position.  Raises CommandError where the history has one caller only."""
    session = shell.session
    if not isinstance(session.timeline, WithThreads):
        raise CommandError("there is one caller: threads are those of debug --schedule")
    return session.timeline.threads(session.entry + (session.index > 0))


def _threads(shell: Shell, argument: str) -> None:
    """The thread whose turn it is has a star."""
    session = shell.session
    for each in _thread_states(shell):
        shell.write(
            f"{'*' if each.name == session.turn else ' '} {each.name} on CPU {each.cpu}, {each.at}"
        )


def _locals(shell: Shell, argument: str) -> None:
    threads = _thread_states(shell)
    wanted = [each for each in threads if argument in ("", each.name)]
    if not wanted:
        names = ", ".join(each.name for each in threads)
        raise CommandError(f"no thread is called {argument!r}; there is: {names}")
    for each in wanted:
        held = ", ".join(f"{local.name} = {local.text}" for local in each.locals)
        shell.write(f"{each.name}: {held or 'no locals'}")


def _cpus(shell: Shell, argument: str) -> None:
    cpus = shell.session.holder.cpus
    for cpu in range(cpus.possible):
        words = ["online" if cpu in cpus.online else "offline"]
        words.append("allowed" if cpu in cpus.allowed else "not allowed")
        if cpu == cpus.current:
            words.append("the caller is here")
        shell.write(f"CPU {cpu}: {', '.join(words)}")


def _pages(shell: Shell, argument: str) -> None:
    """Pages of one kind that touch each other make one line."""
    memory = shell.session.holder.memory
    names = names_of(shell.session)
    numbers = sorted(memory.pages)
    index = 0
    while index < len(numbers):
        run = 1
        kind = memory.pages[numbers[index]].kind
        while (
            index + run < len(numbers)
            and numbers[index + run] == numbers[index] + run
            and memory.pages[numbers[index + run]].kind is kind
        ):
            run += 1
        start = numbers[index] << memory.shift
        name = title(names, start, 0)
        named = "" if name.startswith("@0x") else f"  <{name}>"
        size = run * memory.page_size
        shell.write(f"{start:#x}  {size:#x} bytes  {kind.value}{named}")
        index += run
    if not numbers:
        shell.write("no page is mapped")


def _pins(shell: Shell, argument: str) -> None:
    """The operands whose pages this call has pinned so far."""
    session = shell.session
    names = names_of(session)
    memory = session.holder.memory
    done = [each for each in session.movements[: session.index] if isinstance(each, Pinned)]
    pages = {part.page for each in done for part in memory.ranges(each.address, each.length)}
    for each in done:
        where = title(names, each.address, each.length)
        shell.write(
            f"op {each.op} {each.operand}: {where}, {_count(each.length, 'byte')}, "
            f"{_count(each.pages, 'page')}"
        )
    shell.write(f"pinned: {_count(len(done), 'operand')}, {_count(len(pages), 'different page')}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def counted_length(instructions: tuple[Instruction, ...]) -> int:
    """The sum of the lengths that count against the limit of a vector (abi.md section 1.4)."""
    return sum(
        each.length
        for each in instructions
        if each.operation is not None and each.operation.length_rule is not LengthRule.IGNORED
    )


def _limits(shell: Shell, argument: str) -> None:
    session = shell.session
    abi = session.program.abi
    call = session.call
    ops = session.instructions or (call.instructions if call is not None else ())
    used = counted_length(ops)
    limit = abi.revision.vector_data_length_max
    shell.write(f"revision {abi}")
    shell.write(f"ops: {len(ops)} of {abi.revision.vector_length_max}")
    most = "no limit" if limit is None else f"{limit}, {limit - used} left"
    shell.write(f"bytes of a vector: {used} of {most}")
    longest = max((each.length for each in ops), default=0)
    shell.write(f"bytes of one op: {longest} of {abi.data_length_max}")


def _marks(shell: Shell, argument: str) -> None:
    if not shell.session.marks:
        shell.write("no marks are set")
    for name, position in shell.session.marks.items():
        shell.write(f"{name}: position {position}")


def _display(shell: Shell, argument: str) -> None:
    if not shell.displays:
        shell.write("nothing is displayed")
    for display in shell.displays:
        shell.write(f"{display.number}: {display.form} {display.text}".replace(":  ", ": "))


# Words of gdb for the same things.
GDB_TOPICS = {"args": "arguments", "variables": "symbols", "watchpoints": "breakpoints"}
TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic("breakpoints", "breakpoints and watchpoints", _breakpoints),
        Topic("symbols", "variables with their values; info symbols NAME", _symbols),
        Topic("vectors", "the vectors of the program", _vectors),
        Topic("arguments", "the arguments of this call", _arguments),
        Topic("threads", "of a schedule: the threads, and what each does next", _threads),
        Topic("locals", "of a schedule: what threads' locals hold; info locals THREAD", _locals),
        Topic("cpus", "the CPUs, and where the caller is", _cpus),
        Topic("pages", "the mapped pages and their kinds", _pages),
        Topic("pins", "what this call has pinned so far", _pins),
        Topic("limits", "how much of the kernel's limits this vector uses", _limits),
        Topic("marks", "remembered positions", _marks),
        Topic("display", "what is printed at every stop", _display),
    )
}

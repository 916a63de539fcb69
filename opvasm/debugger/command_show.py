"""Commands that show: source, values, memory, who wrote it, why we stopped; help, marks, traces."""

from __future__ import annotations

from ..source import SourceFile, Span
from ..text.printer import vector_text
from ..text.section_printer import section_text
from .command_info import GDB_TOPICS, TOPICS
from .displays import Display, display_line, value_text
from .examine import Format, dump, parse_format
from .locations import (
    CommandError,
    declared,
    parse_location,
    parsed,
    place_of,
    source_names,
    split_condition,
    written_at,
)
from .points import AtLine, AtOp, AtVector, op_place, same_file
from .record import record_command
from .session import Session
from .shell import Command, Shell, split_word
from .view import current_place, here, statement_place
from .who import show_writers
from .why import why_lines
from .wording import call_text, names_of, op_text, place_text

LIST_LINES = 10


def _format_and_text(argument: str) -> tuple[Format, str, str]:
    """``/8xb place`` as a format, its spelling, and the place."""
    if not argument.startswith("/"):
        return Format(), "", argument
    word, _, text = argument.partition(" ")
    return parse_format(word), word, text.strip()


def _base_and_text(argument: str) -> tuple[str, str, str]:
    """``/x expression`` as a base, its spelling, and the expression."""
    form, word, text = _format_and_text(argument)
    if (form.units, form.size) != (1, None):
        raise CommandError(f"{word}: a value takes a base alone, such as /x; x{word} shows memory")
    return form.base, word, text


def _print(shell: Shell, argument: str) -> None:
    base, _, text = _base_and_text(argument)
    shown = value_text(text, shell.session, base)
    shell.value_count += 1
    shell.write(f"${shell.value_count} = {shown}")


def _display(shell: Shell, argument: str) -> None:
    if not argument:
        shell.show_displays()
        return
    base, form, text = _base_and_text(argument)
    value_text(text, shell.session, base)
    shell.display_count += 1
    display = Display(shell.display_count, form, text)
    line = display_line(shell.session, display)
    shell.displays.append(display)
    shell.write(line)


def _undisplay(shell: Shell, argument: str) -> None:
    if not argument:
        shell.displays.clear()
        return
    for word in argument.split():
        display = next((each for each in shell.displays if str(each.number) == word), None)
        if display is None:
            raise CommandError(f"there is no display {word}")
        shell.displays.remove(display)


def _examine(shell: Shell, argument: str) -> None:
    form, _, text = _format_and_text(argument)
    session = shell.session
    if not text:
        raise CommandError("say where: x/8xb head, x/2xg 0x1000")
    address, _ = place_of(parsed(text), session)
    for line in dump(address, form, session, names_of(session)):
        shell.write(line)


def _list(shell: Shell, argument: str) -> None:
    session = shell.session
    if not argument and shell.listed is not None:
        file, first = shell.listed
        _show_lines(shell, _source(file, session), first)
        return
    place = current_place(session)
    if argument:
        match parse_location(split_condition(argument)[0], session):
            case AtLine(file=file, line=line):
                _show_lines(shell, _source(file, session), max(1, line - LIST_LINES // 2))
                return
            case AtVector(vector=name):
                place = declared(name, session).place
            case AtOp(vector=str() as name, op=op):
                place = written_at(name, op, session)
            case _:
                raise CommandError("list takes FILE:LINE, LINE, VECTOR or VECTOR.OP")
    if isinstance(place, Span):
        first = place.line if argument else max(1, place.line - LIST_LINES // 2)
        _show_lines(shell, place.file, first)
        return
    files = _files(session)
    if files and not session.instructions:  # at the end: nothing is current
        _show_lines(shell, files[0], 1)
        return
    _show_ops(shell)


def _source(name: str, session: Session) -> SourceFile:
    """A file that the program was written in."""
    for file in _files(session):
        if same_file(file.name, name):
            return file
    raise CommandError(f"no file is called {name!r}; there is: {', '.join(source_names(session))}")


def _files(session: Session) -> list[SourceFile]:
    files: dict[str, SourceFile] = {}
    places = [current_place(session), statement_place(session.movements)]
    program = session.program
    places += [vector.place for vector in program.vectors.values()]
    places += [section.place for section in program.sections.values()]
    for place in places:
        if isinstance(place, Span):
            files[place.file.name] = place.file
    return list(files.values())


def _show_lines(shell: Shell, file: SourceFile, first: int) -> None:
    total = file.text.count("\n") + (0 if file.text.endswith("\n") else 1)
    if first > total:
        raise CommandError(f"{file.name} has {total} lines")
    place = current_place(shell.session)
    marked = place.line if isinstance(place, Span) and place.file is file else None
    last = min(total, first + LIST_LINES - 1)
    for line in range(first, last + 1):
        arrow = "=>" if line == marked else "  "
        shell.write(f"{arrow} {shell.style.dim(f'{line:>4}')}  {file.line_text(line)}".rstrip())
    shell.listed = (file.name, last + 1)


def _show_ops(shell: Shell) -> None:
    """The ops of a call that no text names."""
    session = shell.session
    names = names_of(session)
    if not session.instructions:
        raise CommandError("no call is under way: step into one")
    for index, instruction in enumerate(session.instructions):
        arrow = "=>" if index == session.op else "  "
        shell.write(f"{arrow} op {index:<2} {op_text(None, index, instruction, names)}")


def _disassemble(shell: Shell, argument: str) -> None:
    session = shell.session
    called = None if session.call is None else session.call.vector
    name = argument or (called.name if called is not None else "")
    if not name:
        _show_ops(shell)
        return
    location = parse_location(name, session)
    if not isinstance(location, AtVector):
        raise CommandError(f"{name!r} is not a vector")
    section = session.program.sections.get(location.vector)
    if section is not None:
        for line in section_text(section, session.program.data).splitlines():
            shell.write(f"   {line}")
        return
    vector = session.program.vectors[location.vector]
    here = f"// op {session.op}" if vector is called else None
    for line in vector_text(vector, session.program.abi, session.program.data).splitlines():
        arrow = "=>" if here is not None and line.endswith(here) else "  "
        shell.write(f"{arrow} {line}")


def _frame(shell: Shell, argument: str) -> None:
    for line in here(shell.session, shell.style):
        shell.write(line)


def _backtrace(shell: Shell, argument: str) -> None:
    """The op, the call, the statement: the levels that a call of cpu_opv has."""
    session = shell.session
    names = names_of(session)
    level = 0
    call, op = session.call, session.op
    if op is not None and op < len(session.instructions):
        text = op_text(None if call is None else call.vector, op, session.instructions[op], names)
        shell.write(f"#{level}  op {op}: {text}{_at(op_place(session.movements, op))}")
        level += 1
    if call is not None:
        place = call.vector.place if call.vector is not None else None
        shell.write(f"#{level}  {call_text(call, names)} on CPU {call.cpu}{_at(place)}")
        level += 1
    statement = statement_place(session.movements)
    if statement is not None:
        text = " ".join(statement.text.split())
        shell.write(f"#{level}  {text}{_at(statement)}")
        level += 1
    if level == 0:
        shell.write("nothing runs here")


def _at(place: object) -> str:
    return f" at {place_text(place)}" if isinstance(place, Span) else ""


def _when(shell: Shell, argument: str) -> None:
    session = shell.session
    known = session.timeline.starts[-1]
    shell.write(
        f"position {session.position} of {known} movements so far, statement {session.entry + 1}"
    )


def _why(shell: Shell, argument: str) -> None:
    for line in why_lines(shell.session):
        shell.write(line)


def _info(shell: Shell, argument: str) -> None:
    word, rest = split_word(argument)
    if not word:
        shell.write("info shows:")
        for topic in TOPICS.values():
            shell.write(f"  {topic.name:<12} {topic.summary}")
        return
    word = GDB_TOPICS.get(word, word)
    found = [topic for name, topic in TOPICS.items() if name.startswith(word)]
    if len(found) != 1:
        raise CommandError(f"info {word}: one of {', '.join(TOPICS)}")
    found[0].run(shell, rest)


def _help(shell: Shell, argument: str) -> None:
    if argument:
        command, _ = shell.find(argument)
        shell.write(f"{command.usage}")
        shell.write(f"  {command.summary}")
        if command.aliases:
            shell.write(f"  short: {', '.join(command.aliases)}")
        for line in command.details.splitlines():
            shell.write(f"  {line}")
        return
    seen: set[str] = set()
    for command in shell.commands.values():
        if command.name not in seen:
            seen.add(command.name)
            short = f" ({', '.join(command.aliases)})" if command.aliases else ""
            shell.write(f"{command.usage}{short}: {command.summary}")
    shell.write("Enter repeats the last step; a unique beginning of a word is enough.")


def _source_command(shell: Shell, argument: str) -> None:
    if not argument:
        raise CommandError("say which file: source FILE")
    try:
        with open(argument, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{argument} can't be read: {error}") from None
    shell.source(lines, argument)


def _echo(shell: Shell, argument: str) -> None:
    shell.write(argument)


def _quit(shell: Shell, argument: str) -> None:
    shell.quitting = True


COMMANDS: tuple[Command, ...] = (
    Command(
        "print",
        ("p", "inspect"),
        "print [/x] EXPRESSION",
        "the value of an expression of the language",
        _print,
        False,
        "expression",
        "Formats: /x /d /u /o /t /c. Names: variables, constants, the arguments of the call.",
    ),
    Command(
        "x",
        (),
        "x/NFU ADDRESS",
        "memory: N units, base F (x d u o t c), of U (b h w g: 1, 2, 4, 8 bytes)",
        _examine,
        False,
        "expression",
    ),
    Command(
        "display",
        (),
        "display [/x] [EXPRESSION]",
        "print it at every stop",
        _display,
        False,
        "expression",
    ),
    Command("undisplay", (), "undisplay [NUMBER…]", "do not display any more", _undisplay),
    Command(
        "info",
        ("i",),
        "info [TOPIC]",
        "what there is: info alone lists topics",
        _info,
        False,
        "info",
    ),
    Command(
        "list", ("l",), "list [PLACE]", "the text around here, or there", _list, True, "location"
    ),
    Command(
        "disassemble",
        (),
        "disassemble [VECTOR]",
        "the ops of a vector",
        _disassemble,
        False,
        "location",
    ),
    Command("frame", ("f",), "frame", "show this stop again", _frame),
    Command(
        "where", ("bt", "backtrace"), "where", "the op, the call and the statement", _backtrace
    ),
    Command("when", (), "when", "the position, in movements since the start", _when),
    Command("why", (), "why", "what decided that we are here: values and rules", _why),
    Command(
        "who",
        (),
        "who MEMORY",
        "which op wrote these bytes last, and who before it",
        show_writers,
        False,
        "expression",
    ),
    Command(
        "record",
        (),
        "record FILE",
        "write the trace from the start to here",
        record_command,
        False,
        "file",
    ),
    Command(
        "source",
        (),
        "source FILE",
        "carry out the commands of a file",
        _source_command,
        False,
        "file",
    ),
    Command("echo", (), "echo TEXT", "print a text", _echo),
    Command("help", ("h", "?"), "help [COMMAND]", "what a command does", _help, False, "command"),
    Command("quit", ("q", "exit"), "quit", "leave the debugger", _quit),
)

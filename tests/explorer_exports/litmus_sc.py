"""Reads the C of exported litmus tests, strictly, and runs it in every order of its accesses.

herd7 is not a Debian package, so it is not asked; this knows exactly the statements that the export
may write, and of herd7's C (lib/CParser.mly, 2026-08) the expressions: it refuses all others, and
tries every interleaving under sequential consistency.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ACCESS = re.compile(r"(\w+) = READ_ONCE\(\*(\w+)\);")
_STORE = re.compile(r"(?:WRITE_ONCE\(\*|smp_store_release\()(\w+), (.+)\);")
_LOCK = re.compile(r"spin_(lock|unlock)\((\w+)\);")
_ASSIGN = re.compile(r"(\w+) = (.+);")
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
# A minus that a digit follows belongs to the number, unless it follows one: herd7's reader is greedy.
_TOKEN = re.compile(r"-\d+|\w+|[<>=!]=|[-+*/&|^<>()]")
_IF = re.compile(r"(?:\} else )?if \((.+)\) \{")
Step = tuple[str, ...]
Thread = tuple[int, tuple[tuple[str, int], ...]]


class Litmus(NamedTuple):
    """A litmus test: its processes' steps, first values, filter and condition."""

    processes: list[list[Step]]
    memory: dict[str, int]
    chosen: str
    exists: str


def parse(text: str) -> Litmus:
    """Every line must be one of those that a C litmus test may have; AssertionError if not."""
    head, _, rest = text.partition("\n{\n")
    assert re.fullmatch(r"C \w+\n\n\(\*\n(?: \*.*\n)* \*\)\n", head), head
    first, _, rest = rest.partition("}\n")
    memory: dict[str, int] = {}
    for line in first.splitlines():
        found = re.fullmatch(r"\tint (\w+) = (\d+);", line)
        assert found, line
        memory[found[1]] = int(found[2])
    processes = []
    for number, found in enumerate(
        re.finditer(r"\nP(\d+)\(([^\n]*)\)\n\{\n(.*?)\n\}\n", rest, re.DOTALL)
    ):
        assert int(found[1]) == number
        parameters = found[2].split(", ") if found[2] else []
        names = {each.split("*")[1] for each in parameters}
        assert all(re.fullmatch(r"(int|spinlock_t) \*\w+", each) for each in parameters)
        processes.append(_steps(found[3], names))
    chosen = re.search(r"^filter \((.*)\)$", rest, re.MULTILINE)
    exists = re.search(r"^exists \((.*)\)$", rest, re.MULTILINE)
    assert exists
    return Litmus(processes, memory, chosen[1] if chosen else "", exists[1])


def _steps(body: str, names: set[str]) -> list[Step]:
    """The statements of a process with jumps in place of blocks."""
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    steps: list[Step] = []
    open_: list[tuple[int, list[int]]] = []  # the test to mend, the jumps to the end
    for line in lines:
        if re.fullmatch(r"int \w+;", line) or line in ("smp_mb();", "smp_mb__after_spinlock();"):
            continue
        if line.startswith("}"):
            test, ends = open_.pop()
            if line != "}":
                ends.append(len(steps))
                steps.append(("goto", ""))
            if test >= 0:
                steps[test] = (*steps[test][:2], str(len(steps)))
            if line == "}":
                for each in ends:
                    steps[each] = ("goto", str(len(steps)))
                continue
            if line == "} else {":
                open_.append((-1, ends))
                continue
        else:
            ends = []
        if condition := _IF.fullmatch(line):
            open_.append((len(steps), ends))
            steps.append(("if", condition[1], ""))
        elif access := _ACCESS.fullmatch(line):
            assert access[2] in names, line
            steps.append(("read", access[1], access[2]))
        elif store := _STORE.fullmatch(line):
            assert store[1] in names, line
            steps.append(("write", store[1], store[2]))
        elif lock := _LOCK.fullmatch(line):
            assert lock[2] in names, line
            steps.append((lock[1], lock[2]))
        else:
            found = _ASSIGN.fullmatch(line)
            assert found, line
            steps.append(("set", found[1], found[2]))
    assert not open_
    return steps


def value(text: str, registers: dict[str, int]) -> int:
    """A C expression of registers."""
    tokens = _TOKEN.findall(text)
    assert "".join(tokens) == text.replace(" ", ""), text
    _expression(tokens, text)
    return int(eval(text.replace("/", "//"), {"__builtins__": {}}, registers))


def _expression(tokens: list[str], text: str) -> None:
    """One expression of herd7's C: no unary operator, no two comparisons in a row."""
    compared = False
    while True:
        assert tokens, text
        first = tokens.pop(0)
        if first == "(":
            _expression(tokens, text)
            assert tokens, text
            assert tokens.pop(0) == ")", text
        else:
            assert re.fullmatch(r"\w+|-\d+", first), text
        if not tokens or tokens[0] == ")":
            return
        operator = tokens.pop(0)
        assert operator in ("+", "-", "*", "/", "&", "|", "^", *_COMPARISONS), text
        assert not (compared and operator in _COMPARISONS), text
        compared = operator in _COMPARISONS


def possible(test: Litmus) -> bool:
    """Whether some interleaving ends in a state that ``exists`` describes."""
    begin: tuple[tuple[Thread, ...], tuple[tuple[str, int], ...]]
    begin = (tuple((0, ()) for _ in test.processes), tuple(sorted(test.memory.items())))
    waiting, seen = [begin], {begin}
    while waiting:
        threads, memory = waiting.pop()
        ended = True
        for number, (at, registers) in enumerate(threads):
            steps = test.processes[number]
            if at >= len(steps):
                continue
            ended = False
            after = _step(steps, at, dict(registers), dict(memory))
            if after is None:
                continue
            changed: list[Thread] = list(threads)
            changed[number] = (after[0], tuple(sorted(after[1].items())))
            state = (tuple(changed), tuple(sorted(after[2].items())))
            if state not in seen:
                seen.add(state)
                waiting.append(state)
        if (
            ended
            and _holds(test.chosen or "true", threads, dict(memory))
            and _holds(test.exists, threads, dict(memory))
        ):
            return True
    return False


def _step(
    steps: list[Step], at: int, registers: dict[str, int], memory: dict[str, int]
) -> tuple[int, dict[str, int], dict[str, int]] | None:
    match steps[at]:
        case ("read", register, name):
            registers[register] = memory.get(name, 0)
        case ("write", name, text):
            memory[name] = value(text, registers)
        case ("set", register, text):
            registers[register] = value(text, registers)
        case ("lock", name):
            if memory.get(name):
                return None
            memory[name] = 1
        case ("unlock", name):
            memory[name] = 0
        case ("if", text, otherwise):
            return (at + 1 if value(text, registers) else int(otherwise)), registers, memory
        case ("goto", target):
            return int(target), registers, memory
        case other:
            raise AssertionError(other)
    return at + 1, registers, memory


def _holds(text: str, threads: tuple[Thread, ...], memory: dict[str, int]) -> bool:
    """A condition of herd's over final registers and memory."""

    def place(process: str | None, name: str) -> int:
        return memory.get(name, 0) if process is None else dict(threads[int(process)][1])[name]

    def atom(found: re.Match[str]) -> str:
        return str(place(found[1], found[2]) == int(found[3]))

    def two(found: re.Match[str]) -> str:
        return str(place(found[1], found[2] or found[3]) == place(found[4], found[5] or found[6]))

    side = r"(?:(?:(\d+):(\w+))|\[(\w+)\])"
    python = re.sub(rf"{side}={side}", two, text)
    python = re.sub(r"(?:(\d+):)?([a-z]\w*)=(-?\d+)", atom, python)
    python = python.replace("/\\", " and ").replace("\\/", " or ").replace("~", " not ")
    python = python.replace("true", "True")
    assert re.fullmatch(r"[\s()andornotTrueFalse]*", python), text
    return bool(eval(python, {"__builtins__": {}}))

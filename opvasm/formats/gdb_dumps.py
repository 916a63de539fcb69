"""What gdb prints of ops: ``x``, whose lines are an address and numbers, and ``print`` of a struct or an array.

``print`` gives every member of a union, so that most bytes are there more than once: accounts that
differ are an error, as are elements that gdb has left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ..abi.layout import OP_BYTES, UNION_OFFSET, ByteOrder, Field, FieldKind
from ..abi.revisions import Abi
from ..errors import DecodeError
from ..light_typing import NamedTuple
from ..source import SourceFile
from ..suggestion import listing
from .dump_lines import Dump, problem
from .escapes import unescaped

# What is on the terminal beside the values: colours, the commands, and what gdb asks when a page is full.
# Commands that come from a file or a pipe are not shown, and what they print begins beside the prompt.
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TERMINAL = re.compile(
    r"^[ \t\r]*(?:(?:\(gdb\)[ \t]*)+(?:(?=\$\d+[ ]=|0x[0-9a-fA-F]+(?:[ ]+<[^>]*>)?[ ]*:\s)|[^\n]*)"
    r"|---?Type <(?:RET|return)>[^\n]*)",
    re.MULTILINE,
)
_ROW = re.compile(r"(?P<at>0x[0-9a-fA-F]+)(?: +<[^>]*>)? *:(?P<all>(?:\s+\S+)+)")
_CUT = "each line is an address and its numbers: one that a mailer has cut is to be whole again"
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_PRINTED = re.compile(
    r"(?:\$\d+|[\w.>*&@\[\]-]+)[ \t]*=[ \t]*|(?=\{[ \t\n]*(?:\{[ \t\n]*)?op[ \t]*=)"
)
_DEPTH_MAX = 20  # ops, a union, a member of it, an array
_TOKEN = re.compile(
    r"""(?P<repeats><repeats\s+(?P<count>\d+)\s+times>)
    | (?P<index>\[[^\]\n]*\]\s*=)
    | (?P<second>\$\d+)
    | (?P<left_out>\.\.\.)
    | (?P<character>'(?:[^'\\]|\\.[0-7]{0,2})')
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<error><[^>]*\s[^>]*>)
    | (?P<symbol><[^>]*>)
    | (?P<number>-?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*))(?![\w.])
    | (?P<field>[A-Za-z_]\w*)\s*=
    | (?P<name>[A-Za-z_]\w*)
    | (?P<cast>\((?:[^()]|\([^()]*\))*\))
    | (?P<mark>[{},])""",
    re.VERBOSE,
)


class _Number(NamedTuple):
    """``value`` as it was printed ``text``, which begins at ``at`` (characters)."""

    value: int
    text: str
    at: int


class _Characters(NamedTuple):
    """Bytes that were printed as characters."""

    data: bytes
    text: str
    at: int


class _Group(NamedTuple):
    """What stands in braces, each with the name before it, if it has one."""

    items: tuple[tuple[str | None, _Value], ...]
    text: str
    at: int


_Value = _Number | _Characters | _Group


def read_gdb(file: SourceFile, abi: Abi) -> Dump | None:
    """The bytes that gdb has printed; None where the text is nothing of gdb.

    Raises DecodeError at what can't be read, was left out, or contradicts what stands elsewhere.
    """
    text = _TERMINAL.sub(_blank, _COLOUR.sub(_blank, file.text))
    first = next((line for line in text.splitlines() if line.strip()), "").strip()
    row = _ROW.fullmatch(first)
    if row is not None:
        width = (len(row["all"].split()[0]) - 2) // 2  # all numbers of a command have one
        return Dump("gdb's x", b"".join(_rows(file, text, abi)), width)
    start = len(text) - len(text.lstrip())
    printed = _PRINTED.match(text, start)
    if printed is None:
        return None
    after = text[printed.end() :]
    if text[start] == "$" or re.match(r"\{\s*(?:\{\s*)?op\s*=", after):
        value = _Printed(file, text, printed.end(), abi).whole()
        return _dump(file, value, abi)
    return None


def _blank(found: re.Match[str]) -> str:
    """As many blanks, so that places in the text stay what they are."""
    return " " * len(found[0])


# ---- x ------------------------------------------------------------------------------------------


def _rows(file: SourceFile, text: str, abi: Abi) -> Iterator[bytes]:
    """``x/32xb``, ``xh``, ``xw`` and ``xg``: the digits say how wide a number is, the addresses that no line is missing."""
    place, following = 0, None
    for line in text.splitlines(keepends=True):
        body, at = line.strip(), place + len(line) - len(line.lstrip())
        place += len(line)
        if not body:
            continue
        found = _ROW.fullmatch(body)
        if found is None:
            raise problem(file, at, body, "not a line of gdb's x", _CUT)
        address = int(found["at"], 16)
        if following is not None and address != following:
            message = f"the line before ends at {following:#x}"
            help = "lines are missing, or stand in another order"
            raise problem(file, at, body, message, help)
        data = b"".join(_row(file, at, body, each, abi) for each in found["all"].split())
        following = address + len(data)
        yield data


def _row(file: SourceFile, at: int, body: str, number: str, abi: Abi) -> bytes:
    """One number of a line, which begins at ``at`` (characters)."""
    help = "print numbers in full: x/32xb"
    if not _HEXADECIMAL.fullmatch(number):
        raise problem(file, at, body, f"{number} is not a hexadecimal number", help)
    width = (len(number) - 2) // 2
    if width not in (1, 2, 4, 8) or len(number) % 2:
        raise problem(file, at, body, f"{number} has no width of 1, 2, 4 or 8 bytes", help)
    return int(number, 16).to_bytes(width, abi.model.byteorder)


# ---- print: from characters to values ------------------------------------------------------------


class _Printed:
    """Reads one value: braces, numbers, characters, each perhaps with how often it is there."""

    def __init__(self, file: SourceFile, text: str, at: int, abi: Abi) -> None:
        self.file = file
        self.text = text
        self.at = at
        self.depth = 0
        self.opcodes = {each.c_name: i for i, each in enumerate(abi.revision.operations)}

    def whole(self) -> _Value:
        """The value, after which nothing may stand.  Raises DecodeError."""
        values = self._items("")
        if len(values) == 1:
            return values[0][1]
        return _Group(tuple(values), self.text[values[0][1].at :], values[0][1].at)

    def _token(self) -> re.Match[str] | None:
        """The next word; None at the end."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        if self.at == len(self.text):
            return None
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            word = re.match(r"[^\s,{}]*", self.text[self.at :])
            raise self._wrong((word and word[0]) or self.text[self.at], "can't be read")
        self.at = found.end()
        return found

    def _wrong(self, word: str, message: str, help: str | None = None) -> DecodeError:
        return problem(self.file, self.at, word, f"{word} {message}", help)

    def _inner(self, brace: re.Match[str]) -> tuple[tuple[str | None, _Value], ...]:
        """What stands between two braces."""
        self.depth += 1
        if self.depth > _DEPTH_MAX:
            raise problem(self.file, brace.start(), "{", "too many braces are open", None)
        items = tuple(self._items("}"))
        self.depth -= 1
        if not items:
            raise problem(self.file, brace.start(), "{", "nothing stands in these braces", None)
        return items

    def _items(self, end: str) -> list[tuple[str | None, _Value]]:
        """Items up to a closing brace, or to the end of the text."""
        items: list[tuple[str | None, _Value]] = []
        name: str | None = None
        while (found := self._token()) is not None:
            word, start = found[0], found.start()
            if word == "}" and end:
                return _joined(items)
            if found["left_out"] or found["error"] or found["second"] or word == "}":
                self.at = start
                raise self._refused(found)
            if found["repeats"]:
                self._repeat(items, int(found["count"]), found)
            elif found["field"]:
                name = found["field"]
            elif not (found["cast"] or found["symbol"] or found["index"] or word == ","):
                items.append((name, self._value(found)))
                name = None
        if end or not items:
            self.at = len(self.text.rstrip()) - 1
            raise problem(self.file, self.at, self.text[self.at :], "the end is missing", None)
        return _joined(items)

    def _value(self, found: re.Match[str]) -> _Value:
        """The value that begins with a word; a number, with the character beside it."""
        word, start = found[0], found.start()
        if word == "{":
            return _Group(self._inner(found), self.text[start : self.at], start)
        if found["number"]:
            number = _Number(int(word, 8 if re.match(r"-?0\d", word) else 0), word, start)
            beside = re.compile(r"\s+'(?:[^'\\]|\\.[0-7]{0,2})'").match(self.text, self.at)
            self.at = beside.end() if beside else self.at
            return number
        if found["name"]:
            if word not in self.opcodes:
                self.at = start
                raise self._wrong(word, "is not a number")
            return _Number(self.opcodes[word], word, start)
        return _Characters(unescaped(self.file, start, word), word, start)

    def _refused(self, found: re.Match[str]) -> DecodeError:
        if found["left_out"]:
            help = "print all: set print elements unlimited, set print union on"
            return self._wrong("...", "stands for elements that gdb has left out", help)
        if found["second"]:
            help = "print all ops at once: p/x ops, p/x *ops@3"
            return self._wrong(found[0], "is a second value", help)
        return self._wrong(found[0], "can't be read")

    def _repeat(
        self, items: list[tuple[str | None, _Value]], count: int, found: re.Match[str]
    ) -> None:
        """``<repeats 16 times>``: the value before it is there so often."""
        if not items or count * OP_BYTES > 1 << 20:
            self.at = found.start()
            raise self._wrong(found[0], "stands after no value" if not items else "is too much")
        name, value = items[-1]
        if isinstance(value, _Characters):
            items[-1] = (name, value._replace(data=value.data * count))
        else:
            items += [(None, value)] * (count - 1)


def _joined(items: list[tuple[str | None, _Value]]) -> list[tuple[str | None, _Value]]:
    """The items, where one string that was printed in pieces is one."""
    found: list[tuple[str | None, _Value]] = []
    for name, value in items:
        last = found[-1][1] if found else None
        if name is None and isinstance(value, _Characters) and isinstance(last, _Characters):
            found[-1] = (found[-1][0], last._replace(data=last.data + value.data))
        else:
            found.append((name, value))
    return found


# ---- print: from values to bytes -----------------------------------------------------------------


def _dump(file: SourceFile, value: _Value, abi: Abi) -> Dump:
    """The bytes of ops, or of an array of bytes or words."""
    items = [each for _, each in value.items] if isinstance(value, _Group) else [value]
    ops = items if all(isinstance(each, _Group) for each in items) else [value]
    if ops and all(isinstance(each, _Group) and _is_op(each) for each in ops):
        data = b"".join(_Op(file, abi).of(each) for each in ops if isinstance(each, _Group))
        return Dump("gdb's print of struct cpu_op", data)
    if isinstance(value, _Number) or _has_names(value):
        message = "these are not ops, which have the fields `op` and `len`"
        raise problem(file, value.at, value.text, message, "print the ops: p/x ops, p/x *ops@3")
    width = _width(items)
    if width > 1:
        order: ByteOrder = abi.model.byteorder
        words = (each.value for each in items if isinstance(each, _Number))
        name = f"gdb's print of {width}-byte words ({order}-endian, as --model {abi.model.name} is)"
        return Dump(name, b"".join(each.to_bytes(width, order) for each in words), width)
    data = _bytes(file, value)
    # gdb does not show the last byte of an array of characters where that is 0.
    shown = any(isinstance(each, _Characters) for each in items)
    return Dump(
        "gdb's print of bytes", data + bytes(shown and len(data) % OP_BYTES == OP_BYTES - 1)
    )


def _width(items: Sequence[_Value]) -> int:
    """How wide the numbers of an array are, where they are printed in full (``p/z``); else 1."""
    texts = {
        len(each.text) - 2 if isinstance(each, _Number) and each.text.startswith("0x") else 0
        for each in items
    }
    return next(iter(texts)) // 2 if len(texts) == 1 and texts <= {4, 8, 16} else 1


def _is_op(group: _Group) -> bool:
    return {"op", "len"} <= {name for name, _ in group.items}


def _has_names(value: _Value) -> bool:
    """Whether anything in a value is a struct's field."""
    return isinstance(value, _Group) and any(
        name is not None or _has_names(each) for name, each in value.items
    )


def _bytes(file: SourceFile, value: _Value) -> bytes:
    """An array of characters or of numbers that are bytes."""
    match value:
        case _Characters(data=data):
            return data
        case _Number(value=number, text=text, at=at):
            if not -128 <= number <= 255:
                message = f"{text} is more than a byte: gdb does not say how wide the numbers are"
                raise problem(
                    file, at, text, message, "print them in full, p/z, or as bytes, x/32xb"
                )
            return bytes([number % 256])
        case _Group(items=items):
            return b"".join(_bytes(file, each) for _, each in items)


class _Op:
    """The bytes of one op, from all that is said of them."""

    def __init__(self, file: SourceFile, abi: Abi) -> None:
        self.file = file
        self.abi = abi
        self.known: dict[int, int] = {}
        self.members: dict[str, dict[str, Field]] = {}
        for operation in abi.revision.operations:
            if operation.member is not None:
                fields = {each.name: each for each in abi.fields(operation)}
                self.members.setdefault(operation.member, {}).update(fields)

    def of(self, group: _Group) -> bytes:
        """The 32 bytes; those that nothing is said of are 0, and no kernel reads them."""
        header = {each.name: each for each in self.abi.fields(None)}
        for name, value in group.items:
            if name in header:
                self._field(header[name], value)
            else:
                self._union(name, value)
        self._all_there(group)
        return bytes(self.known.get(at, 0) for at in range(OP_BYTES))

    def _all_there(self, group: _Group) -> None:
        """Raise DecodeError where nothing says what a field of the op is."""
        byteorder = self.abi.model.byteorder
        opcode = int.from_bytes(bytes(self.known[at] for at in range(4)), byteorder, signed=True)
        for field in self.abi.fields(self.abi.operation(opcode)):
            if field.kind is not FieldKind.PADDING and field.offset not in self.known:
                message = f"nothing says what `{field.name}` of this op is"
                raise problem(self.file, group.at, group.text, message, None)

    def _union(self, name: str | None, value: _Value) -> None:
        """The union, with or without a name, one of its members, or its bytes."""
        if name in self.members and isinstance(value, _Group):
            for field, each in value.items:
                self._member(name, self.members[name], field, each)
        elif isinstance(value, _Group) and isinstance(value.items[0][1], _Group):
            for inner, each in value.items:
                self._union(inner, each)
        elif isinstance(value, _Number) or (
            isinstance(value, _Group) and value.items[0][0] is not None
        ):
            raise self._unknown(name, value, listing([*self.members]))
        else:
            self._all_bytes(value)

    def _all_bytes(self, value: _Value) -> None:
        data = _bytes(self.file, value)
        room = OP_BYTES - UNION_OFFSET
        if len(data) not in (room, room - 1):  # gdb does not show the last byte of a string, if 0
            message = f"{len(data)} bytes, where the union has {room}"
            raise problem(self.file, value.at, value.text, message, "set print null-stop off")
        self._put(UNION_OFFSET, data.ljust(room, b"\0"), value)

    def _member(
        self, member: str, fields: Mapping[str, Field], name: str | None, value: _Value
    ) -> None:
        if name is None or name not in fields:
            raise self._unknown(f"{member}.{name}", value, listing([*fields][2:]))
        self._field(fields[name], value)

    def _unknown(self, name: str | None, value: _Value, known: str) -> DecodeError:
        revision = self.abi.revision.name
        message = f"struct cpu_op of {revision} has no {name}"
        return problem(
            self.file, value.at, value.text, message, f"there are {known}; --abi names another"
        )

    def _field(self, field: Field, value: _Value) -> None:
        if not isinstance(value, _Number):
            message = f"`{field.name}` is not a number"
            raise problem(self.file, value.at, value.text, message, None)
        bits = 8 * field.size
        if not -(1 << (bits - 1)) <= value.value < 1 << bits:
            message = f"{value.text} does not fit the {field.size} bytes of `{field.name}`"
            raise problem(self.file, value.at, value.text, message, None)
        number = value.value % (1 << bits)
        self._put(field.offset, number.to_bytes(field.size, self.abi.model.byteorder), value)

    def _put(self, start: int, data: bytes, value: _Value) -> None:
        """Bytes that must be those that another member has said, where one has."""
        for at, byte in enumerate(data, start):
            if self.known.setdefault(at, byte) != byte:
                message = (
                    f"byte {at} of the op is {byte:#04x} here, and {self.known[at]:#04x} above"
                )
                help = "members of a union have the same bytes: was the text changed?"
                raise problem(self.file, value.at, value.text, message, help)

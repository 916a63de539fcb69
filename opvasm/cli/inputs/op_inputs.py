"""Assembled ops as inputs: bytes, digits, dumps; a dump that is taken for bytes is an error."""

from __future__ import annotations

from ...formats import read_ops
from ...light_typing import TYPE_CHECKING
from ..terminal.exits import UsageError
from ..terminal.terminal import say

if TYPE_CHECKING:
    from ...abi.revisions import Abi

_TEXT = bytes(range(32, 127)) + b"\t\r\n"


def assembled_ops(source: str | None, data: bytes, name: str, abi: Abi) -> bytes:
    """The ops of an input of the format ``source``; None is raw, unless the bytes are a dump's text.

    Says which layout a dump has.  Raises DecodeError, and UsageError for a dump without --from.
    """
    if source is None:
        refuse_dump(data, name, abi)
    found = read_ops(source or "raw", data, name, abi, lambda text: say(f"opvasm: {text}"))
    if not found:
        say(f"opvasm: {name} is empty: a vector of no ops")
    return found


def refuse_dump(data: bytes, name: str, abi: Abi) -> None:
    """Raise UsageError where an input is a text, and so no ops: op numbers would be above 2^27."""
    if not data or data.strip(_TEXT) or data.translate(None, _TEXT):
        return
    from ...formats.dumps import looks_like_dump, looks_like_words

    text = data.decode()
    layout = looks_like_dump(text, abi)
    words = looks_like_words(text) if layout is None else None
    if words is not None:
        raise UsageError(f"{name} looks like {words[0]}", words[1])
    if layout is None and not text.translate(
        str.maketrans("", "", "0123456789abcdefABCDEF \t\r\n")
    ):
        layout = "hexadecimal digits"
    if layout is not None:
        raise UsageError(f"{name} looks like {layout}", "--from hex reads it")
    raise UsageError(
        f"{name} is a text, and ops are bytes",
        "asm reads vectors as text, --from hex dumps, --from json JSON; --from raw takes it as it is",
    )

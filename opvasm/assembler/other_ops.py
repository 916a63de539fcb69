"""Words that a vector does not have, as people bring them along: what is written here instead."""

from __future__ import annotations

_NO_BRANCHES = (
    "a vector has no branches or loops: its ops run in order, and a compare that fails ends it; "
    "`section` and the threads of a `scenario` have `if` and `loop`"
)
_COPY = "`memcpy DESTINATION, SOURCE` copies; a constant as source is written `=5`"
_WORDS = {
    **dict.fromkeys(
        (
            *("for", "foreach", "while", "until", "do", "repeat", "loop"),
            *("if", "else", "switch", "case", "goto", "break", "continue", "return", "jmp"),
        ),
        _NO_BRANCHES,
    ),
    **dict.fromkeys(("mov", "load", "store", "ld", "st", "lea", "copy", "set", "let"), _COPY),
    **dict.fromkeys(("sub", "dec"), "`add PLACE, -1` subtracts"),
    "inc": "`add PLACE, 1` adds one",
    "not": "`xor PLACE, -1` turns all bits over",
    **dict.fromkeys(("shl", "sal"), "`lshift PLACE, BITS` shifts to the left"),
    **dict.fromkeys(("shr", "sar"), "`rshift PLACE, BITS` shifts to the right, filling with zeros"),
    **dict.fromkeys(
        ("cmp", "test", "assert"),
        "`cmpeq A, B` goes on where both are equal, `cmpne A, B` where they differ",
    ),
    **dict.fromkeys(("fence", "mfence", "smp_mb", "barrier", "dmb"), "the full barrier is `mb`"),
    **dict.fromkeys(
        ("cmpxchg", "xchg", "cas"),
        "in a vector the ops between are not interrupted: `cmpeq`, then `memcpy`; `section` has "
        "`cmpxchg` and `xchg`",
    ),
}


def instead_of(word: str) -> str | None:
    """What a vector has in place of another language's word; None for other words."""
    return _WORDS.get(word)

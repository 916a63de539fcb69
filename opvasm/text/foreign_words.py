"""Words of other languages, as people bring them along: what is written here in place of each."""

from __future__ import annotations

from ..light_typing import NamedTuple


class Instead(NamedTuple):
    """What is written in place of a word: as an op of a vector, and everywhere else."""

    in_vector: str | None = None
    elsewhere: str | None = None


_NO_BRANCHES = (
    "a vector has no branches or loops: its ops run in order, and a compare that fails ends it; "
    "`section` and the threads of a `scenario` have `if` and `loop`"
)
_COPY = "`memcpy DESTINATION, SOURCE` copies; a constant as source is written `=5`"
_COMPARE = "`cmpeq A, B` goes on where both are equal, `cmpne A, B` where they differ"
_UNINTERRUPTED = (
    "in a vector the ops between are not interrupted: `cmpeq`, then `memcpy`; `section` has "
    "`cmpxchg` and `xchg`"
)
_LOOP = "a loop is `loop N { … }`, or `loop { … }` that `break` leaves"
_CLAIM = (
    "a scenario claims with `forall`, `exists`, `never` or `invariant`; `assert` stands in a `test`"
)
LOCAL = "a local needs no type: `NAME = VALUE`"
_STRATEGY = (
    "give the strategy a name outside of the scenario, `strategy NAME = rseq then opv after 2`, "
    "and name it here"
)
_STRATEGY_HERE = (
    "a scenario names its strategy beside its threads, for all their runs: `strategy NAME`"
)
_VECTOR = "ops stand in `vector NAME(parameters) { … }`"
_USE = 'another file is taken in by `use "FILE.opv"`'
_OBSERVE = "`observe EXPRESSION` shows a value in the table of outcomes"

# Where the grammar knows such a word itself and would take it, the word is not one of these.
FOREIGN_WORDS: dict[str, Instead] = {
    **dict.fromkeys(
        ("for", "foreach", "while", "until", "do", "repeat"), Instead(_NO_BRANCHES, _LOOP)
    ),
    **dict.fromkeys(
        ("loop", "if", "else", "switch", "case", "break", "return", "jmp"), Instead(_NO_BRANCHES)
    ),
    "goto": Instead(
        _NO_BRANCHES, "there is no `goto`: `loop`, `break`, and the arms of a `run` lead on"
    ),
    "continue": Instead(_NO_BRANCHES, "there is no `continue`: put what follows into an `if`"),
    **dict.fromkeys(("elif", "elsif"), Instead(None, "write `else { if … { … } }`")),
    **dict.fromkeys(("mov", "load", "store", "ld", "st", "lea", "copy", "set"), Instead(_COPY)),
    "let": Instead(_COPY, LOCAL),
    **dict.fromkeys(
        ("int", "unsigned", "long", "var", "local", "auto", "uint64_t", "u64"), Instead(None, LOCAL)
    ),
    **dict.fromkeys(("sub", "dec"), Instead("`add PLACE, -1` subtracts")),
    "inc": Instead("`add PLACE, 1` adds one"),
    "and": Instead(None, "`&&` is the and of this language"),
    "or": Instead(None, "`||` is the or of this language"),
    "not": Instead("`xor PLACE, -1` turns all bits over", "`!` is the not of this language"),
    **dict.fromkeys(("shl", "sal"), Instead("`lshift PLACE, BITS` shifts to the left")),
    **dict.fromkeys(
        ("shr", "sar"), Instead("`rshift PLACE, BITS` shifts to the right, filling with zeros")
    ),
    **dict.fromkeys(("cmp", "test"), Instead(_COMPARE)),
    "assert": Instead(_COMPARE, _CLAIM),
    **dict.fromkeys(("assume", "require", "ensure"), Instead(None, _CLAIM)),
    **dict.fromkeys(
        ("fence", "mfence", "smp_mb", "barrier", "dmb"), Instead("the full barrier is `mb`")
    ),
    **dict.fromkeys(("cmpxchg", "xchg", "cas"), Instead(_UNINTERRUPTED)),
    **dict.fromkeys(("def", "fn", "func", "function", "proc", "void"), Instead(None, _VECTOR)),
    "strategy": Instead(None, _STRATEGY_HERE),
    **dict.fromkeys(("then", "after"), Instead(None, _STRATEGY)),
    **dict.fromkeys(("import", "include"), Instead(None, _USE)),
    **dict.fromkeys(("print", "printf"), Instead(None, _OBSERVE)),
    "spawn": Instead(None, "a thread is `thread NAME @CPU { … }`"),
    "threads": Instead(
        None, "a thread is `thread NAME @CPU { … }`, several alike `thread NAME x3 @CPU { … }`"
    ),
    "call": Instead(None, "a vector is called by `run NAME(arguments)`"),
}

# Names that other languages have for values.
FOREIGN_VALUES: dict[str, str] = {
    **dict.fromkeys(("NULL", "null", "nullptr", "nil", "None"), "the address of nothing is `0`"),
    **dict.fromkeys(("true", "True"), "true is `1`"),
    **dict.fromkeys(("false", "False"), "false is `0`"),
}
# Types of C (of 64 bits), of the kernel and of other languages.
_TYPES: dict[str, str] = {
    **{
        f"{sign}int{bits}_t": f"{'u' if sign else 'i'}{bits}"
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    **{
        f"__{letter}{bits}": f"{letter.replace('s', 'i')}{bits}"
        for letter in "us"
        for bits in (8, 16, 32, 64)
    },
    **{f"s{bits}": f"i{bits}" for bits in (8, 16, 32, 64)},
    **dict.fromkeys(("char", "byte", "bool", "_Bool", "uchar"), "u8"),
    "short": "i16",
    "int": "i32",
    "long": "i64",
    "unsigned": "u32",
    "uint": "u32",
    "ulong": "u64",
    "void": "ptr",
    **dict.fromkeys(("size_t", "uintptr_t", "usize", "word"), "u64"),
    **dict.fromkeys(("ssize_t", "intptr_t", "isize"), "i64"),
}


def type_help(name: str) -> str:
    """What to write for the name of a type that there is not."""
    if name in _TYPES:
        return f"`{name}` is `{_TYPES[name]}` here"
    return "types are u8 … u64, i8 … i64, ptr, ptr<T>, T[n] and the structs of the program"

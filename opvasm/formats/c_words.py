"""Words that C, C++ or the headers of a text have taken, and what a name becomes that is one."""

from __future__ import annotations

import re

from ..light_typing import NamedTuple

# The keywords of C (to C23) and of C++ (to C++23, with its other spellings of operators), and the
# words that compilers define as macros unless they are asked not to (gnu modes).
_KEYWORDS = """
    alignas alignof auto bool break case char const constexpr continue default do double else
    enum extern false float for goto if inline int long nullptr register restrict return short
    signed sizeof static static_assert struct switch thread_local true typedef typeof typeof_unqual
    union unsigned void volatile while

    and and_eq asm bitand bitor catch char8_t char16_t char32_t class co_await co_return co_yield
    compl concept consteval constinit const_cast decltype delete dynamic_cast explicit export
    friend mutable namespace new noexcept not not_eq operator or or_eq private protected public
    reinterpret_cast requires static_cast template this throw try typeid typename using virtual
    wchar_t xor xor_eq

    linux unix i386 mips sparc sun arm alpha hpux vax m68k pdp11 PPC errno noreturn complex
    imaginary
"""
# What <stddef.h>, <stdint.h> and <string.h> define: macros, and types, which C++ does not let a
# member hide.
_OF_HEADERS = re.compile(
    r"NULL|offsetof|unreachable|size_t|ssize_t|ptrdiff_t|max_align_t|nullptr_t|locale_t|errno_t"
    r"|rsize_t|u?int(_least|_fast)?(8|16|32|64)_t|u?int(ptr|max)_t"
    r"|U?INT(_LEAST|_FAST)?(8|16|32|64|PTR|MAX)_(MIN|MAX|C|WIDTH)"
    r"|(PTRDIFF|SIG_ATOMIC|SIZE|RSIZE|WCHAR|WINT)_(MIN|MAX|WIDTH)"
    r"|BOOL_(MAX|WIDTH)|(CPU_OP|OPVASM|OPV)_[A-Z0-9_]*"
)
_KEPT_FOR_THE_COMPILER = re.compile(r"__|_[A-Z]")
_LIKE_KEPT = re.compile(r"(kept_)+(_|[A-Z])")
_RESERVED = frozenset(_KEYWORDS.split())

# What the texts themselves define: the tags of structs and enums, and functions of no vector.
_TAGS_OF_OURS = frozenset({"cpu_op", "cpu_op_type", "cpu_op_flags"})
_FUNCTIONS_OF_OURS = frozenset({"percpu_area", "fill_pool"})


def identifier(name: str) -> str:
    """The name of a member: itself, or with an underscore after it where the name is taken.

    Two names never become one: a name that only differs from a taken one by underscores after it
    gets one more, too.  Names that C keeps for compilers, which have macros of any such name, begin
    with something else; so do names that would look like those.
    """
    if _KEPT_FOR_THE_COMPILER.match(name):
        return f"kept{name}"
    if _LIKE_KEPT.match(name):
        return f"kept_{name}"
    return f"{name}_" if _is_taken(name) else name


class Spelling(NamedTuple):
    """How the structs of a program and their members are spelled in C.

    ``as_declared`` is for structs that the user's own header declares: its names are C's already.
    """

    as_declared: bool

    def tag(self, name: str) -> str:
        """The tag of a struct."""
        return name if self.as_declared else _struct_tag(name)

    def member(self, name: str) -> str:
        """The name of a struct's member."""
        return name if self.as_declared else identifier(name)


def _struct_tag(name: str) -> str:
    stem = name.rstrip("_")
    ours = stem in _TAGS_OF_OURS or name.startswith("opv_")
    return f"{name}_" if ours else identifier(name)


def vector_name(name: str) -> str:
    """What a vector's function or array is called."""
    return f"opv_{name}_" if name.rstrip("_") in _FUNCTIONS_OF_OURS else f"opv_{name}"


def _is_taken(name: str) -> bool:
    stem = name.rstrip("_")
    return stem in _RESERVED or _OF_HEADERS.fullmatch(stem) is not None

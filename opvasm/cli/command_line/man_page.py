"""Man pages in the ``man`` macros, which groff and mandoc read."""

from __future__ import annotations

from ..._version import __version__
from .manual import Manual, manual
from .parsers import ALWAYS
from .registry import COMMANDS

_OWN = "opvasm"
_DESCRIPTION = (
    "Restartable sequences (rseq), and cpu_opv vectors as their fallback: found in compiled programs, "
    "checked against each kernel's rules, explored in every interleaving, debugged both ways, written "
    "as C. Each command has a page of its own."
)
_EXITS = {
    0: "done, holds, passes",
    1: "a negative verdict",
    3: "inconclusive: a limit was hit",
    4: "this host cannot do it",
}


def pages() -> dict[str, str]:
    """Every page by the name of its file: ``opvasm.1``, ``opvasm-asm.1`` …"""
    found = {f"{_OWN}.1": overview_page()}
    return found | {f"{_OWN}-{name}.1": command_page(manual(name)) for name in COMMANDS}


def command_page(of: Manual) -> str:
    """The page of a subcommand."""
    parts = [
        _head(f"{_OWN}-{of.name}", of.summary),
        f".SH SYNOPSIS\n.B {_text(f'{_OWN} {of.name}')}\n"
        f"{_line(of.synopsis.removeprefix(f'{_OWN} {of.name}').strip())}\n",
        f".SH DESCRIPTION\n{_line(of.description)}\n",
        ".SH OPTIONS\n" + "".join(_tagged(each.written, each.help) for each in of.arguments),
        _exits(dict(of.exits)),
        ".SH EXAMPLES\n.EX\n" + "".join(f"{_line(each)}\n" for each in of.examples) + ".EE\n",
        f".SH SEE ALSO\n.BR {_OWN} (1)\n",
    ]
    return "".join(parts)


def overview_page() -> str:
    """The page of ``opvasm`` itself."""
    commands = "".join(
        f".TP\n.BR {_text(f'{_OWN}-{name}')} (1)\n{_line(entry.summary)}\n"
        for name, entry in COMMANDS.items()
    )
    return (
        _head(_OWN, "restartable sequences and cpu_opv vectors: assembled, checked, run, explored")
        + f".SH SYNOPSIS\n.B {_OWN}\n.I COMMAND\n\\&...\n"
        + f".SH DESCRIPTION\n{_line(_DESCRIPTION)}\n.SH COMMANDS\n{commands}"
        + _exits(ALWAYS | _EXITS)
    )


def _head(name: str, summary: str) -> str:
    return (
        f'.TH {_text(name.upper())} 1 "" "opvasm {__version__}" "User Commands"\n'
        f".SH NAME\n{_text(name)} \\- {_text(summary)}\n"
    )


def _exits(meanings: dict[int, str]) -> str:
    rows = "".join(_tagged(str(code), text) for code, text in sorted(meanings.items()))
    return f".SH EXIT STATUS\n{rows}"


def _tagged(tag: str, text: str) -> str:
    return f".TP\n.B {_text(tag)}\n{_line(text)}\n"


def _line(text: str) -> str:
    """A text at the start of a line, where a dot or an apostrophe would be a request."""
    return ("\\&" if text[:1] in (".", "'") else "") + _text(text)


def _text(text: str) -> str:
    """Signs that roff would take for its own, and those that are not in ASCII, by their names."""
    named = {
        "\\": "\\e",
        "-": "\\-",
        "'": "\\(aq",
        "`": "\\(ga",
        "^": "\\(ha",
        "~": "\\(ti",
        '"': "\\(dq",
    }
    return "".join(
        named.get(sign, sign if sign.isascii() else f"\\[u{ord(sign):04X}]") for sign in text
    )

"""The formats in which findings leave opvasm; a format's module is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import Diagnostic
from ..light_import import import_module
from .style import PLAIN, Style

# In the order of the help.  Each sibling has render_all(findings) -> text.
FORMATS: dict[str, str] = {
    "human": "for people, with the source and carets",
    "json": "opvasm-diagnostics/1, for programs",
    "sarif": "SARIF 2.1.0, for code scanners and editors",
    "github": "workflow commands, which annotate a pull request",
}


def render(name: str, diagnostics: Sequence[Diagnostic], style: Style = PLAIN) -> str:
    """The findings, in the order given, in the format of that name; KeyError for an unknown one."""
    if name == "human":
        from .human import render_all

        return render_all(diagnostics, style)
    if name not in FORMATS:
        raise KeyError(name)
    module = import_module(f"{__package__}.{name}_report")
    machine: Callable[[Sequence[Diagnostic]], str] = module.render_all
    return machine(diagnostics)

"""What can't be said in another tool's language: refused by name, never said differently."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..errors import Diagnostic, OpvasmError
from ..kernels.profiles import Profile, unknown_rules
from ..source import Place

NOT_EXPORTED = "OPV560"


class ExportError(OpvasmError):
    """A scenario with parts that the other tool's language has no words for."""


class Refusals:
    """Everything of a scenario that can't be exported, collected on the way."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.diagnostics: list[Diagnostic] = []

    def refuse(
        self, construct: str, why: str, place: Place | None, help: str | None = None
    ) -> None:
        """``construct`` can't be exported because ``why``."""
        text = f"{construct} can't be exported to {self.target}: {why}"
        self.diagnostics.append(Diagnostic("error", NOT_EXPORTED, text, place, help=help))

    def refuse_rules(self, kernel: Profile, known: Collection[str], place: Place) -> None:
        """A kernel with rules that are not among those which an export knows can't be exported."""
        unknown = unknown_rules(known)
        if unknown:
            construct = f"kernel {kernel.name} ({', '.join(unknown)})"
            self.refuse(construct, "the model does not know these rules", place)

    def done(self) -> None:
        """Raise ExportError when anything was refused."""
        if self.diagnostics:
            raise ExportError(self.diagnostics)


def comment(text: str) -> str:
    """A text of the scenario as it may stand in a comment on one line."""
    line = " ".join(text.split())
    return "".join(
        each if " " <= each <= "~" and each != "\\" else "?" for each in line.replace("*/", "* /")
    )


class Names:
    """Identifiers for another language: a prefix keeps them clear of its keywords, a number apart."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def give(self, prefix: str, parts: Iterable[object]) -> str:
        """An identifier that nobody else has."""
        words = "_".join(str(each) for each in parts)
        plain = "".join(each if each.isalnum() and each.isascii() else "_" for each in words)
        base = name = f"{prefix}_{plain.strip('_')}"
        number = 2
        while name in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name

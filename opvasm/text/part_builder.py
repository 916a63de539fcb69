"""What the builders of all parts of the grammar need: places in the text, and what is wrong there."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import Diagnostic
from ..source import SourceFile, Span
from .lalr import Token
from .literals import number_value, string_value


class PartBuilder:
    """A part's callbacks, but for the callbacks; ``problems`` collects what is wrong though it can be read."""

    def __init__(self, source: SourceFile, problems: list[Diagnostic]) -> None:
        self.source = source
        self.problems = problems

    def renew(self, source: SourceFile, problems: list[Diagnostic]) -> None:
        """Make ready for another text."""
        self.source, self.problems = source, problems

    def span(self, begin: int, end: int) -> Span:
        """The span of two offsets."""
        return Span(self.source, begin, end)

    def span_of(self, token: Token) -> Span:
        """The span of a token."""
        return Span(self.source, token[1], token[2])

    def problem(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        """Report what is wrong with a part although it is in the grammar."""
        self.problems.append(Diagnostic("error", code, message, span, help=help))

    def _word(
        self,
        token: Token,
        known: tuple[str, ...],
        what: str,
        instead: Mapping[str, str] | None = None,
    ) -> str:
        """A name that must be one of some words; ``instead`` says for others how it is written."""
        if token[0] not in known:
            from ..suggestion import did_you_mean

            near = (instead or {}).get(token[0]) or did_you_mean(token[0], known)
            choice = f"{what} is {', '.join(known[:-1])} or {known[-1]}"
            message = f"`{token[0]}` is not a {what}"
            self.problem("OPV500", message, self.span_of(token), near or choice)
        return token[0]

    def _count(self, token: Token, what: str, least: int, most: int) -> int:
        """A whole number within limits."""
        number = number_value(token, self.source, self.problems)
        if not least <= number <= most:
            message = f"{number} {what}: there can be {least} to {most}"
            self.problem("OPV501", message, self.span_of(token))
            return least
        return number

    def _text(self, token: Token) -> str:
        """What stands in a string."""
        return string_value(token, self.source, self.problems).decode("utf-8", "replace")

"""Reads an ordinary command line without argparse, whose import costs as much as starting Python.

It understands what a subcommand declares with ``add_argument`` and nothing but plain, correct
command lines.  Whatever else it meets (a mistake, --help, a setting it does not know) it leaves to
argparse, which then reads the line from its beginning; so there is one judge of what is wrong.
"""

from __future__ import annotations

from types import SimpleNamespace

from ...light_typing import Any

_KNOWN = frozenset({"action", "choices", "default", "dest", "help", "metavar", "nargs"})
_ACTIONS = frozenset({"store", "store_true", "append"})
_COUNTS = {None: (1, 1), "?": (0, 1), "*": (0, None), "+": (1, None)}


class Unsure(Exception):
    """This line is for argparse."""


class Argument:
    """An option or a positional as it was declared."""

    def __init__(self, names: tuple[str, ...], settings: dict[str, Any], group: object) -> None:
        self.action = settings.get("action", "store")
        self.choices = settings.get("choices")
        self.nargs = settings.get("nargs")
        self.group = group
        self.is_option = names[0].startswith("-")
        longest = next((each for each in names if each.startswith("--")), names[0])
        self.dest = settings.get("dest") or longest.lstrip("-").replace("-", "_")
        self.default = settings.get("default", False if self.action == "store_true" else None)
        if self.nargs == "*" and self.default is None:
            self.default = []
        if not settings.keys() <= _KNOWN or self.action not in _ACTIONS:
            raise Unsure
        if not self.is_option and self.nargs not in _COUNTS:
            raise Unsure

    def checked(self, value: str) -> str:
        """The value, which must be one of the choices where there are any."""
        if self.choices is not None and value not in self.choices:
            raise Unsure
        return value


class QuickParser:
    """Stands in for an ArgumentParser while a subcommand declares its arguments."""

    def __init__(self) -> None:
        self._options: dict[str, Argument] = {}
        self._positionals: list[Argument] = []

    def add_argument(self, *names: str, **settings: Any) -> None:
        """Declare an argument."""
        self._add(names, settings, None)

    def add_mutually_exclusive_group(self) -> Group:
        """Declare options of which one may be given."""
        return Group(self)

    def _add(self, names: tuple[str, ...], settings: dict[str, Any], group: object) -> None:
        argument = Argument(names, settings, group)
        if argument.is_option:
            self._options |= dict.fromkeys(names, argument)
        else:
            self._positionals.append(argument)

    def parse(self, words: list[str]) -> SimpleNamespace:
        """The values by their names, as argparse gives them.  Raises Unsure."""
        arguments = (*self._options.values(), *self._positionals)
        values: dict[str, Any] = {each.dest: each.default for each in arguments}
        loose: list[str] = []
        groups: dict[object, Argument] = {}
        rest = iter(words)
        for word in rest:
            if not word.startswith("-") or word == "-":
                loose.append(word)
                continue
            name, equals, value = word.partition("=")
            option = self._options.get(name)
            if option is None or option.nargs is not None:
                raise Unsure
            if option.group is not None and groups.setdefault(option.group, option) is not option:
                raise Unsure
            if option.action == "store_true":
                if equals:
                    raise Unsure
                values[option.dest] = True
                continue
            if not equals:
                value = next(rest, "-")
                if value.startswith("-"):  # argparse knows when a number may be negative
                    raise Unsure
            elif not name.startswith("--"):
                raise Unsure
            option.checked(value)
            if option.action == "append":
                values[option.dest] = [*(values[option.dest] or ()), value]
            else:
                values[option.dest] = value
        self._place(loose, values)
        return SimpleNamespace(**values)

    def _place(self, loose: list[str], values: dict[str, Any]) -> None:
        """Give the words that belong to no option to the positionals, in their order."""
        for index, positional in enumerate(self._positionals):
            least, most = _COUNTS[positional.nargs]
            if most is None and index + 1 < len(self._positionals):
                raise Unsure
            taken = list(loose) if most is None else loose[:most]
            if len(taken) < least:
                raise Unsure
            del loose[: len(taken)]
            for word in taken:
                positional.checked(word)
            if taken:
                single = positional.nargs in (None, "?")
                values[positional.dest] = taken[0] if single else taken
        if loose:
            raise Unsure


class Group:
    """Options of which one may be given."""

    def __init__(self, parser: QuickParser) -> None:
        self._parser = parser

    def add_argument(self, *names: str, **settings: Any) -> None:
        """Declare one of them."""
        self._parser._add(names, settings, self)

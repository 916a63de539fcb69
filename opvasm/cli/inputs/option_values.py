"""The values of a subcommand's options, frozen: what stands below its door in place of a Namespace."""

from __future__ import annotations

from collections.abc import Callable

from ...light_typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self, dataclass_transform
else:

    def dataclass_transform(**_: bool) -> Callable[[type], type]:
        """A type checker's business."""
        return lambda cls: cls


@dataclass_transform(frozen_default=True, kw_only_default=True)
class OptionValues:
    """A class below has an annotated name for each option, and those of the classes that it is made of.

    Lists come in as tuples, so that nothing below the door changes what was typed.
    """

    def __init__(self, **values: object) -> None:
        names = option_names(type(self))
        if names != values.keys():
            wrong = ", ".join(sorted(names ^ values.keys()))
            raise TypeError(f"{type(self).__name__}: missing or unknown: {wrong}")
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name}: the values of options are frozen; see replaced()")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{name}: the values of options are frozen; see replaced()")

    @classmethod
    def of(cls, parsed: object) -> Self:
        """The values of what a parser has made of a command line."""
        return cls(**{name: _frozen(getattr(parsed, name)) for name in option_names(cls)})

    def replaced(self, **changes: Any) -> Self:
        """The same with other values for some options."""
        return type(self)(**(self.__dict__ | changes))


def option_names(values: type[OptionValues]) -> set[str]:
    """The names of all options, as the parser calls them (``dest``)."""
    return {name for each in values.__mro__ for name in vars(each).get("__annotations__", ())}


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value

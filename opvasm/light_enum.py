"""Enum, IntEnum and StrEnum for the modules that every command loads.

Making a class of the standard library's enum takes fifteen times as long, and a run makes
some fifteen with a hundred members; importing it takes as long as half of starting Python
(benchmarks/cold_start.py measures that).  A type checker sees enum's own here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enum import Enum as Enum, IntEnum as IntEnum, StrEnum as StrEnum
else:

    class _EnumMeta(type):
        """What a class of members answers itself: which there are, and which has a value or a name."""

        def __new__(meta: type, name: str, bases: tuple, namespace: dict) -> type:
            values = {
                key: value
                for key, value in namespace.items()
                if key[0] != "_" and not hasattr(value, "__get__")
            }
            space = {key: value for key, value in namespace.items() if key not in values}
            cls = type.__new__(meta, name, bases, space)
            new = cls._plain.__new__
            members, by_value = {}, {}
            for key, value in values.items():
                if value in by_value:
                    raise TypeError(f"{name}: {key} has the value of {by_value[value].name}")
                member = new(cls) if cls._plain is object else new(cls, value)
                member.name, member.value = key, value
                if "__init__" in space:
                    member.__init__(*value)
                members[key] = by_value[value] = member
                setattr(cls, key, member)
            cls.__members__, cls._by_value = members, by_value
            return cls

        def __call__(cls: type, value: object) -> object:
            """The member with a value; ValueError where none has it."""
            if value.__class__ is cls:
                return value
            try:
                return cls._by_value[value]
            except (KeyError, TypeError):
                raise ValueError(f"{value!r} is not a valid {cls.__qualname__}") from None

        def __getitem__(cls: type, name: str) -> object:
            return cls.__members__[name]

        def __iter__(cls: type) -> object:
            return iter(cls._by_value.values())

        def __len__(cls: type) -> int:
            return len(cls._by_value)

        def __contains__(cls: type, value: object) -> bool:
            return value.__class__ is cls or value in cls._by_value

    class Enum(metaclass=_EnumMeta):
        """Named values: each member is one object, with its ``name`` and its ``value``."""

        _plain = object

        def __repr__(self) -> str:
            return f"<{self.__class__.__name__}.{self.name}: {self.value!r}>"

        def __str__(self) -> str:
            return f"{self.__class__.__name__}.{self.name}"

        def __reduce_ex__(self, protocol: object) -> tuple:
            """What pickle and copy make the member of again: the one that there is."""
            return self.__class__, (self.value,)

    class IntEnum(int, Enum):
        """Members that are numbers."""

        _plain = int
        __repr__ = Enum.__repr__
        __str__ = int.__repr__

    class StrEnum(str, Enum):
        """Members that are words."""

        _plain = str
        __repr__ = Enum.__repr__
        __str__ = str.__str__


__all__ = ["Enum", "IntEnum", "StrEnum"]

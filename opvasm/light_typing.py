"""NamedTuple, Protocol, Literal and Any for the modules that every command loads.

Importing typing takes as long as half of starting Python, and making a typing.NamedTuple takes
three times as long as making a tuple with names, of which a run loads some eighty
(benchmarks/cold_start.py measures both).  A type checker sees typing's own here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Any as Any,
        Literal as Literal,
        NamedTuple as NamedTuple,
        Protocol as Protocol,
        Self,
        dataclass_transform,
    )

    @dataclass_transform(frozen_default=True)
    class Record:
        """A NamedTuple that is told from others by its name, as the nodes of trees must be.

        (To a type checker two NamedTuples with like fields are alike, and the comparison of trees
        of them takes it minutes.)
        """

        def _replace(self, **changes: Any) -> Self: ...
        def _asdict(self) -> dict[str, Any]: ...

else:
    from _operator import itemgetter

    try:
        from _collections import _tuplegetter as field_getter
    except ImportError:  # another Python: the same, slower

        def field_getter(index: int, doc: str | None) -> property:
            return property(itemgetter(index), doc=doc)

    def _make(cls: type, values: object) -> object:
        """A record of an iterable of values, one for each field."""
        result = tuple.__new__(cls, values)
        if len(result) != len(cls._fields):
            raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, not {len(result)}")
        return result

    def _replace(self: tuple, /, **changes: object) -> object:
        """The same record with other values for some fields."""
        result = self._make(map(changes.pop, self._fields, self))
        if changes:
            raise ValueError(f"{type(self).__name__} has no field {', '.join(changes)}")
        return result

    def _asdict(self: tuple) -> dict:
        """The values by the names of their fields."""
        return dict(zip(self._fields, self, strict=True))

    def _getnewargs(self: tuple) -> tuple:
        """What pickle and copy make the record of again."""
        return tuple(self)

    def _repr(self: tuple) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({fields})"

    def _first_new(cls: type, /, *values: object, **named: object) -> object:
        """Compiles the constructor when a class is first used: most never are in one run."""
        record = next(each for each in cls.__mro__ if "_fields" in each.__dict__)
        fields = record._fields
        listed = ", ".join(fields)
        space = {"new": tuple.__new__, "__name__": f"record_{record.__name__}"}
        exec(f"def __new__(cls, {listed}): return new(cls, ({listed}{',' * bool(fields)}))", space)
        constructor = space["__new__"]
        constructor.__defaults__ = tuple(record._field_defaults.values())
        record.__new__ = constructor
        return constructor(cls, *values, **named)

    # What every record has.  Each holds it itself: a class is made sooner so than from a base class.
    _COMMON = {
        "__slots__": (),
        "__new__": _first_new,
        "__repr__": _repr,
        "__getnewargs__": _getnewargs,
        "_make": classmethod(_make),
        "_replace": _replace,
        "_asdict": _asdict,
    }

    class _RecordMeta(type):
        def __new__(meta: type, name: str, bases: tuple, namespace: dict) -> type:
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = {each: namespace.pop(each) for each in fields if each in namespace}
            if tuple(defaults) != fields[len(fields) - len(defaults) :]:
                raise TypeError(f"{name}: a field without a default follows one with a default")
            for index, each in enumerate(fields):
                namespace[each] = field_getter(index, None)
            space = {**_COMMON, "__match_args__": fields, "_fields": fields, **namespace}
            space["_field_defaults"] = defaults
            return type(name, (tuple,), space)

    NamedTuple = Record = type.__new__(_RecordMeta, "NamedTuple", (), {})

    Any = object

    class Protocol:
        """A base class that says nothing."""

    class Literal:
        """``Literal["a", "b"]`` is a str."""

        def __class_getitem__(cls, values: object) -> type:
            return str


__all__ = ["TYPE_CHECKING", "Any", "Literal", "NamedTuple", "Protocol", "Record"]

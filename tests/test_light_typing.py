"""The light NamedTuple is typing's in everything that the code relies on."""

from __future__ import annotations

import copy
import pickle
import typing

import pytest
from hypothesis import given, strategies as st

from opvasm.light_typing import NamedTuple


class Light(NamedTuple):
    """A point."""

    x: int
    y: int = 2
    name: str = "p"

    @property
    def total(self) -> int:
        """The sum."""
        return self.x + self.y

    def moved(self, by: int) -> Light:
        """Elsewhere."""
        return self._replace(x=self.x + by)


class Typed(typing.NamedTuple):
    """A point."""

    x: int
    y: int = 2
    name: str = "p"


class Empty(NamedTuple):
    """Nothing."""


@given(st.integers(), st.integers(), st.text())
def test_it_is_the_tuple_that_typing_makes(x: int, y: int, name: str) -> None:
    """Values, names, representation, equality, hash, unpacking."""
    light, typed = Light(x, y, name), Typed(x, y, name)
    assert tuple(light) == tuple(typed) == (x, y, name)
    assert hash(light) == hash(typed)
    assert repr(light) == repr(typed).replace("Typed", "Light")
    assert light._asdict() == typed._asdict()
    assert Light._fields == Typed._fields
    assert light == Light(x=x, name=name, y=y) == Light._make([x, y, name])
    assert light.moved(3) == (x + 3, y, name)
    assert light.total == x + y


def test_defaults_fill_what_is_left_out() -> None:
    """As in typing."""
    assert tuple(Light(1)) == tuple(Typed(1)) == (1, 2, "p")
    assert Empty() == ()


def test_it_can_be_pickled_and_copied() -> None:
    """The class comes back, not a bare tuple."""
    light = Light(1, 2, "three")
    for same in (pickle.loads(pickle.dumps(light)), copy.copy(light), copy.deepcopy(light)):
        assert same == light
        assert type(same) is Light


def test_it_matches_by_position_and_name() -> None:
    """Class patterns work."""
    match Light(1, 5):
        case Light(1, second, name="p"):
            assert second == 5
        case _:
            pytest.fail("no match")


@pytest.mark.parametrize("arguments", [(), (1, 2, "p", 4)])
def test_a_wrong_number_of_values_is_an_error(arguments: tuple[int, ...]) -> None:
    """As with any constructor."""
    for make in (Light, Typed):
        with pytest.raises(TypeError):
            make(*arguments)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Light._make((1, 2))
    with pytest.raises(ValueError, match="z"):
        Light(1)._replace(z=3)  # type: ignore[call-arg]


def test_it_is_frozen() -> None:
    """Fields can't be set."""
    with pytest.raises(AttributeError):
        Light(1).x = 2  # type: ignore[misc]


def test_a_default_before_a_field_without_one_is_an_error() -> None:
    """As in typing."""
    with pytest.raises(TypeError, match="default"):
        exec("class Bad(NamedTuple):\n    a: int = 1\n    b: int", {"NamedTuple": NamedTuple})

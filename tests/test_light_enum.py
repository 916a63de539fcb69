"""The light enums are the standard library's in everything that the code relies on."""

from __future__ import annotations

import copy
import enum
import pickle

import pytest

from opvasm.light_enum import Enum, IntEnum, StrEnum


class Light(Enum):
    """Colours."""

    RED = "red"
    GREEN = "green"

    @property
    def warm(self) -> bool:
        """As people say."""
        return self is Light.RED


class Real(enum.Enum):
    """Colours."""

    RED = "red"
    GREEN = "green"


class Rows(Enum):
    """Members with more than a value."""

    FIRST = 1, "one"
    SECOND = 2, "two"

    def __init__(self, number: int, word: str) -> None:
        self.number = number
        self.word = word


class LightNumber(IntEnum):
    """Numbers."""

    NONE = 0
    MANY = 7


class RealNumber(enum.IntEnum):
    """Numbers."""

    NONE = 0
    MANY = 7


class LightWord(StrEnum):
    """Words."""

    STAY = "stay"
    GO = "go"


class RealWord(enum.StrEnum):
    """Words."""

    STAY = "stay"
    GO = "go"


PAIRS = ((Light, Real), (LightNumber, RealNumber), (LightWord, RealWord))


@pytest.mark.parametrize(("light", "real"), PAIRS)
def test_members_are_those_of_the_library(light: type[Enum], real: type[enum.Enum]) -> None:
    """The same names, values, order, count, look-up and words for people."""
    assert [(each.name, each.value) for each in light] == [(each.name, each.value) for each in real]
    assert len(light) == len(real)
    assert list(light.__members__) == list(real.__members__)
    for mine, theirs in zip(light, real, strict=True):
        assert light(mine.value) is light[mine.name] is light(mine) is mine
        assert mine in light
        assert isinstance(mine, light)
        words = (repr(mine), str(mine), f"{mine}")
        theirs_words = (repr(theirs), str(theirs), f"{theirs}")
        assert words == tuple(each.replace("Real", "Light") for each in theirs_words)


@pytest.mark.parametrize(("light", "real"), PAIRS)
def test_an_unknown_value_is_refused_in_the_same_words(
    light: type[Enum], real: type[enum.Enum]
) -> None:
    """ValueError for a value, KeyError for a name, also for what can't be hashed."""
    values: tuple[object, ...] = ("blue", 99, None, [])
    for value in values:
        with pytest.raises(ValueError, match="is not a valid") as theirs:
            real(value)
        with pytest.raises(ValueError, match="is not a valid") as mine:
            light(value)
        assert str(mine.value) == str(theirs.value).replace("Real", "Light")
    with pytest.raises(KeyError):
        light["BLUE"]


@pytest.mark.parametrize("light", [Light, LightNumber, LightWord, Rows])
def test_a_copy_is_the_member_itself(light: type[Enum]) -> None:
    """Pickle, as between the processes of a sweep, copy and deepcopy give the one object."""
    for each in light:
        assert pickle.loads(pickle.dumps(each)) is each
        assert copy.copy(each) is copy.deepcopy(each) is each


def test_numbers_and_words_are_what_they_stand_for() -> None:
    """They compare, hash, count and print as their values do; plain members equal themselves only."""
    number: int = LightNumber.MANY
    word: str = LightWord.GO
    assert (number, word) == (7, "go")
    assert LightNumber.NONE < number < 8
    assert ({7: "x"}[number], {"go": 1}[word]) == ("x", 1)
    assert (number.to_bytes(1, "big"), word + "es") == (b"\7", "goes")
    assert f"{word:>4}|{number:>3}" == "  go|  7"
    assert {Light.RED, Light.GREEN} == set(Light)
    assert len({Light.RED, "red"}) == 2


def test_members_may_have_more_than_a_value() -> None:
    """An __init__ takes the parts of the value; properties and methods are no members."""
    assert [(each.number, each.word, each.value) for each in Rows] == [
        (1, "one", (1, "one")),
        (2, "two", (2, "two")),
    ]
    assert [each.warm for each in Light] == [True, False]


def test_two_names_of_one_value_are_a_mistake() -> None:
    """None of the tables means that, and a look-up by value would have to choose."""
    with pytest.raises(TypeError, match="Twice: CRIMSON has the value of RED"):

        class Twice(Enum):
            RED = "red"
            CRIMSON = "red"

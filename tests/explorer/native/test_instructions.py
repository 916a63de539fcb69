"""The numbers that Python and C share are the same on both sides."""

from __future__ import annotations

import re
from pathlib import Path

from opvasm.explorer.native import built, encode, engine
from opvasm.explorer.native.instructions import Op
from opvasm.explorer.native.sources import SOURCES
from opvasm.explorer.steps.state import STEP
from opvasm.explorer.steps.step import Guard, Kind, Phase
from opvasm.kernels.disturbances import BUDGETS, DECIDING, Cause, Way

HEADER = (Path(SOURCES) / "engine.h").read_text()


def names(first: str) -> list[str]:
    """The names of the enum of engine.h that begins with one."""
    found = re.search(rf"enum \{{\s*({first}\b[^}}]*)\}}", HEADER)
    assert found, first
    body = re.sub(r"/\*.*?\*/", "", found[1], flags=re.DOTALL)
    return [each.split("=")[0].strip() for each in body.split(",") if each.strip()]


def number(name: str) -> int:
    """A number that engine.h defines."""
    found = re.search(rf"#define {name} (\d+)", HEADER)
    assert found, name
    return int(found[1])


def number_of(name: str) -> int:
    """The number that engine.h gives a name of an enum."""
    found = re.search(rf"\b{name} = (\d+)", HEADER)
    assert found, name
    return int(found[1])


def test_instructions_have_the_same_numbers() -> None:
    """Each instruction of the Python side stands at its place in engine.h, and no other does."""
    assert names("I_CONST")[:-1] == [f"I_{each.name}" for each in Op]
    assert [each.value for each in Op] == list(range(len(Op)))


def test_kinds_guards_and_phases_have_the_same_numbers() -> None:
    """Kinds of steps, guards and parts of ops have one order in both engines."""
    assert names("LOCAL")[:-1] == [each.name for each in Kind]
    assert names("NONE") == [each.name for each in Guard]
    assert len(names("P_RUN")[:-1]) == len(Phase)


def test_ways_to_disturb_have_the_same_numbers() -> None:
    """They have one order in both engines, and one that the C engine lacks is missed by name here."""
    assert names("MIGRATES")[:-1] == [each.name for each in Way if each.decides]
    assert encode.KINDS[number_of("STEP")] == STEP
    assert encode.KINDS[number_of("STEP") + 1 :] == DECIDING


def test_there_is_room_for_every_disturbance_limit_and_cause() -> None:
    """The C engine takes what the table has, with its numbers; one more than it has room for is refused."""
    assert len(encode.KINDS) <= number("MOST_KINDS")
    assert len(BUDGETS) <= number("MOST_BUDGETS")
    assert len(encode.CAUSES) <= number("MOST_CAUSES")


def test_causes_that_the_c_engine_names_have_its_numbers() -> None:
    """Those come first, in its order; every other has a number after them, by its word."""
    named = names("BY_PREEMPTION")
    assert [f"BY_{each.word.upper()}" for each in encode.CAUSES[: len(named)]] == named
    assert {each.word for each in encode.CAUSES} == {each.word for each in Cause}


def test_every_effect_of_an_op_has_a_number() -> None:
    """An effect that the C engine does not know is missed by name here."""
    from opvasm.abi.ops import Effect

    assert {each.name for each in Effect} == {each.name for each in encode.EFFECTS}
    assert sorted(encode.EFFECTS.values()) == list(range(len(names("OP_CMPEQ")) - 1))


def test_limits_and_reasons_have_the_same_numbers() -> None:
    """The layout's version, its limits, and why a search stopped, are the same on both sides."""
    assert number("LAYOUT_VERSION") == built.LAYOUT_VERSION
    assert number("MOST_THREADS") == encode.MOST_THREADS
    assert number("MOST_CPUS") == encode.MOST_CPUS
    assert number("MOST_CLAIMS") == encode.MOST_CLAIMS
    assert names("DONE").index("BY_BAIL") == engine.BY_BAIL
    assert names("SAW_FAIL").index("SAW_BAD_END") == engine.SAW_BAD_END

"""Any walk through history leaves the machine in the state of the place where it ends."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opvasm.conformance_case import Case, read_cases
from opvasm.debugger.drivers import CaseDriver
from opvasm.debugger.session import Session
from opvasm.debugger.timeline import LiveTimeline
from opvasm.engines.reference import build_machine, call
from opvasm.machine import Cpus, Memory
from opvasm.program import default_layout
from opvasm.source import SourceFile

CASES = Path(__file__).parent.parent / "conformance" / "public.jsonl"


@cache
def cases() -> tuple[Case, ...]:
    text = CASES.read_text()
    return tuple(read_cases(SourceFile(CASES.name, text)))


def case_session(case: Case) -> Session:
    driver = CaseDriver(case)
    layout = default_layout(driver.program.abi, driver.program.data)
    return Session(LiveTimeline(driver), driver.program, layout)


def state(session: Session) -> tuple[Memory, Cpus]:
    return session.holder.memory.copy(), session.holder.cpus.copy()


@pytest.mark.parametrize("number", range(0, 2900, 29))
def test_a_case_walked_forward_and_back_ends_as_the_plain_call_does(number: int) -> None:
    """The state at the end is that of the interpreter alone, the one at the start that of set-up."""
    case = cases()[number]
    plain = build_machine(case)
    session = case_session(case)
    assert state(session) == (plain.memory, plain.cpus)
    states = [state(session)]
    call(plain, case)
    while not session.at_end:
        session.step_movement()
        states.append(state(session))
    assert states[-1] == (plain.memory, plain.cpus)
    assert session.position == len(states) - 1
    for expected in reversed(states[:-1]):
        session.step_movement(forward=False)
        assert state(session) == expected
    assert session.position == 0


MOVES = ("step_movement", "step_op", "next_statement", "finish", "resume")


@settings(max_examples=60, deadline=None)
@given(
    number=st.integers(0, 2900),
    moves=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(MOVES), st.booleans()),
            st.tuples(st.just("goto"), st.integers(0, 80)),
        ),
        max_size=30,
    ),
)
def test_any_walk_gives_the_state_of_the_position(
    number: int, moves: list[tuple[str, bool | int]]
) -> None:
    """Whatever moves led to a position, memory and CPUs there are always the same."""
    case = cases()[number % len(cases())]
    straight = case_session(case)
    states = [state(straight)]
    while not straight.at_end:
        straight.step_movement()
        states.append(state(straight))
    session = case_session(case)
    for move, argument in moves:
        getattr(session, move)(argument)
        assert state(session) == states[session.position]


def test_random_goto_is_the_same_for_a_history_of_many_calls() -> None:
    """Jumping about in a long history meets the same states as walking it."""
    from tests.debugger.many import many_calls

    session = many_calls(40)
    states = [state(session)]
    while not session.at_end:
        session.step_movement()
        states.append(state(session))
    chooser = random.Random(4)
    for _ in range(100):
        position = chooser.randrange(len(states))
        session.goto(position)
        assert session.position == position
        assert state(session) == states[position]

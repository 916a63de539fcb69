"""Any walk through history leaves the machine in the state of the place where it ends."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings, strategies as st

from opvasm.debugger.load import session_of_case
from opvasm.engines.reference import build_machine, call
from tests.debugger.sessions import cases, many_calls, session, state


@pytest.mark.parametrize("number", range(0, 2900, 29))
def test_a_case_walked_forward_and_back_ends_as_the_plain_call_does(number: int) -> None:
    """The state at the end is that of the interpreter alone, the one at the start that of set-up."""
    case = cases()[number]
    plain = build_machine(case)
    walk = session_of_case(case)
    assert state(walk) == (plain.memory, plain.cpus)
    states = [state(walk)]
    call(plain, case)
    while not walk.at_end:
        walk.step_movement()
        states.append(state(walk))
    assert states[-1] == (plain.memory, plain.cpus)
    assert walk.position == len(states) - 1
    for expected in reversed(states[:-1]):
        walk.step_movement(forward=False)
        assert state(walk) == expected
    assert walk.position == 0


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
    straight = session_of_case(case)
    states = [state(straight)]
    while not straight.at_end:
        straight.step_movement()
        states.append(state(straight))
    walk = session_of_case(case)
    for move, argument in moves:
        getattr(walk, move)(argument)
        assert state(walk) == states[walk.position]


def test_random_goto_is_the_same_for_a_history_of_many_calls() -> None:
    """Jumping about in a long history meets the same states as walking it."""
    walk = many_calls(40)
    states = [state(walk)]
    while not walk.at_end:
        walk.step_movement()
        states.append(state(walk))
    chooser = random.Random(4)
    for _ in range(100):
        position = chooser.randrange(len(states))
        walk.goto(position)
        assert walk.position == position
        assert state(walk) == states[position]


@settings(max_examples=40, deadline=None)
@given(
    moves=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(MOVES), st.booleans()),
            st.tuples(st.just("goto"), st.integers(0, 120)),
        ),
        max_size=40,
    ),
)
def test_any_walk_through_a_test_gives_the_state_of_the_position(
    moves: list[tuple[str, bool | int]],
) -> None:
    """What the test itself sets (memory, slots, CPUs) is undone and done again like the calls."""
    straight = session()
    states = [state(straight)]
    while not straight.at_end:
        straight.step_movement()
        states.append(state(straight))
    walk = session()
    for move, argument in moves:
        getattr(walk, move)(argument)
        assert state(walk) == states[walk.position]


def test_ten_thousand_ops_forward_and_back_leave_the_machine_as_it_was() -> None:
    """Stepping 10,000 ops forward and back ends in the first state, bit for bit."""
    walk = many_calls(4000)
    first, ops = state(walk), 0
    while ops < 10_000:
        walk.step_op()
        ops += walk.op is not None
    assert state(walk) != first
    while walk.position:
        walk.step_op(forward=False)
    assert state(walk) == first

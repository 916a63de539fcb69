"""``set`` goes on in another history, in which everything after it is done and judged anew."""

from __future__ import annotations

from opvasm.debugger.load import session_of_case
from opvasm.debugger.stops import Reason
from tests.debugger.sessions import Transcript, cases, session

HEAD = "print head@1"


def before_push() -> Transcript:
    """Before ``run push(&nodes[0], 0) -> 0`` of PROGRAM's list, whose head is still 0."""
    shell = Transcript(session())
    shell("next 2")
    assert "run push(&nodes[0], 0) -> 0" in shell("where")
    return shell


def test_a_set_head_makes_the_push_fail_and_the_old_history_stays() -> None:
    """The push compares head with 0: after `set` it returns 1, where the test expects 0."""
    shell = before_push()
    old = shell.shell.session
    said = shell("set head@1 = &nodes[2]")
    assert "another history" in said
    assert "run push(&nodes[0], 0) -> 0" in said
    assert shell(HEAD).endswith("(&nodes[2])")
    assert "The test failed here" in shell("continue")
    shell("abandon")
    assert shell.shell.session is old
    assert shell(HEAD).endswith("= 0")
    assert "returned 0" in shell("next")


def test_a_branch_goes_back_over_its_set_and_on_again() -> None:
    """Going back undoes the write, going on makes it again, bit for bit."""
    shell = before_push()
    shell("set nodes[1].value = 0x1122334455667788")
    set_at = shell.shell.session.position
    shell("reverse-stepi")
    assert shell("print nodes[1].value").endswith("= 0")
    assert shell.shell.session.position == set_at - 1
    shell("stepi")
    assert shell("print/x nodes[1].value").endswith("0x1122334455667788")
    assert "by the test itself" not in shell("start")
    assert shell("print nodes[1].value").endswith("= 0")


def test_two_sets_are_both_there_and_are_left_one_by_one() -> None:
    """Each `abandon` takes away one; a breakpoint set on a branch is kept."""
    shell = before_push()
    shell("set nodes[1].value = 1")
    shell("set nodes[2].value = 2")
    shell("break push.2")
    assert shell("print nodes[1].value").endswith("= 1")
    assert shell("print nodes[2].value").endswith("= 2")
    shell("abandon")
    assert shell("print nodes[1].value").endswith("= 1")
    assert shell("print nodes[2].value").endswith("= 0")
    shell("abandon")
    assert shell("print nodes[1].value").endswith("= 0")
    shell("continue")
    assert shell.shell.session.last.reason is Reason.POINT
    assert "nothing has been set" in shell("abandon")


def test_what_can_not_be_set_says_why_and_changes_nothing() -> None:
    """No value, a whole array, a number that does not fit, at the end, a case."""
    shell = before_push()
    position = shell.shell.session.position
    assert "set PLACE = VALUE" in shell("set head")
    assert "set PLACE = VALUE" in shell("set head == 1")
    assert "of such a place" in shell("set nodes = 1")
    assert "not a place with a type" in shell("set 5 = 1")
    assert "256 does not fit u8" in shell("set text[0] = 256")
    assert shell.shell.session.position == position
    shell("goto end")
    assert "nothing comes after this" in shell("set head@1 = 1")
    assert not shell.shell.left
    case = Transcript(session_of_case(cases()[0]))
    assert "only a test of a file" in case("set [0].u64 = 1")
    assert not case.shell.left


def test_an_argument_of_the_call_to_come_is_set() -> None:
    """The push compares head, which is 0, with `expect`: after `set expect = 1` it returns 1."""
    shell = before_push()
    assert "another history" in shell("set expect = 1")
    assert "run push(&nodes[0], 0)" in shell("where")
    shell("set node = &nodes[2]")
    assert "&nodes[2]" in shell("print node")
    assert "1" in shell("print expect")
    assert "The test failed here" in shell("continue")
    shell("abandon")
    shell("abandon")
    assert "0" in shell("print expect")
    assert "The test failed here" not in shell("next")


def test_an_argument_is_not_set_within_its_call() -> None:
    """The ops hold its value: that is said, and nothing is changed."""
    shell = before_push()
    shell("step")
    assert "the ops hold the value of expect already" in shell("set expect = 1")
    assert not shell.shell.left


def test_memory_is_set_while_a_call_runs() -> None:
    """After the compare of the push has read head, another head there is overwritten by the last op.

    The compare went through with what it had read; so the call still returns 0.
    """
    shell = before_push()
    shell("step")
    assert "cmpeq" in shell("where")
    shell("step")
    assert "memcpy" in shell("where")
    assert "another history" in shell("set head@1 = &nodes[2]")
    assert shell(HEAD).endswith("(&nodes[2])")
    assert "memcpy" in shell("where")
    assert "returned 0" in shell("next")
    assert shell(HEAD).endswith("(&nodes[0])")


def test_a_head_that_is_set_before_the_compare_reads_it_makes_the_call_fail() -> None:
    """Set within the call, before its first op: the compare differs, and the call returns 1."""
    shell = before_push()
    shell("step")
    shell("set head@1 = &nodes[2]")
    assert "The test failed here" in shell("continue")
    assert shell(HEAD).endswith("(&nodes[2])")
    shell("abandon")
    assert "returned 0" in shell("next")


def test_a_set_within_a_call_is_undone_and_made_again_with_it() -> None:
    """Back over the call and on again, step by step and at once, memory is the same each time."""
    shell = before_push()
    shell("step 2")
    shell("set nodes[3].value = 7")
    shell("set nodes[2].value = 8")
    at = shell.shell.session.position

    def values() -> tuple[str, str]:
        return shell("print nodes[3].value")[-3:], shell("print nodes[2].value")[-3:]

    assert values() == ("= 7", "= 8")
    shell("reverse-stepi")
    assert values() == ("= 7", "= 0")
    shell("reverse-stepi")
    assert values() == ("= 0", "= 0")
    shell("start")
    assert values() == ("= 0", "= 0")
    shell(f"goto {at}")
    assert values() == ("= 7", "= 8")
    shell("next")
    shell("reverse-next")
    assert values() == ("= 0", "= 0")
    shell("goto end")
    assert values() == ("= 7", "= 8")
    assert "set" in shell("who nodes[3].value") or "test" in shell("who nodes[3].value")


def test_a_breakpoint_on_the_first_statement_stops_before_it() -> None:
    """`run` and the first `continue` stop there with nothing done; the next one goes on."""
    for word in ("continue", "run"):
        shell = Transcript(session())
        first = shell.shell.session
        line = shell("where")
        shell("tbreak" if word == "continue" else "break")
        assert first.points, line
        assert "reakpoint 1" in shell(word)
        assert first.position == 0
        shell("continue")
        assert first.position > 0

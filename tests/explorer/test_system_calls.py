"""System calls in sections, by the rules that booted kernels have (docs/kernels.md)."""

from __future__ import annotations

import pytest

from opvasm.assembler import assemble
from opvasm.errors import ParseError
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.setting.configuration import configurations, kernel_abilities
from opvasm.kernels.disturbances import INSTEAD
from opvasm.kernels.profiles import profile_named
from opvasm.source import SourceFile

from .helpers import assembled, outcomes

TEXT = """
percpu n: u64
section s0() {{ x = load n; {call}; commit n, x + 1 }}
scenario s {{
    cpus 1
    kernel {kernel}
    strategy rseq
    thread a @0 {{ run s0() {{ ok {{ r = 1 }}; aborted {{ r = 2 }} }} }}
    {other}
    observe n, a.r
}}
"""
SWITCHES = "syscall switches"
# What the booted kernels did (rows call-nanosleep and call-sched-yield): alone, a section that sleeps.
ALONE = {
    "legacy": "0 2",
    **dict.fromkeys(
        (
            *("v6_19_x86", "v7_x86_size32", "v7_x86_size33", "v6_19_arm64"),
            *("v7_0_arm64_size32", "v7_0_arm64_size33", "v7_1_arm64_size32", "v7_1_arm64_size33"),
        ),
        "1 1",
    ),
}


def text(kernel: str, call: str = SWITCHES, other: str = "") -> str:
    """A section with a call in it, of one thread, with another one."""
    return TEXT.format(kernel=kernel, call=call, other=other)


@pytest.mark.parametrize("kernel", ALONE)
def test_a_section_that_sleeps(kernel: str) -> None:
    """To 6.18 it aborts, always; from 6.19 on it commits, always."""
    assert outcomes(text(kernel)) == {ALONE[kernel]}


@pytest.mark.parametrize("kernel", ALONE)
def test_a_call_that_does_not_switch_changes_nothing(kernel: str) -> None:
    """The row call-getppid: it commits on every kernel."""
    assert outcomes(text(kernel, "syscall")) == {"1 1"}


@pytest.mark.parametrize("call", ["syscall", SWITCHES])
def test_with_debugging_on_the_kernel_kills(call: str) -> None:
    """Nothing comes to its end."""
    assert outcomes(text("debug", call)) == set()


def test_who_runs_meanwhile_aborts_nothing() -> None:
    """Another thread's store is overwritten by a commit that began before it."""
    other = "thread b @0 { store n, 5 }"
    assert "1 1" in outcomes(text("v6_19_x86", SWITCHES, other))
    assert outcomes(text("v6_19_x86", "syscall", other)) == {"5 1", "5 2", "6 1"}
    assert outcomes(text("legacy", SWITCHES, other)) == {"5 2"}


def test_only_calls_tell_kernels_apart_by_calls() -> None:
    """Kernels that differ in nothing else share a search where no section makes a system call."""

    def abilities(written: str, kernel: str, rule: str) -> object:
        assembly = assembled(written)
        (scenario,) = assembly.scenarios
        (one,) = configurations(scenario, strategy_table(assembly.strategies))
        changed = profile_named(kernel)._replace(system_call_switches=rule)
        return kernel_abilities(scenario, one._replace(profile=changed))

    for call, same in ((SWITCHES, False), ("barrier", True)):
        written = text("legacy", call)
        first, second = (abilities(written, "legacy", rule) for rule in ("aborts", "continues"))
        assert (first == second) is same


@pytest.mark.parametrize("word", INSTEAD)
def test_what_is_no_disturbance_says_how_it_is_written(word: str) -> None:
    """fork, vfork, a timer's tick, a breakpoint: each names what shows it, or why there is none."""
    written = text("legacy").replace("strategy rseq", f"strategy rseq\n    environment {word}")
    with pytest.raises(ParseError) as caught:
        assemble(SourceFile("t.opv", written))
    (finding,) = caught.value.diagnostics
    assert finding.help == INSTEAD[word]

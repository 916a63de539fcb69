"""A number that is no CPU reaches no address: not where it is what a thread without CPU has in its area, either."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import WARNINGS, need, run, write_headers

# -1 and -2 are what the area of a thread holds that is not registered yet, or cannot be (RSEQ_CPU_ID_…).
PROGRAM = """
#include <pthread.h>
#include <stdio.h>
#include "counter.h"
#include "list.h"

static struct counter counters;
static struct list lists;
static volatile unsigned numbers[] = {
    0xfffffffe, 0xffffffff, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xf0000000, 65536, 0, 0, 0
};
enum { COUNT = sizeof(numbers) / sizeof(numbers[0]) };
static int wrong;

static void refused(const char *what, unsigned cpu, int answer)
{
    if (answer != OPV_INVALID) {
        printf("%s on %#x: %d\\n", what, cpu, answer);
        wrong = 1;
    }
}
static void *work(void *unused)
{
    struct list_node node = { 0, 0 };
    int round, number;
    for (round = 0; round < 4; round++) {
        for (number = 0; number < COUNT; number++) {
            unsigned cpu = numbers[number];
            refused("bump", cpu, counter_bump(&counters, cpu, 1));
            refused("bump_fenced", cpu, counter_bump_fenced(&counters, cpu, 1));
            refused("push", cpu, list_push(&lists, cpu, &node, 0));
            refused("pop", cpu, list_pop(&lists, cpu, &node));
        }
        refused("bump of a constant", 0xfffffffe, counter_bump(&counters, 0xfffffffe, 1));
        refused("bump of a constant", 0xffffffff, counter_bump(&counters, 0xffffffff, 1));
        if (CAN_DO && counter_bump(&counters, opv_current_cpu(), 1) == OPV_INVALID)
            wrong = 1;
    }
    return unused;
}
int main(void)
{
    pthread_t other;
    unsigned cpu;
    uint64_t sum = 0;
    if (counter_create(&counters) < 0 || list_create(&lists) < 0)
        return 2;
    numbers[COUNT - 1] = counters.cpus;
    numbers[COUNT - 2] = counters.cpus + 1;
    numbers[COUNT - 3] = 2 * counters.cpus;
    pthread_create(&other, 0, work, 0);
    pthread_join(other, 0);
    work(0);
    for (cpu = 0; cpu < counters.cpus; cpu++) {
        sum += counters.percpu[cpu].counter;
        wrong |= lists.percpu[cpu].head != 0;
    }
    return wrong || sum > 8;
}
"""
# The first has sections and the lock; what the others add is C that compilers do not see differently.
STRATEGIES = ("elide", "rseq_then_opv", "rseq", "lock")
RSEQ_OFF = {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"}


@pytest.mark.parametrize(
    ("compiler", "options", "start", "strategies"),
    [
        ("gcc", ("-O1",), (), STRATEGIES),
        ("gcc", ("-O2", "-DOPV_COUNTERS=2"), (), STRATEGIES[:1]),
        ("clang", ("-O1",), (), STRATEGIES[:1]),
        ("musl-gcc", ("-O1", "-static"), (), STRATEGIES[:1]),
        ("aarch64-linux-gnu-gcc", ("-O1", "-static"), ("qemu-aarch64",), STRATEGIES[:1]),
    ],
)
def test_a_number_that_is_no_cpu_is_invalid(
    compiler: str,
    options: tuple[str, ...],
    start: tuple[str, ...],
    strategies: tuple[str, ...],
    tmp_path: Path,
) -> None:
    """Each operation of each strategy answers OPV_INVALID and touches nothing, registered threads or not."""
    need(compiler, *start)
    (tmp_path / "t.c").write_text(PROGRAM)
    for strategy in strategies:
        write_headers(tmp_path, strategy)
        words = (*WARNINGS, *options, f"-DCAN_DO={int(strategy != 'rseq_then_opv')}")
        target = tmp_path / strategy
        done = run(compiler, *words, f"-I{tmp_path}", tmp_path / "t.c", "-o", target, "-lpthread")
        assert done.returncode == 0, done.stderr
        for variables in ({}, RSEQ_OFF, {"OPV_FALLBACK": "always"}, {"OPV_FALLBACK": "3"}):
            ran = run(*start, target, env=variables)
            assert ran.returncode == 0, (strategy, variables, ran.returncode, ran.stdout)


def test_memory_for_too_few_cpus_is_refused(tmp_path: Path) -> None:
    """Where a section goes to its CPU's element unasked, attach wants an element for each CPU."""
    need("gcc")
    (tmp_path / "t.c").write_text(
        '#include "counter.h"\nstatic struct counter_percpu memory[4096];\n'
        "int main(void) { struct counter m; unsigned cpus = opv_possible_cpus();\n"
        "if (cpus > 4096 || counter_attach(&m, memory, cpus) < 0) return 1;\n"
        "if (opv_listed_cpus() == 0) return 0;\n"
        "return counter_attach(&m, memory, cpus - 1) != REFUSED; }\n"
    )
    for strategy, refused in (("elide", "OPV_INVALID"), ("lock", "1")):
        write_headers(tmp_path, strategy)
        words = (*WARNINGS, f"-DREFUSED={refused}", f"-I{tmp_path}", "-lpthread")
        done = run("gcc", tmp_path / "t.c", "-o", tmp_path / "t", *words)
        assert done.returncode == 0, done.stderr
        assert run(tmp_path / "t").returncode == 0, strategy

"""Threads on all CPUs, natively: nothing is lost on the fast path, on the rare one, or where they meet.

Counts are small here; ``python -m tests.emit.hammer`` does as many as one has time for.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from .conftest import IDIOMS, NOT_BY_THE_CALL, Build, build_hammer, need, run, write_headers

STRATEGIES = ("elide", "rseq_then_opv")


def hammered(program: Path, *words: str, env: dict[str, str] | None = None) -> dict[str, int]:
    """What a run counted; the run must have come out right."""
    done = run(program, *words, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", done.stdout)}


def program_of(folder: Path, source: str, *options: str, compiler: str = "gcc") -> Path:
    """A program that includes the headers of all samples, for the strategy that elides the lock."""
    need(compiler)
    write_headers(folder, "elide")
    program = folder / "program"
    program.with_suffix(".c").write_text(source)
    done = run(compiler, "-O2", program.with_suffix(".c"), "-o", program, *options)
    assert done.returncode == 0, done.stderr
    return program


@pytest.mark.parametrize(
    ("strategy", "idiom"),
    [
        (strategy, idiom)
        for strategy in STRATEGIES
        for idiom in IDIOMS
        if strategy == "elide" or idiom not in NOT_BY_THE_CALL
    ],
)
def test_sections_lose_nothing(hammer: Build, strategy: str, idiom: str) -> None:
    """More threads than CPUs, which move, are interrupted and fenced, keep every sum."""
    counts = hammered(hammer(strategy), idiom, "6", "200000", "migrate", "signal", "barrier")
    assert counts["operations"] == 199998


@pytest.mark.parametrize("idiom", IDIOMS)
def test_sections_beside_the_fallback_lose_nothing(hammer: Build, idiom: str) -> None:
    """Every second thread takes the lock each time, some operations name another CPU: sums stay."""
    env = {"OPV_KEEP_SLOW": "0"}
    counts = hammered(hammer("elide"), idiom, "6", "60000", "mixed", "remote", "migrate", env=env)
    assert counts["fallbacks"] > 0
    assert counts["fences"] > 0


@pytest.mark.parametrize("forced", ["always", "7"])
@pytest.mark.parametrize("idiom", IDIOMS)
def test_a_variable_of_the_environment_forces_the_fallback(
    hammer: Build, idiom: str, forced: str
) -> None:
    """OPV_FALLBACK=always takes the lock for each call, =7 for every seventh; nothing is lost."""
    counts = hammered(hammer("elide"), idiom, "4", "60000", env={"OPV_FALLBACK": forced})
    if forced == "always":
        assert counts["fallbacks"] >= counts["operations"]
    assert counts["fallbacks"] >= counts["operations"] // 7 - 4 * 7


def test_a_macro_forces_the_fallback_and_the_environment_wins(hammer: Build) -> None:
    """-DOPV_FALLBACK=1 takes the lock for each call, unless the variable says never."""
    forced = hammer("elide", "-DOPV_FALLBACK=1", "-O0")
    assert hammered(forced, "counter", "2", "1000")["fallbacks"] == 1000
    assert hammered(forced, "counter", "1", "1000", env={"OPV_FALLBACK": "never"})["fallbacks"] < 10
    deaf = hammer("elide", "-DOPV_FALLBACK=1", "-DOPV_NO_ENVIRONMENT", "-O0")
    assert (
        hammered(deaf, "counter", "2", "1000", env={"OPV_FALLBACK": "never"})["fallbacks"] == 1000
    )


def test_without_rseq_each_call_takes_the_fallback(hammer: Build) -> None:
    """With glibc's tunable, and compiled without sections, the lock does it all."""
    tunable = {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"}
    counts = hammered(hammer("elide"), "list", "4", "20000", env=tunable)
    assert counts["sections"] == 0
    assert counts["fallbacks"] >= 40000 - 100
    counts = hammered(hammer("elide", "-DOPV_NO_RSEQ", "-O0"), "list", "4", "20000")
    assert counts["sections"] == 0


def test_counters_can_be_compiled_out_or_count_attempts(hammer: Build) -> None:
    """-DOPV_COUNTERS=0 counts nothing; the default counts no attempts but all fallbacks."""
    none = hammered(
        hammer("elide", "-DOPV_COUNTERS=0", "-O0"),
        "counter",
        "2",
        "9000",
        env={"OPV_FALLBACK": "3"},
    )
    assert none["fallbacks"] == 0
    assert (
        hammered(hammer("elide"), "counter", "1", "9000", env={"OPV_FALLBACK": "3"})["fallbacks"]
        > 1
    )


# What a slip in the emitter would look like: (where, from, to).
SLIPS = {
    "the flag is not looked at": (r'"jne %l\[opv_busy\]\\n\\t" *', ""),
    "the holder does not fence": (r"opv_fence\(opv_cpu\);", ";"),
    "the holder takes no lock": (r"opv_lock\(&opv_control->lock\);", "0;"),
    "no look at the CPU": (r'"jne %l\[opv_aborted\]\\n\\t" *', ""),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_planted_slip_is_noticed(slip: str, tmp_path: Path) -> None:
    """The hammer is not a toy: each part of the protocol that is taken away costs an update."""
    need("gcc")
    write_headers(tmp_path, "elide")
    (tmp_path / "results.h").unlink()  # no slip is looked for there, and compilers take their time
    pattern, replacement = SLIPS[slip]
    file = tmp_path / "counter.h"
    text, count = re.subn(pattern, replacement, file.read_text())
    assert count, slip
    file.write_text(text)
    # The sections are the same at each level; this one compiles in a third of the time.
    program = build_hammer(tmp_path, ["gcc"], "-Wno-error", "-Wno-unused-label", "-O0")
    words = ("counter", "6", "100000", "mixed", "remote", "migrate", "signal")
    env = {"OPV_KEEP_SLOW": "0"}
    # How soon two threads meet is a matter of luck: one of several runs must show it.
    for _ in range(100):
        done = run(program, *words, env=env)
        if done.returncode == 1 and "LOST" in done.stdout:
            return
    pytest.fail("no run of 100 noticed it")


@pytest.mark.parametrize("strategy", ["rseq_then_opv", "opv"])
@pytest.mark.parametrize("idiom", ["counter", "list", "records"])
def test_the_call_does_the_same_ops(hammer: Build, idiom: str, strategy: str) -> None:
    """Under `opvasm exec`, which answers cpu_opv, each operation by the call loses nothing."""
    command = [sys.executable, "-m", "opvasm.cli", "exec", "--syscall-nr", "1335", "--"]
    # The other strategy's program is there, with sections; this one's has none that a level could change.
    program = hammer(strategy) if strategy == "rseq_then_opv" else hammer(strategy, "-O0")
    words = [str(program), idiom, "3", "90"]
    done = run(*command, *words, env={"OPV_FALLBACK": "always"})
    if done.returncode == 4:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"right {idiom}" in done.stdout


@pytest.mark.parametrize("idiom", ["counter", "list"])
def test_injected_aborts_lose_nothing(hammer: Build, idiom: str) -> None:
    """Every third entry into a section is aborted by `opvasm steptest`, beside threads in the lock."""
    command = [sys.executable, "-m", "opvasm.cli", "steptest", "--inject-abort", "1/3"]
    words = ["--section", f"on_{idiom}", "--", str(hammer("elide")), idiom, "4", "2000", "mixed"]
    # No slow path is kept, or most entries would only find it.
    done = run(*command, *words, env={"OPV_KEEP_SLOW": "0"})
    if done.returncode == 4:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"right {idiom}" in done.stdout
    aborted = re.search(r"aborted (\d+) of (\d+) entries", done.stderr)
    assert aborted is not None
    assert int(aborted[1]) > 20


WHERE = """
#define _GNU_SOURCE
#include <pthread.h>
#include "counter.h"
static struct counter memory;
static void *work(void *number)
{
    cpu_set_t set;
    long times;
    CPU_ZERO(&set);
    CPU_SET((int)(long)number, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        return (void *)1;
    for (times = 0; times < 20000; times++) {
        unsigned cpu = opv_current_cpu();
        if (cpu >= memory.cpus || counter_bump(&memory, cpu, 1) != 0)
            return (void *)1;
    }
    return (void *)(long)(opv_current_cpu() != (unsigned)(long)number);
}
int main(void)
{
    pthread_t threads[2];
    uint64_t sum = 0;
    long number, wrong = 0;
    void *result;
    if (counter_create(&memory) < 0 || memory.cpus < 2)
        return 4;
    for (number = 0; number < 2; number++)
        pthread_create(&threads[number], NULL, work, (void *)number);
    for (number = 0; number < 2; number++) {
        pthread_join(threads[number], &result);
        wrong += (long)result;
    }
    for (number = 0; number < (long)memory.cpus; number++)
        sum += memory.percpu[number].counter;
    return wrong || sum != 40000;
}
"""


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
@pytest.mark.parametrize("tunable", ["1", "0"])
def test_threads_know_their_cpu_also_where_nobody_registers_them(
    compiler: str, tunable: str, tmp_path: Path
) -> None:
    """Without rseq each thread soon works on its own CPU's data, and never on that of a CPU that is not there."""
    program = program_of(tmp_path, WHERE, "-static", "-lpthread", compiler=compiler)
    env = {"GLIBC_TUNABLES": f"glibc.pthread.rseq={tunable}", "OPV_KEEP_SLOW": "64"}
    done = run(program, env=env)
    if done.returncode == 4:
        pytest.skip("the machine has one CPU")
    assert done.returncode == 0


def test_a_slow_path_is_kept_for_a_bounded_time(tmp_path: Path) -> None:
    """However many operations OPV_KEEP_SLOW asks for, the count of them does not run into the lock's own bits."""
    program = program_of(
        tmp_path,
        '#include "counter.h"\nint main(void) { struct counter m; int i; struct opv_counters c;\n'
        "if (counter_create(&m) < 0) return 2;\n"
        "for (i = 0; i < 100000; i++) if (counter_bump(&m, 0, 1) != 0) return 3;\n"
        "c = counter_counters(&m);\n"
        "return !(m.percpu[0].counter == 100000 && c.fallbacks == 100000 && c.fences == 4); }\n",
    )
    env = {"OPV_FALLBACK": "always", "OPV_KEEP_SLOW": "4000000000"}
    assert run(program, env=env).returncode == 0


def test_a_child_does_not_wait_for_a_thread_that_it_has_not(tmp_path: Path) -> None:
    """A lock that was held when the process forked is free after NAME_forked, with and without a kept slow path."""
    program = program_of(
        tmp_path,
        '#include "counter.h"\n#include <sys/wait.h>\n'
        "int main(void) { struct counter m; int i, status; uint32_t count;\n"
        "if (counter_create(&m) < 0 || counter_bump(&m, 0, 1) != 0) return 2;\n"
        "count = opv_lock(&m.percpu[0].opv.lock); /* as by a thread that the child has not */\n"
        "if (fork() == 0) {\n"
        "    (void)alarm(60); counter_forked(&m);\n"
        "    for (i = 0; i < 1000; i++) if (counter_bump(&m, 0, 1) != 0) _exit(3);\n"
        "    _exit(m.percpu[0].counter != 1001);\n"
        "}\n"
        "if (wait(&status) < 0 || status != 0) return 4;\n"
        "opv_commit32(&m.percpu[0].opv.lock, count);\n"
        "return !(counter_bump(&m, 0, 1) == 0 && m.percpu[0].counter == 2); }\n",
    )
    for switch in ("never", "always"):
        for keep in ("0", "64"):
            env = {"OPV_FALLBACK": switch, "OPV_KEEP_SLOW": keep}
            assert run(program, env=env).returncode == 0, (switch, keep)


def test_counters_stay_small_while_a_holder_fences(tmp_path: Path) -> None:
    """Counters that are read while a phase begins, or by a child whose lock was held, do not run below 0."""
    program = program_of(
        tmp_path,
        '#include "counter.h"\n#include <sys/wait.h>\n'
        "int main(void) { struct counter m; struct opv_control *opv; int status;\n"
        "if (counter_create(&m) < 0) return 2;\n"
        "opv = &m.percpu[0].opv;\n"
        "(void)opv_lock(&opv->lock); opv_store32(&opv->slow, opv->slow | OPV_HELD); /* it fences now */\n"
        "if (counter_counters(&m).fallbacks != 0) return 3;\n"
        "opv_commit32(&opv->lock, opv_phase_begin(opv, 64, 0));\n"
        "if (counter_bump(&m, 0, 1) != 0 || counter_counters(&m).fallbacks != 1) return 4;\n"
        "if (fork() == 0) { /* nobody held the lock: what was counted stays */\n"
        "    counter_forked(&m);\n"
        "    _exit(counter_counters(&m).fallbacks != 1);\n"
        "}\n"
        "return wait(&status) < 0 || status != 0; }\n",
    )
    assert run(program, env={"OPV_FALLBACK": "never"}).returncode == 0
    assert run(program, env={"OPV_FALLBACK": "always"}).returncode == 0


def test_without_sys_there_is_an_element_for_each_cpu(tmp_path: Path) -> None:
    """Where /sys and /proc are not there, a program that may use its last CPU only has data for that CPU, too."""
    need("gcc")
    last = max(os.sched_getaffinity(0))
    bare = (
        "unshare",
        "-m",
        "sh",
        "-c",
        'mount -t tmpfs none /sys && mount -t tmpfs none /proc && "$@"',
        "sh",
    )
    if shutil.which("unshare") is None or run(*bare, "true").returncode != 0:
        pytest.skip("nothing may be mounted here (needs root)")
    program = program_of(
        tmp_path,
        "#define _GNU_SOURCE 1\n"
        '#include "counter.h"\n'
        "int main(void) { struct counter m; cpu_set_t set; unsigned cpu;\n"
        f"CPU_ZERO(&set); CPU_SET({last}, &set);\n"
        "if (sched_setaffinity(0, sizeof(set), &set) != 0 || counter_create(&m) < 0) return 2;\n"
        "cpu = opv_ask_cpu();\n"
        "return !(cpu < m.cpus && counter_bump(&m, cpu, 1) == 0 && m.percpu[cpu].counter == 1); }\n",
    )
    assert run(*bare, program).returncode == 0


def test_an_operation_is_no_point_of_cancellation(tmp_path: Path) -> None:
    """A thread that is cancelled while it waits for a lock does its operation, and what comes after it."""
    program = program_of(
        tmp_path,
        '#include <pthread.h>\n#include "counter.h"\n'
        "static struct counter m;\n"
        "static void *waits(void *unused) { return counter_bump(&m, 0, 1) == 0 ? &m : unused; }\n"
        "int main(void) { pthread_t thread; void *found = 0; uint32_t count; int i;\n"
        "if (counter_create(&m) < 0 || counter_bump(&m, 0, 1) != 0) return 2;\n"
        "count = opv_lock(&m.percpu[0].opv.lock);\n"
        "if (pthread_create(&thread, 0, waits, 0) != 0 || pthread_cancel(thread) != 0) return 3;\n"
        "for (i = 0; i < 1000; i++) opv_sleep(); /* it waits, and has been cancelled */\n"
        "opv_commit32(&m.percpu[0].opv.lock, count);\n"
        "if (pthread_join(thread, &found) != 0) return 4;\n"
        "return !(found == &m && m.percpu[0].counter == 2); }\n",
        "-lpthread",
    )
    assert run(program, env={"OPV_FALLBACK": "always"}).returncode == 0

"""One question, asked many times: a forked child runs sections, the parent makes things happen.

A try counts only when the event did happen while the thread was inside, which the section itself
sees: it reads the count of events after its first instruction, and ends when that has changed.  So
a busy machine makes tries that do not count, and not wrong answers.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import threading
import time

from ..kernels.profiles import ABORTS, CONTINUES, IGNORED, KEPT, KILLED, KILLS, REWRITTEN
from ..light_typing import NamedTuple
from . import native
from .answers import Counts
from .native import EVENTS, INSIDE, TRY, Area, Code
from .questions import (
    CALL,
    COMMITS,
    DESCRIPTOR,
    ID,
    MEMBARRIER,
    MIGRATE,
    NOTHING,
    PREEMPT,
    SIGNAL,
    SLEEP,
    Question,
)

WRITTEN = 77  # no CPU has this number here: pinned CPUs are told apart from it
ABORTED, COUNTED = 1, 2  # bits of what ``wait`` answers
ROUNDS = 20_000_000  # of a section's loop, at most: the child must end by itself
PAUSE = 0.0002  # seconds between two looks or events
LATE = 0.05  # seconds in which an event is marked that has aborted a section
HANGS = 5.0  # seconds after its time in which a child must have ended
REFUSED = 2  # exit status of a child that the kernel does not register
KILLS_WANTED = 5

MEMBARRIER_RSEQ, MEMBARRIER_REGISTER_RSEQ, MEMBARRIER_CPU = 128, 256, 1


class Asked(NamedTuple):
    """A question about a registration: ``size`` in bytes, 0 for the one that the thread has.

    ``period`` is the time between two signals in seconds: a machine on which a signal takes longer
    than that would do nothing else.
    """

    question: Question
    size: int
    own_sizes: list[int]
    cpu: int
    other_cpu: int | None
    tries: int
    seconds: float
    period: float = 2 * PAUSE


def ask(code: Code, asked: Asked) -> Counts:
    """Ask a question until it has enough tries or its time is over.

    ``failed`` is set when the child did not come to its end: what it counted until then stands.
    """
    outcomes = asked.question.outcomes
    for index in range(len(outcomes)):
        code.count(index).value = 0
    ends = time.monotonic() + asked.seconds
    seen = dict.fromkeys(outcomes, 0)
    while time.monotonic() < ends:
        code.word(TRY).value = code.word(EVENTS).value = code.word(INSIDE).value = 0
        child = os.fork()
        if child == 0:
            _child(code, asked, ends)
        status = _drive(code, asked, child, ends)
        seen = {name: code.count(index).value for index, name in enumerate(outcomes)}
        death = KILLS if KILLS in outcomes else KILLED
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSEGV and death in outcomes:
            code.count(outcomes.index(death)).value += 1
            seen[death] += 1
            if seen[death] >= KILLS_WANTED:
                break
        elif os.WIFEXITED(status) and os.WEXITSTATUS(status) == REFUSED:
            return Counts({}, asked=False, why="the kernel refuses this registration")
        elif status:
            return Counts({name: count for name, count in seen.items() if count}, failed=True)
        else:
            break
    return Counts({name: count for name, count in seen.items() if count})


# ---- the parent: it makes things happen ---------------------------------------------------------


def _drive(code: Code, asked: Asked, child: int, ends: float) -> int:
    """Make the event happen until the child has ended; its wait status."""
    event = asked.question.event
    if event not in (NOTHING, PREEMPT, MIGRATE):
        return _wait(child, ends)
    before = os.sched_getaffinity(0)
    away = asked.cpu if asked.other_cpu is None else asked.other_cpu
    os.sched_setaffinity(0, {asked.cpu if event == PREEMPT else away})
    inside, events, number = code.word(INSIDE), code.word(EVENTS), code.word(TRY)
    try:
        while True:
            if event == PREEMPT:
                events.value += 1
            elif inside.value and events.value != number.value:
                of = number.value
                if event == MIGRATE:
                    os.sched_setaffinity(child, {away})
                else:
                    time.sleep(PAUSE)
                events.value = of
            time.sleep(PAUSE)
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                return status
            if time.monotonic() > ends + HANGS:
                return _kill(child)
    finally:
        os.sched_setaffinity(0, before)


def _wait(child: int, ends: float) -> int:
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        if time.monotonic() > ends + HANGS:
            return _kill(child)
        time.sleep(0.001)


def _kill(child: int) -> int:
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


# ---- the child: it runs the sections ------------------------------------------------------------


def _child(code: Code, asked: Asked, ends: float) -> None:
    """Registers, tries, and ends the process: never returns."""
    status = 1
    try:
        _tries(code, asked, ends)
        status = 0
    finally:
        os._exit(status)


def _tries(code: Code, asked: Asked, ends: float) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    area = _registered(code, asked)
    page = native.fresh_page()
    question = asked.question
    of = "call" if question.kind == CALL else "wait"
    version = int(question.name == "bad_version")
    made = code.descriptor(of, version, signed=question.name != "bad_signature")
    ctypes.memmove(page, made, len(made))
    os.sched_setaffinity(0, {asked.cpu})
    if question.event == SIGNAL:
        _count_alarms(code, asked.period)
    if question.event == MEMBARRIER:
        native.system_call(code.machine.membarrier, MEMBARRIER_REGISTER_RSEQ, 0, 0)
        threading.Thread(target=_fences, args=(code, asked), daemon=True).start()
    counted = 0
    while counted < asked.tries and time.monotonic() < ends:
        outcome = _try(code, question, area, page)
        if outcome is not None:
            code.count(question.outcomes.index(outcome)).value += 1
            counted = sum(code.count(i).value for i in range(len(question.outcomes)))
        if question.event == MIGRATE:
            os.sched_setaffinity(0, {asked.cpu})


def _registered(code: Code, asked: Asked) -> Area:
    """The area that is asked about, registered."""
    own = native.own_area(code)
    if asked.size == 0:
        assert own is not None
        return own[0]
    if own is not None and own[0].cpu_id >= 0:
        native.registered_size(code.machine, own[0], asked.own_sizes)
    area = native.fresh_page()
    if native.register(code.machine, area, asked.size):
        os._exit(REFUSED)
    return Area(area)


def _count_alarms(code: Code, period: float) -> None:
    """SIGALRM is counted by a handler in machine code: it comes every ``period`` seconds."""
    action = (ctypes.c_long * 32)()  # struct sigaction: the handler first, no flags
    action[0] = code.address("handler")
    native.libc.sigaction(int(signal.SIGALRM), ctypes.byref(action), None)
    signal.setitimer(signal.ITIMER_REAL, period, period)


def _fences(code: Code, asked: Asked) -> None:
    """A thread on another CPU: membarrier whenever a section has begun."""
    if asked.other_cpu is not None:
        os.sched_setaffinity(0, {asked.other_cpu})
    inside, events, number = code.word(INSIDE), code.word(EVENTS), code.word(TRY)
    while True:
        if inside.value and events.value != number.value:
            of = number.value
            native.system_call(code.machine.membarrier, MEMBARRIER_RSEQ, MEMBARRIER_CPU, asked.cpu)
            events.value = of
        time.sleep(PAUSE / 4)


def _switches() -> int:
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return used.ru_nvcsw + used.ru_nivcsw


def _try(code: Code, question: Question, area: Area, page: int) -> str | None:
    """One try: its outcome, or None when nothing happened inside."""
    code.word(TRY).value += 1
    if question.kind == CALL:
        return _call(code, question, area, page)
    if question.kind == ID:
        return _id(code, question, area)
    before = _switches()
    result = code.wait(area.address, page, ROUNDS)
    switched = _switches() != before
    area.rseq_cs.value = 0
    if not _happened(code, question, result):
        return None
    if question.event in (NOTHING, MEMBARRIER, SIGNAL) and switched and result & ABORTED:
        return None  # a switch may have done that
    if result & ABORTED:
        return ABORTS
    return IGNORED if question.kind == DESCRIPTOR else COMMITS


def _happened(code: Code, question: Question, result: int) -> bool:
    """Whether the event happened inside of this try.

    Preemptions and signals are counted, and the section itself saw the count change.  Other events
    are marked with the number of their try when they have happened, which may be a moment after the
    section has aborted.
    """
    if question.event in (PREEMPT, SIGNAL):
        return bool(result & COUNTED)
    events, number = code.word(EVENTS), code.word(TRY)
    ends = time.monotonic() + LATE
    while result & ABORTED and events.value != number.value and time.monotonic() < ends:
        time.sleep(PAUSE)
    return events.value == number.value


def _id(code: Code, question: Question, area: Area) -> str | None:
    word = area.cpu_id_start
    before = word.value
    word.value = WRITTEN
    if question.event == SLEEP:
        switches = _switches()
        time.sleep(PAUSE)
        happened = _switches() != switches
    else:
        happened = _happened(code, question, code.wait(area.address, None, ROUNDS))
    now = word.value
    if now == WRITTEN:
        word.value = before
    if not happened:
        return None
    return KEPT if now == WRITTEN else REWRITTEN


def _call(code: Code, question: Question, area: Area, page: int) -> str | None:
    before = _switches()
    if question.event == SLEEP:
        pause = (ctypes.c_long * 2)(0, int(PAUSE * 1e9))
        number, argument = code.machine.nanosleep, ctypes.addressof(pause)
    else:
        number, argument = code.machine.getppid, 0
    aborted = code.call(area.address, page, number, argument, 0)
    switched = _switches() != before
    area.rseq_cs.value = 0
    if switched != (question.event == SLEEP):
        return None
    return ABORTS if aborted else CONTINUES

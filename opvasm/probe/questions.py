"""What the probe asks a kernel, and what each profile would answer: one row a question."""

from __future__ import annotations

from ..kernels.profiles import ABORTS, CONTINUES, IGNORED, KEPT, KILLED, KILLS, REWRITTEN, Profile
from ..light_typing import NamedTuple

# How a question is asked.
SECTION, ID, CALL, DESCRIPTOR = "section", "id", "call", "descriptor"
# What the driver of a question does: see measure.py.
NOTHING, PREEMPT, MIGRATE, SIGNAL, MEMBARRIER, SLEEP, STAY = (
    *("nothing", "preempt", "migrate", "signal", "membarrier"),
    *("sleep", "stay"),
)


class Question(NamedTuple):
    """One question.

    ``name`` is stable (JSON), ``text`` for people; ``kind`` and ``event`` say how it is asked;
    ``field`` is the field of a Profile that answers it ("" for the control, in which nothing
    happens); ``outcomes`` are all answers that can be seen.
    """

    name: str
    text: str
    kind: str
    event: str
    field: str
    outcomes: tuple[str, ...]


COMMITS = "commits"
_SECTION = (ABORTS, COMMITS)
_ID = (REWRITTEN, KEPT, KILLS)
_CALL = (ABORTS, CONTINUES, KILLED)
_DESCRIPTOR = (ABORTS, KILLED, IGNORED)

# fmt: off
QUESTIONS: tuple[Question, ...] = (
    Question("control", "a section, and nothing happens", SECTION, NOTHING, "", _SECTION),
    Question("preemption", "a section: another thread of its CPU runs", SECTION, PREEMPT,
             "preemption_aborts", _SECTION),
    Question("migration", "a section: moved to another CPU", SECTION, MIGRATE, "migration_aborts",
             _SECTION),
    Question("signal", "a section: a signal with a handler", SECTION, SIGNAL, "signal_aborts", _SECTION),
    Question("membarrier", "a section: membarrier RSEQ on its CPU", SECTION, MEMBARRIER,
             "membarrier_aborts", _SECTION),
    Question("sleep_inside", "a section that calls nanosleep", CALL, SLEEP, "system_call_switches", _CALL),
    Question("call_inside", "a section that calls getppid", CALL, STAY, "system_call_stays", _CALL),
    Question("id_preemption", "a written cpu_id_start: another thread of its CPU runs", ID, PREEMPT,
             "id_at_preemption", _ID),
    Question("id_signal", "a written cpu_id_start: a signal", ID, SIGNAL, "id_at_signal", _ID),
    Question("id_membarrier", "a written cpu_id_start: membarrier RSEQ", ID, MEMBARRIER,
             "id_at_membarrier", _ID),
    Question("id_sleep", "a written cpu_id_start: a sleep", ID, SLEEP, "id_at_sleep", _ID),
    Question("id_migration", "a written cpu_id_start: moved to another CPU", ID, MIGRATE,
             "id_at_migration", _ID),
    Question("bad_version", "preempted in a section whose version is 1", DESCRIPTOR, PREEMPT,
             "bad_version", _DESCRIPTOR),
    Question("bad_signature", "preempted in a section without a signature", DESCRIPTOR, PREEMPT,
             "bad_signature", _DESCRIPTOR),
)
# fmt: on

BY_NAME = {each.name: each for each in QUESTIONS}
CONTROL = "control"
# Without these nothing is said: they tell the rule sets apart, and a section's protection.
ESSENTIAL = ("preemption", "signal", "sleep_inside", "id_preemption", "id_signal")
# Asked only where there are two CPUs: the process that says that the moment has come (of the control:
# and nothing happened) would itself disturb a section on its own CPU.
TWO_CPUS = ("control", "migration", "membarrier", "id_migration")


def expected(question: Question, profile: Profile) -> str:
    """What a kernel of a profile answers.  KeyError for the control."""
    value = profile._asdict()[question.field]
    if isinstance(value, bool):
        return ABORTS if value else COMMITS
    return str(value)

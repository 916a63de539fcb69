"""The words that reports use, a sentence each: what ``opvasm explain WORD`` says.

Rules, results, ways to run a vector, environments, disturbances, verdicts.  A test compares the
list with what the tables of the tool can print.
"""

from __future__ import annotations

from ..kernels.disturbances import IN_LANGUAGE
from ..light_typing import NamedTuple
from .layout import paragraph


class Word(NamedTuple):
    """A word, the kind of thing it is, its meaning, and the topics to read next."""

    name: str
    kind: str
    meaning: str
    see: tuple[str, ...] = ()


RULE, RESULT, WAY, ENVIRONMENT = "rule for sections", "result", "way to run", "environment"
DISTURBANCE, VERDICT = "disturbance", "verdict"

# fmt: off
WORDS: tuple[Word, ...] = (
    Word("R1", RULE, "A section writes only what belongs to the CPU it runs on: another CPU's threads "
         "are not excluded.", ("OPV401",)),
    Word("R2", RULE, "Every compare comes before every store: a compare that fails after a store would "
         "leave that store behind.", ("OPV402",)),
    Word("R3", RULE, "The last store is the commit: one aligned word, written by one instruction.",
         ("OPV403",)),
    Word("R4", RULE, "Stores before the commit are ones that may be repeated, to bytes that nobody reads "
         "before the commit publishes them.", ("OPV404",)),
    Word("R5", RULE, "No op reads a byte that an earlier op of the section has written.", ("OPV405",)),
    Word("R6", RULE, "A release belongs to the commit; nothing before it is ordered.", ("OPV406",)),
    Word("R7", RULE, "A section has no answer to a fault: an operand that may fault needs cpu_opv.",
         ("OPV407",)),
    Word("R8", RULE, "Memory that is reached through a pointer is reached through one that was loaded, or "
         "compared, inside of the section.", ("OPV408",)),
    Word("R9", RULE, "A section has no loop without a bound: each instruction is one more at which it can be cut "
         "off, and one that waits for another thread of its CPU never ends.", ("OPV410",)),
    Word("EFAULT", RESULT, "An operand's page can't be read or written. cpu_opv checks all operands before "
         "the first op runs, in the revisions that pin pages."),
    Word("EAGAIN", RESULT, "Try again: an operand marked with ? had no page, or the caller lost the race "
         "for its CPU in a revision that does not retry."),
    Word("EINVAL", RESULT, "The vector breaks a static rule, or names a CPU that is not there or not "
         "allowed."),
    Word("ENOMEM", RESULT, "The kernel had no memory for the vector's copy or pages."),
    Word("aborted", RESULT, "The section was interrupted, and its attempts are used up: nothing was "
         "committed."),
    Word("offline", RESULT, "The CPU of a vector is offline, in a revision that has no path for that."),
    Word("rseq", WAY, "The vector runs as a restartable section: at full speed, restarted by the kernel "
         "when another thread of its CPU comes between.", ("legacy",)),
    Word("opv", WAY, "The vector runs by the system call cpu_opv, which excludes the other threads of its "
         "CPU until it ends."),
    Word("lock", WAY, "The vector runs under the lock of a CPU, after the slow-path flag is set and the "
         "fence has run."),
    Word("rseq_then_opv", WAY, "A section first; after the attempts are used up, cpu_opv."),
    Word("rseq_then_lock", WAY, "A section first; after the attempts are used up, the lock."),
    Word("eager", WAY, "A section looks at the slow-path flag before anything else."),
    Word("lazy", WAY, "A section looks at the slow-path flag directly before its commit."),
    Word("written", ENVIRONMENT, "What the scenario's own environment line says."),
    Word("quiet", ENVIRONMENT, "Threads disturb only each other."),
    *(Word(each, DISTURBANCE, each.row.meaning) for each in IN_LANGUAGE),
    Word("holds", VERDICT, "No interleaving breaks what the scenario claims."),
    Word("fails", VERDICT, "An interleaving breaks a claim; it is shown."),
    Word("livelock", VERDICT, "Threads can go round for ever without getting done."),
    Word("deadlock", VERDICT, "No thread can go on, and not all are done."),
    Word("endless", VERDICT, "No execution ends, so nothing is said of final states."),
    Word("blocks", VERDICT, "A thread waits for one that may never run again (in an expect line)."),
    Word("blocked", VERDICT, "A thread waits for one that may never run again."),
    Word("inconclusive", VERDICT, "A limit was reached before every state had been seen."),
    Word("refused", VERDICT, "A rule keeps the vector from being run that way, so nothing was explored."),
    Word("finishes", VERDICT, "The thread gets done in every fair schedule."),
    Word("lock_free", VERDICT, "Somebody gets done in every schedule."),
    Word("obstruction_free", VERDICT, "The thread gets done when it is left alone."),
)
# fmt: on


def explain(word: Word) -> str:
    """The meaning of a word, and where to read on."""
    see = f"\nSee also: {', '.join(word.see)}\n" if word.see else ""
    return f"{word.name}: {word.kind}\n\n{paragraph(word.meaning)}{see}"

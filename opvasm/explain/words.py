"""The words that reports use, a sentence each: what ``opvasm explain WORD`` says.

Rules, results, ways to run a vector, environments, disturbances, verdicts.  A test compares the
list with what the tables of the tool can print.
"""

from __future__ import annotations

from ..kernels.disturbances import IN_LANGUAGE, INSTEAD
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
ELSEWHERE, ANSWER, AREA = "event", "what a kernel does", "field of the rseq area"

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
    Word("EINVAL", RESULT, "cpu_opv: the vector breaks a static rule, or names a CPU that is not there or not "
         "allowed. rseq: the size or place of the area is none that the kernel takes, or another one than it has."),
    Word("EBUSY", RESULT, "rseq: this thread is registered already, with the same area; glibc does that for every thread.",
         ("rseq",)),
    Word("EPERM", RESULT, "rseq: the signature is not the one that the thread registered with. membarrier: the process has "
         "not registered for that command.", ("rseq", "membarrier")),
    Word("ESRCH", RESULT, "The thread that a call names has ended. rseq never answers so."),
    Word("ENOMEM", RESULT, "The kernel had no memory for the vector's copy or pages."),
    Word("aborted", RESULT, "The section was interrupted, and its attempts are used up: nothing was "
         "committed."),
    Word("offline", RESULT, "The CPU of a vector is offline, in a revision that has no path for that."),
    Word("ENOSYS", RESULT, "The kernel has no such system call, or something in between refuses it: valgrind "
         "and qemu-user for rseq, a seccomp filter.", ("no_rseq",)),
    Word("ok", RESULT, "The vector or section ran to its end."),
    Word("differs", RESULT, "A compare of the vector failed: nothing after it was done. differs.at is its op."),
    Word("again", RESULT, "cpu_opv answered EAGAIN.", ("EAGAIN",)),
    Word("fault", RESULT, "cpu_opv answered EFAULT. A page fault that is waited for is a switch: preempt.",
         ("EFAULT",)),
    Word("invalid", RESULT, "cpu_opv answered EINVAL.", ("EINVAL",)),
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
    Word("unchecked", WAY, "The rules for sections are not asked whether a vector may be one.", ("R1",)),
    Word("membarrier", WAY, "fence membarrier: the sections that run on a CPU, or on all, are aborted before it "
         "returns, where the kernel does that.", ("legacy",)),
    Word("vector", WAY, "fence vector: a vector of no ops runs on a CPU, or on each, by cpu_opv: sections that were "
         "under way there are over.", ("opv",)),
    Word("written", ENVIRONMENT, "What the scenario's own environment line says."),
    Word("quiet", ENVIRONMENT, "Threads disturb only each other."),
    *(Word(each, DISTURBANCE, each.row.meaning) for each in IN_LANGUAGE),
    *(Word(name, ELSEWHERE, f"Not a word of an environment line: {meaning}.")
      for name, meaning in INSTEAD.items() if name not in ("fault", "membarrier")),
    Word("bounce", ELSEWHERE, "In a schedule: a move to another CPU that uses up a migration, and from which the thread "
         "is back before it runs.", ("migrate",)),
    Word("aborts", ANSWER, "The section is left for its abort address, and commits nothing."),
    Word("commits", ANSWER, "The section goes on where it was and does its commit, though it was interrupted."),
    Word("continues", ANSWER, "After a system call inside, the section goes on and commits.", ("syscall",)),
    Word("rewritten", ANSWER, "The kernel writes the thread's CPU over an id that user space has written."),
    Word("kept", ANSWER, "An id that user space has written stays as it is."),
    Word("kills", ANSWER, "The process gets SIGSEGV for an id that user space has written."),
    Word("killed", ANSWER, "The process gets SIGSEGV."),
    Word("lands", ANSWER, "The thread comes to an abort address that lies inside of the section, and runs on unprotected."),
    Word("cleared", ANSWER, "The kernel sets rseq_cs to 0 and does nothing else about a descriptor that breaks a rule."),
    Word("ignored", ANSWER, "The kernel never looks at the descriptor."),
    Word("cpu_id_start", AREA, "The CPU that the thread is on, at byte 0; 0 where nobody is registered."),
    Word("cpu_id", AREA, "The CPU that the thread is on, at byte 4; -2 where the registration failed or is switched off. A "
         "section asks it before it begins."),
    Word("node_id", AREA, "The NUMA node of the CPU, at byte 20."),
    Word("mm_cid", AREA, "A number that no other running thread of the process has, at byte 24."),
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

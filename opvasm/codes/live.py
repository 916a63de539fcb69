"""Codes of live programs: OPV650-699."""

from __future__ import annotations

from .code import Code

HOST = "OPV650"
PROGRAM = "OPV651"
ATOMICITY = "OPV652"
REPLAY = "OPV653"
NO_REAL_TIME = "OPV654"
UNANSWERED = "OPV655"

CODES: tuple[Code, ...] = (
    Code(
        HOST,
        "host-cannot",
        "error",
        "this host can't run the program under supervision",
        "Answering cpu_opv for a real program needs 64-bit Linux on x86-64, ptrace of one's own "
        "children, and a system call number that the kernel does not give a meaning of its own. "
        "The message names what is missing; the command exits with 4.",
    ),
    Code(
        PROGRAM,
        "program-refused",
        "error",
        "the program can't be run",
        "The program was not found or is not executable, is set-uid or set-gid, has file "
        "capabilities, or is not a 64-bit x86-64 program. Programs with more rights than their "
        "caller are never run.",
    ),
    Code(
        ATOMICITY,
        "section-interrupted",
        "warning",
        "a vector's ops were not run in one piece",
        "The real call runs its ops with preemption off. Here the calling thread runs them alone "
        "on its CPU, and asks the kernel before and after whether it was switched out in between: "
        "it was, so another thread may have run on that CPU in the middle of the vector, and an "
        "update may be lost. Under --strict this makes the command fail.",
    ),
    Code(
        REPLAY,
        "replay-differs",
        "error",
        "the reference interpreter does not come to what the thread did",
        "The bytes that the calling thread met are run through the reference interpreter "
        "afterwards. It came to another result or another stored value: that is a mistake of "
        "opvasm, never of the program.",
    ),
    Code(
        NO_REAL_TIME,
        "no-real-time",
        "warning",
        "sections run without a real-time priority",
        "With SCHED_FIFO no other thread of the program can run on the CPU while a vector's ops "
        "run there. Where it is refused, the ops still run on the right CPU and an interruption "
        "is still noticed, but not prevented; --strict then stops all other threads of the "
        "program for each call.",
    ),
    Code(
        UNANSWERED,
        "calls-unanswered",
        "warning",
        "a program's calls are not answered, or it does not work under a tracer",
        "A child of the program is not a 64-bit x86-64 program, or valgrind or qemu-user, which make the "
        "system calls of the program that they run themselves: it runs, but its calls of cpu_opv are not "
        "answered. gdb, strace and the like can't trace a program that opvasm traces: put them around it "
        "(gdb --args opvasm exec …), or stop at its calls by opvasm debug --attach-on. LeakSanitizer does not work in a program that is traced.",
    ),
)

"""Strategies, scenarios and the explorer."""

from __future__ import annotations

from .code import Code

_HEAD = "percpu counter: u64\nvector bump(n: i64) { add.u64 counter, n }\n"


def _example(body: str, before: str = "") -> str:
    return f"{_HEAD}{before}scenario s {{\n{body}\n}}"


_THREAD = "    thread a @0 { run bump(1) }"
_STRUCTS = (
    "struct node { next: ptr, value: u64 }\nshared A: node\nshared B: node\npercpu head: ptr\n"
)

# fmt: off
CODES: tuple[Code, ...] = (
    Code("OPV500", "scenario-word", "error", "a word that a scenario does not know",
         "Ways to run a vector, options, disturbances, results, verdicts and levels of progress are fixed "
         "words; the message lists those that fit.",
         _example("    environment earthquake\n" + _THREAD)),
    Code("OPV501", "scenario-number", "error", "a number outside its limits",
         "CPUs, copies of a thread, attempts and rounds of a loop have limits far above what a search can "
         "go through.", _example("    cpus 1000\n" + _THREAD)),
    Code("OPV502", "fallback-of-nothing", "error", "a fallback after a method that never aborts",
         "Only a restartable section can abort. cpu_opv and the lock always run to their end, so nothing "
         "ever falls back from them.", "strategy s = opv then lock after 2"),
    Code("OPV503", "said-twice", "error", "a part of a scenario stands twice",
         "The CPUs, kernels, strategies and initial values of a scenario are said once; so is what follows "
         "a result.", _example("    cpus 1\n    cpus 2\n" + _THREAD)),
    Code("OPV504", "no-thread", "error", "a scenario without a thread",
         "Nothing runs, so there is nothing to explore.", "scenario s {\n    cpus 1\n}"),
    Code("OPV505", "disturbance", "error", "a disturbance that is not spelled out",
         "Migrations, signals, hotplug and checkpoints need a limit, or a schedule could consist of "
         "nothing else. Only stepped, stalled and unprotected name a thread, and only unprotected a place. "
         "A limit counts for all of a kind together, so that two of a kind have none.",
         _example("    environment migrate\n" + _THREAD)),
    Code("OPV506", "copies", "error", "the number of copies is not written as x3",
         "`thread W x3 @0` makes three interchangeable threads.",
         _example("    thread a three @0 { run bump(1) }")),
    Code("OPV507", "own-place", "error", "own stands inside a block",
         "Memory of a thread's own is declared at the beginning of its body.",
         _example("    thread a @0 { loop 2 { own n: u64 } }")),
    Code("OPV508", "quiescent-place", "error", "quiescent belongs to invariant",
         "`invariant quiescent` is asked in the states where no thread is inside a run; the other "
         "conditions speak of final states.",
         _example(_THREAD + "\n    forall quiescent counter == 1")),
    Code("OPV509", "unknown-in-scenario", "error", "a kernel, strategy, thread or scenario that is not there",
         "The message names what is known.", _example("    kernel linux\n" + _THREAD)),
    Code("OPV510", "unknown-vector-run", "error", "run names no vector",
         "A thread runs vectors of this file or of one that it uses.",
         _example("    thread a @0 { run bmp(1) }")),
    Code("OPV511", "run-arguments", "error", "the number of arguments is not the vector's",
         "A run gives a value for each parameter, in their order.",
         _example("    thread a @0 { run bump() }")),
    Code("OPV512", "unknown-in-body", "error", "a name that nothing has",
         "Names in a thread are its locals, its own memory, the file's variables and constants, and "
         "current.", _example("    thread a @0 { x = load conter }")),
    Code("OPV513", "unknown-function", "error", "a function that does not exist here",
         "Conditions have sum(place), list(head), length(head) and done(thread); threads have none.",
         _example(_THREAD + "\n    forall maximum(counter) == 1")),
    Code("OPV514", "memory-in-expression", "error", "a thread uses memory without load or store",
         "Each read and each write of memory is a step of its own, at which others may come between; so it is "
         "written as one. An assignment sets a number of the thread's own.", _example("    thread a @0 { x = counter + 1 }")),
    Code("OPV515", "not-one-number", "error", "an array or struct where a number is wanted",
         "load, store and conditions work on one number at a time.",
         f"{_STRUCTS}scenario s {{\n    thread a @0 {{ x = load A }}\n}}"),
    Code("OPV516", "unknown-type-here", "error", "a name that is not a type",
         "Types are u8 to u64, i8 to i64, ptr, and the file's structs.",
         _example("    thread a @0 { own n: word }")),
    Code("OPV517", "no-place", "error", "a value where a place is wanted",
         "load, store, & and @ need something that has an address.",
         _example("    thread a @0 { x = &5 }")),
    Code("OPV518", "untyped-arrow", "error", "-> after something without a type",
         "The local must have been loaded from a ptr<struct>, or only one struct may have a field of that "
         "name.", _example("    thread a @0 { x = 1; y = load x->next }")),
    Code("OPV519", "unknown-field-here", "error", "a field that the struct does not have",
         "The message names one that is near.",
         f"{_STRUCTS}scenario s {{\n    thread a @0 {{ x = load A.nxt }}\n}}"),
    Code("OPV520", "no-array", "error", "an element of what is not an array",
         "Only arrays have elements.", _example("    thread a @0 { x = load counter[1] }")),
    Code("OPV521", "element-outside", "error", "an element that the array does not have",
         "Elements are counted from 0.",
         "shared t: u64[4]\nscenario s {\n    thread a @0 { x = load t[4] }\n}"),
    Code("OPV522", "which-cpu", "error", "a percpu variable without a CPU in a condition",
         "A condition is asked of the whole state, where a percpu variable has an instance for each CPU.",
         _example("    cpus 2\n" + _THREAD + "\n    forall counter == 1")),
    Code("OPV523", "break-outside", "error", "break outside a loop",
         "break leaves the innermost loop.", _example("    thread a @0 { break }")),
    Code("OPV524", "writes-own-argument", "error", "a vector that writes to its own argument",
         "The argument's slot is gone when the call returns; the explorer gives it no memory.",
         "percpu head: u64\nvector get(out: u64) { memcpy.u64 out, head }\n"
         "scenario s {\n    thread a @0 { run get(0) }\n}"),
    Code("OPV525", "vector-too-long-with-flag", "error", "no room for the test of the slow-path flag",
         "A subscribing vector gets one compare more at its head, and 16 ops are the limit.",
         "percpu c: u64\nvector v() {\n" + "    add.u64 c, 1\n" * 16 + "}\n"
         "strategy s1 = opv { subscribe eager }\n"
         "scenario s {\n    strategy s1\n    thread a @0 { run v() }\n}"),
    Code("OPV526", "section-on-cpu", "error", "a section run on a CPU by name",
         "A section is plain code and runs on the CPU that its thread is on; only cpu_opv moves a thread. "
         "Hand the number of the CPU in and compare it with cpu_id inside.",
         "percpu c: u64\nsection add() { commit c += 1 }\nscenario s {\n    thread a @0 { run add() on 0 "
         "{ aborted -> retry } }\n}"),
    Code("OPV527", "section-without-vector", "error", "a fallback to cpu_opv that a section does not have",
         "`rseq then opv` runs one vector both ways, or a section and the vector that it exactly is (`opvasm "
         "verify --rseq` shows it). Of another section the message names the first statement that is no op; what is "
         "to be done after so many aborts stands in its arm `aborted`, or it falls back to a lock.",
         "percpu c: u64\nsection add() {\n    x = load c\n    exit full if x > 3\n    commit c, x + 1\n}\n"
         "strategy both = rseq then opv after 2\nscenario s {\n    strategy both\n"
         "    thread a @0 { run add() { full -> return; aborted -> retry } }\n}"),
    Code("OPV530", "cpu-outside", "error", "a thread, a fence or a condition on a CPU that does not exist",
         "CPUs count from 0 to one less than cpus says; of a range, the smallest number counts.",
         _example("    thread a @1 { run bump(1) }")),
    Code("OPV531", "no-link", "error", "a list of what can't be linked",
         "list links structs by their first pointer.",
         "percpu head: ptr\nshared n: u64\nscenario s {\n    init { list head: n }\n    thread a @0 { return }\n}"),
    Code("OPV532", "no-list", "error", "list() of what is not a list",
         "The place must be a ptr<struct> whose struct has a pointer, or there must be only one such struct.",
         _example(_THREAD + "\n    forall length(counter@0) == 0")),
    Code("OPV533", "page-with-a-past", "error", "a page that changes by the first store to it",
         "A `zero` page in 2017-10 and 2017-11, and a `copy_on_write` page in 2017-10, are answered for in "
         "one way before the first store to them and in another after it. States of a scenario do not hold that.",
         "page p: zero\nvector v() { cmpeq [&p].u64, =0 }\nscenario s {\n    thread a @0 { run v() { fault { } } }\n}"),
    Code("OPV540", "schedule-changed", "error", "a schedule that belongs to another source",
         "A replay file names the source it was made from by its hash. After an edit the decisions mean "
         "something else; explore again."),
    Code("OPV541", "schedule-diverges", "error", "a schedule that can't be followed",
         "A decision of the replay file is not possible where it stands, or a state differs from its "
         "checkpoint: the model or the file has changed."),
    Code("OPV542", "schedule-unreadable", "error", "no replay file",
         "Replay files are JSON objects with a format of opvasm-replay/1."),
    Code("OPV550", "not-as-expected", "error", "a scenario that is not as it expects to be",
         "The exploration found something else than the expect line says: a failure where it should hold, "
         "or none where one is known. A failure that is gone is one too: the line is out of date then."),
    Code("OPV551", "left-open", "warning", "a scenario without an answer",
         "A limit was hit before every state was seen, so what the scenario expects is still open."),
    Code("OPV552", "older-kernel-name", "note", "an older name of a kernel profile",
         "The rule sets of kernels were named anew after they had been seen on booted kernels. An older name "
         "goes on meaning the profile that is named here; `opvasm explain` says its versions and rules."),
    Code("OPV560", "not-exported", "error", "a part of a scenario that another tool has no words for",
         "opvasm export writes a scenario in another tool's language only when all of it can be said there "
         "with the same meaning; the message names what can't and why. `opvasm docs explorer` lists both subsets."),
)
# fmt: on

"""The slice of the campaign that runs in every test run: scenarios, one for each way to be wrong.

Each is small, and named for what an explorer may get wrong in it.  Both answers are worked out anew:
nothing here says what comes out.
"""

from __future__ import annotations

DATA = """
struct node { next: ptr<node>, value: u64 }
percpu c: u64
percpu e: u64
percpu head: ptr<node>
shared f: u64
shared g: u64
shared A: node
shared tab: u16[2]
vector bump(n: u64) { add.u64 c, 1 }
vector far() { add.u64 f, 1 }
vector equal() { cmpeq.u64 c, e; memcpy.u64 f, =1 }
vector zero() { memcpy.u64 c, =0 }
vector claim(n: ptr<node>) { cmpeq.u64 f, =0; memcpy.u64 f, n }
vector both() { memcpy.u64 c, =1; memcpy.u64 e, =1 }
vector swap(old: u64, new: u64) { cmpeq.u64 c, old; memcpy.u64 c, new }
vector pair() { add.u64 f, 1; add.u64 g, 1 }
vector same() { cmpeq.u64 f, f }
vector none() { mb }
vector look(old: u64) { cmpeq.u64 c, old }
vector push(node: ptr<node>, old: u64) { cmpeq.u64 head, old; memcpy.u64 node->next, old; memcpy.u64 head, node }
vector write_and_look() { memcpy.u64 f, =1; cmpeq.u64 c, =1 }
vector write_to(p: ptr) { add.u64 f, 1; memcpy.u64 [p], f }
strategy bare = rseq { unchecked }
strategy twice = rseq then opv after 2 { unchecked }
strategy elide = rseq then lock after 1 { subscribe eager, unchecked }
strategy lazy = rseq { subscribe lazy, unchecked }
"""

SCENARIOS = {
    # ---- fuse: what is read of the CPU belongs to no other step
    "moved between a load and current": """
    cpus 2
    environment migrate <= 1
    thread a @0 { x = load f; y = current; z = load f; store f, y }
    observe a.x, a.y, a.z, f""",
    "a handler moves its thread": """
    cpus 2
    environment signal <= 1
    init { c@1 = 5 }
    thread a @1 { x = load c; y = current }
    on signal a { run none() on 0 }
    observe a.x, a.y""",
    "a CPU goes away before it is read": """
    cpus 2
    environment hotplug <= 1
    init { c@1 = 5 }
    thread a @1 { x = load c; y = current }
    observe a.x, a.y""",
    "a loop without a step is asked": """
    cpus 1
    thread a @0 { x = load f; y = 1; loop { y = y ^ 1 } }
    invariant "odd": sum(a.x) == 1""",
    # ---- dead: registers that somebody will read
    "an abort needs what a section was given": """
    cpus 1
    strategy bare
    environment preempt <= 1
    thread a @0 { x = load f; run swap(x, x + 1) { aborted { y = x + 7 }; differs { } } }
    init { f = 3; c@0 = 3 }
    observe c@0, a.y""",
    "an abort goes back to the arguments": """
    cpus 1
    strategy twice
    init { c@0 = 2 }
    environment preempt <= 2
    thread a @0 { o = load c; run swap(o, 9) { aborted, differs -> retry } }
    observe c@0""",
    "what is observed at the end": """
    cpus 1
    thread a @0 { x = load f; store g, 1 }
    init { f = 4 }
    observe a.x, g""",
    "a handler comes between a value and its use": """
    cpus 1
    environment signal <= 1
    thread a @0 { x = load f; y = load g; store g, x + y }
    on signal a { x = load g; z = load g; store f, x }
    init { f = 4 }
    observe f, g""",
    # ---- collapse
    "aborted before its compare fails": """
    cpus 1
    strategy bare
    environment preempt
    thread a @0 { run look(1) { differs { x = 1 }; aborted { x = 2 } } }
    observe a.x""",
    "aborted before its only load ends it": """
    cpus 1
    strategy bare
    environment signal <= 1
    thread a @0 { run look(0) { ok { x = 1 }; aborted { x = 2 } } }
    observe a.x""",
    "stores before an abort stay": """
    cpus 1
    strategy bare
    environment preempt <= 1
    thread a @0 { run both() { aborted { x = 2 } } }
    observe a.x, c@0, e@0""",
    "two loads and a migration": """
    cpus 2
    environment migrate <= 1
    init { c@1 = 5 }
    thread a @0 { x = load c; y = load c; store c, 2 }
    observe a.x, a.y, c@0, c@1""",
    "restored inside its section": """
    cpus 1
    strategy bare
    environment checkpoint <= 1
    thread a @0 { run bump(1) { aborted -> retry } }
    thread b @0 { run bump(1) { aborted -> retry } }
    observe c@0""",
    "restored between two loads": """
    cpus 1
    environment checkpoint <= 1
    thread a @0 strategy bare { run equal() { aborted { }; differs { x = 1 } } }
    thread b @0 { run both() }
    observe a.x, f""",
    "nothing aborts between two loads": """
    cpus 1
    kernel v6_19_arm64
    thread a @0 strategy bare { run equal() { aborted { }; differs { x = 1 } } }
    thread b @0 { run both() }
    observe a.x, f""",
    "a vector that another CPU sees half done": """
    cpus 2
    thread a @0 { run pair() }
    thread b @1 { x = load f; y = load g }
    observe b.x, b.y, f, g""",
    "a compare of a place with itself": """
    cpus 2
    thread a @0 { run same() { differs { x = 1 } } }
    thread b @1 { run far() }
    observe a.x, f""",
    "bytes turn out to be shared": """
    cpus 2
    strategy bare
    environment preempt
    thread a @0 {
        run look(0) { aborted { run look(0) { aborted { run look(0) { aborted { run look(0) {
            aborted { store f, 1; store g, 1 }
        } } } } } } }
    }
    thread b @1 { x = load f; y = load g }
    observe b.x, b.y, f, g""",
    "own bytes between two signals": """
    cpus 1
    environment signal <= 1
    thread a @0 { own m: node; store m.value, 1; store m.next, &A; x = load m.value }
    on signal a { y = load f; store f, y + 1 }
    thread b @0 { z = load f; store f, z + 2 }
    observe a.x, b.z, f""",
    "own bytes seen by their handler": """
    cpus 1
    environment signal <= 1
    thread a @0 { own m: node; store m.value, 1; store m.value, 2 }
    on signal a { y = load m.value; store f, y }
    observe f""",
    "an invariant inside a vector": """
    cpus 1
    thread a @0 { run pair() }
    invariant "equal": f == g""",
    "quiescent below a handler": """
    cpus 1
    strategy lock
    environment signal <= 1
    thread a @0 { run pair() }
    on signal a { x = load e }
    invariant quiescent "equal": f == g""",
    # ---- failures: each is named, in every mode
    "another fails before an access to own bytes does": """
    cpus 2
    thread a @0 { own m: u64; store f, 1; x = load m; if x == 0 { fail } }
    thread b @1 { y = load f; if y == 1 { fail } }""",
    "another fails before a compare does": """
    cpus 2
    thread a @0 { run write_and_look() }
    thread b @1 { y = load f; if y == 1 { fail } }""",
    "two fail in one step": """
    cpus 2
    kernel debug
    thread a @1 { fence membarrier on 0; fail }
    thread b @0 { store cpu_id_start, 5; x = load f; store g, x }""",
    "a failure ends what a handler would do": """
    cpus 1
    environment signal <= 1
    thread a @0 { fail }
    thread b @0 { store f, 1 }
    on signal a { x = load g }
    invariant "not yet": f == 0 || done(a)""",
    "a failure that reads the CPU may not come": """
    cpus 2
    environment migrate <= 1
    thread a @0 { x = load f; y = current; if y == 0 { fail } }
    thread b @1 { store g, 1; z = load f }
    invariant "not yet": g == 0 || done(a)""",
    "killed when it comes back": """
    cpus 1
    kernel debug
    thread a @0 { run equal() { differs { fail } } }
    thread b @0 { store cpu_id_start, 5; x = load f; store g, x }
    invariant "never seen": g == 0""",
    "nothing kills at the end": """
    cpus 2
    kernel debug
    thread a @1 { store cpu_id_start, 0; fence vector on 0 }
    on signal a { }""",
    "killed at a signal and at its own fence": """
    cpus 1
    kernel debug_size32
    environment signal <= 1
    thread a @0 { store cpu_id_start, 5; x = load f; store g, x + 1; fence membarrier on 0; store f, 1 }
    thread b @0 { z = load g }
    on signal a { y = load g }
    observe b.z, f, g
    invariant "never seen": f == 0""",
    "a vector outside of all memory": """
    cpus 2
    thread a @0 { run write_to(&tab) { fault { x = 1 } } }
    thread b @1 { run write_to(&tab) on 9 { fault { x = 1 }; invalid { x = 2 } } }
    observe a.x, b.x, f""",
    # ---- groups
    "one CPU never ends": """
    cpus 2
    thread a @0 { loop { x = load c } }
    thread b @1 { fail }""",
    "a busy CPU and another's failure": """
    cpus 2
    thread a @0 { loop { x = load c; y = load c } }
    thread b @1 { x = load e; y = load e; if x == y { fail } }""",
    "one CPU writes into the other's": """
    cpus 2
    thread a @0 { x = load f; store g, x + 1 }
    thread b @1 { y = load g; store f, y + 1 }
    observe a.x, b.y, f, g""",
    "one calls over to the other": """
    cpus 2
    thread a @0 { x = load c@1; run bump(1) on 1 }
    thread b @1 { y = load c; store c, y + 2 }
    observe a.x, b.y, c@0, c@1""",
    "states of two CPUs together": """
    cpus 2
    thread a @0 { store c, 1; store c, 0 }
    thread b @1 { store e, 1; store e, 0 }
    invariant "not both": c@0 + e@1 < 2""",
    "a migration that waits": """
    cpus 2
    environment migrate <= 1
    thread a @0 { x = load c; store c, x + 1 }
    thread b @1 { y = load c; store c, y + 1 }
    observe a.x, b.y, c@0, c@1""",
    "a fence across": """
    cpus 2
    thread a @0 { x = load c; fence membarrier on 1; x = load c }
    thread b @1 strategy bare { run look(0) { ok { y = 1 }; aborted { y = 2 } } }
    observe b.y""",
    "a failure on one CPU, an invariant's twin on the other": """
    cpus 2
    thread a @0 { x = load c; if x == 0 { fail } }
    thread b @1 { y = load e; if y == 0 { run swap(1, 2) } }""",
    # ---- symmetry
    "alike threads push nodes of their own": """
    cpus 1
    thread w x2 @0 { own m: node; h = load head; run push(&m, h) { differs -> retry } }
    observe length(head@0), head@0, w.h""",
    "alike threads mark their own nodes": """
    cpus 2
    thread w x2 @0 { own m: node; store m.value, 1; store f, &m; p = load f; if p == &m { store m.value, 5 }; x = load m.value }
    observe w.x""",
    "alike threads keep pointers to each other": """
    cpus 1
    thread w x2 @0 { own m: node; p = load f; store f, &m; q = load f; if p != 0 { store p->value, 3 }; if q != &m { x = 1 }; y = load m.value }
    observe w.x, w.y""",
    "only one of them claims": """
    cpus 1
    thread w x2 @0 { own m: node; run claim(&m) { ok { q = load f; if q != &m { x = 1 } }; differs { x = 2 } } }
    observe w.x""",
    "threads with one text and other names": """
    cpus 1
    thread a @0 { x = load f; store f, x + 1 }
    thread b @0 { x = load f; store f, x + 2 }
    observe a.x, b.x, f""",
    "a copy that is named by its number": """
    cpus 1
    thread w x2 @0 { x = load f; store f, x + 1 }
    observe w[0].x, w[1].x""",
    "one of two alike is stepped": """
    cpus 1
    strategy bare
    environment stepped w <= 1
    thread w x2 @0 { run bump(1) { aborted { x = 1 } } }
    thread v @0 { run bump(1) { aborted { x = 1 } } }
    observe w.x, v.x, c@0""",
    "a struck thread has a twin of another name": """
    cpus 1
    environment signal <= 1
    thread a @0 { x = load f; store f, x + 1 }
    thread b @0 { x = load f; store f, x + 1 }
    on signal b { z = load f; store g, z + 1 }
    observe f, g""",
    # ---- progress
    "a cycle beside a commit": """
    cpus 2
    thread a @0 { loop { x = load f; if x == 1 { run zero() } } }
    thread b @1 { loop { store f, 1; store f, 0 } }
    progress a finishes""",
    "waits for one who is stalled": """
    cpus 2
    strategy lock
    environment stalled a
    thread a @0 { run bump(1) }
    thread b @1 { run bump(1) on 0 }
    thread d @1 { loop { y = load f } }
    progress b finishes""",
    "nobody is stalled inside a vector": """
    cpus 2
    environment stalled a
    thread a @0 { run both() }
    thread b @0 strategy lock { run far() }
    thread d @1 { y = load c@0; y = load e@0 }
    progress b finishes""",
    "fair to one that can step": """
    cpus 1
    thread a @0 { x = load f; store f, 1 }
    thread b @0 { loop { y = load f; if y == 1 { break } } }
    progress finishes""",
    "a vector again and again": """
    cpus 2
    thread a @0 { loop { run both() } }
    thread b @0 { x = load f }
    thread d @1 { y = load c@0; y = load e@0 }
    progress b finishes""",
    "stepped for ever": """
    cpus 1
    strategy bare
    environment stepped a
    thread a @0 { run bump(1) { aborted -> retry } }
    thread b @0 { run bump(1) { aborted -> retry } }
    progress a lock_free
    progress b finishes""",
    # ---- the rules themselves
    "vectors for an offline CPU": """
    cpus 2
    environment hotplug <= 1
    thread a @1 { run pair() on 0 { } }
    thread b @0 { run pair() on 0 { } }
    observe f, g""",
    "a lost move": """
    cpus 2
    environment migrate <= 1
    thread b @0 { x = 0; y = 9; run bump(1) on 0 { again { x = 1; y = current } } }
    observe b.x, b.y, c@0, c@1""",
    "elided": """
    cpus 1
    strategy elide
    thread a @0 { run bump(1) { aborted -> retry } }
    thread b @0 { run bump(1) { aborted -> retry } }
    observe c@0""",
    "looks lazily": """
    cpus 2
    thread a @0 strategy lazy { run bump(1) { aborted -> retry } }
    thread b @1 strategy lock { run bump(1) on 0 }
    observe c@0""",
}


def text(name: str) -> str:
    """A whole file with one scenario of the slice."""
    return f"{DATA}scenario s {{{SCENARIOS[name]}\n}}\n"

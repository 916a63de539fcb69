"""What is explored: the family of list pushes, a slab that is resized, a lock with signal handlers."""

from __future__ import annotations

Row = tuple[int, int, int]  # threads, CPUs, pushes of each


def pushes(row: Row) -> str:
    """Threads push nodes of their own to the list of their CPU."""
    threads, cpus, count = row
    groups = [range(cpu, threads, cpus) for cpu in range(cpus)]
    bodies = "\n".join(f"""    thread w{cpu} x{len(group)} @{cpu} {{
        own n: node[{count}]
        i = 0
        loop {count} {{
            h = load head
            run push(&n[i], h) {{ differs -> retry }}
            i = i + 1
        }}
    }}""" for cpu, group in enumerate(groups))
    claim = " && ".join(
        f"length(head@{cpu}) == {len(group) * count}" for cpu, group in enumerate(groups)
    )
    return f"""struct node {{ next: ptr<node>, value: u64 }}
percpu head: ptr<node>
vector push(node: ptr<node>, old: u64) {{
    cmpeq.u64 head, old
    memcpy.u64 node->next, old
    memcpy.u64 head, node
}}
scenario s {{
    cpus {cpus}
    strategy opv
{bodies}
    forall {claim}
}}
"""


def pushes_for_spin(row: Row) -> str:
    """The same in Promela, with every advantage: a vector is one atomic step, an address a byte."""
    threads, cpus, count = row
    starts = "; ".join(f"run thread({t}, {t % cpus})" for t in range(threads))
    asserts = "\n".join(f"""        n = head[{cpu}]; c = 0;
        do :: n != 0 -> n = next[n]; c++ :: else -> break od;
        assert(c == {len(range(cpu, threads, cpus)) * count});""" for cpu in range(cpus))
    return f"""byte head[{cpus}]; byte next[{threads * count + 1}];
proctype thread(byte me; byte cpu) {{
    byte i; byte h;
    do
    :: i < {count} ->
        h = head[cpu];
        atomic {{
            if
            :: head[cpu] == h ->
                next[me * {count} + i + 1] = h;
                head[cpu] = me * {count} + i + 1;
                i++
            :: else
            fi;
            h = 0
        }}
    :: else -> break
    od;
    i = 0
}}
init {{
    byte n; byte c;
    atomic {{ {starts} }}
    atomic {{
        (_nr_pr == 1);
{asserts}
        n = 0; c = 0
    }}
}}
"""


# tcmalloc's resize: four threads of one CPU or another, the slab moves while three take from it.
RESIZE = """struct slab { current: u64, item: u64[3] }
shared slabs: ptr<slab>
shared one: slab
shared two: slab
vector pop(slab: ptr<slab>, count: u64, less: u64) {
    cmpeq.u64   slabs, slab
    cmpeq.u64   slab->current, count
    memcpy.u64  slab->current, less
}
scenario s {
    cpus 2
    strategy rseq
    environment preempt, signal <= 1
    init { slabs = &one; one.current = 3; one.item[0] = 100; one.item[1] = 101; one.item[2] = 102 }
    thread a x3 @0 {
        got = 0
        loop {
            slab = load slabs
            count = load slab->current
            if count == 0 { break }
            item = load slab->item[count - 1]
            run pop(slab, count, count - 1) {
                ok { got = got + 1 }
                differs, aborted { }
            }
        }
    }
    thread resizer @1 {
        store slabs, &two
        fence membarrier on 0
        i = 0
        n = load one.current
        loop {
            if i == n { break }
            x = load one.item[i]
            store two.item[i], x
            i = i + 1
        }
        store two.current, n
    }
    forall sum(a.got) + two.current == 3
}
"""

# Two threads with a signal handler against the holder of their CPU's lock.
LOCK = """percpu counter: u64
vector bump(n: i64) { add.u64 counter, n }
strategy sections = rseq then opv after 2 { subscribe eager }
strategy holding = lock { fence vector }
scenario s {
    cpus 2
    environment signal <= 2, preempt
    thread t x2 @0 strategy sections {
        loop 2 { run bump(1) { aborted -> retry } }
    }
    on signal t { run bump(1) { aborted -> retry } }
    thread holder @1 strategy holding { loop 2 { run bump(1) on 0 } }
    forall counter@0 >= 6
}
"""

"""The words of claims: lists followed, partitions counted, copies sorted; and the invariants."""

from __future__ import annotations

from .memory import OWN
from .promela_claims import Claims
from .promela_text import Export
from .promela_words import macro

LENGTHS = 64  # lists whose length one check asks for
PUT = "if :: (v) != 0 -> bag[bagged] = v; bagged++ :: else fi"
FOLLOW = """
    bag_from = bagged; bag_node = head;
    do
    :: bag_node != 0 && bagged < ROOM ->
        bag_seen = 0; bag_at = bag_from;
        do
        :: bag_at < bagged -> bag_seen = bag_seen + (bag[bag_at] == bag_node); bag_at++
        :: else -> break
        od;
        bag[bagged] = bag_node; bagged++;
        if
        :: bag_seen == 0 && NUMBER@(bag_node + link) -> bag_node = memory[CELL(bag_node + link)]
        :: else ->
            if
            :: bag_seen == 0 && PAGED(bag_node + link, @) -> printf("outside\\n"); assert(false)
            :: else
            fi;
            break
        fi
    :: else -> break
    od;
    bag_at = 0; bag_seen = 0; bag_node = 0; bag_from = 0
"""
TALLY = """
    bag_seen = 0; bag_at = 0;
    do
    :: bag_at < bagged -> bag_seen = bag_seen + (bag[bag_at] == address); bag_at++
    :: else -> break
    od;
    bag_parted = bag_parted && (bag_seen == times)
"""
SORT = """
    bag_from = 0;
    do
    :: bag_from < bagged ->
        bag_at = 0;
        do
        :: bag_at + 1 < bagged ->
            if
            :: bag[bag_at] > bag[bag_at + 1] ->
                bag_kept = bag[bag_at];
                bag[bag_at] = bag[bag_at + 1];
                bag[bag_at + 1] = bag_kept
            :: else
            fi;
            bag_at++
        :: else -> break
        od;
        bag_from++
    :: else -> break
    od
"""
PRINT = """
    bag_at = 0;
    do
    :: bag_at < bagged -> printf("%d,", SAME(bag[bag_at])); bag_at++
    :: else -> break
    od
"""


def bag_words(export: Export) -> list[str]:
    """What claims are worked out with, and those that are asked of every state."""
    watched = Claims(export)
    watched.lines.depth = 1
    for number, condition in enumerate(export.plan.scenario.conditions):
        if condition.kind == "quiescent":
            quiet = "".join(f" && !inside[{slot.number}]" for slot in export.slots)
            watched.lines.add("if", f":: true{quiet} ->")
            watched.lines.depth = 2
            watched.check(condition, number)
            watched.lines.depth = 1
            watched.lines.add(":: else", "fi;")
        elif condition.kind == "invariant":
            watched.check(condition, number)
    watched.lines.add("skip")
    word = str(export.program.abi.model.word)
    page = export.memory.page
    same = "(v)"
    for group in export.plan.groups:
        first, last = OWN + group[0] * page, OWN + (group[-1] + 1) * page
        if list(group) == list(range(group[0], group[-1] + 1)):
            same = (
                f"((v) >= {first} && (v) < {last} -> {first} + ((v) - {first}) % {page} : {same})"
            )
    return [
        "/* Claims are worked out with these, which are not part of a state. */",
        f"#define ROOM {4 * (export.memory.cells + 4)}",
        "hidden int bag[ROOM];",
        "hidden int bagged, bag_at, bag_from, bag_seen, bag_node, bag_kept;",
        "hidden byte bag_parted;",
        f"hidden int bag_lengths[{LENGTHS}];",
        "/* Own memory of threads that are alike counts as the same. */",
        f"#define SAME(v) {same}",
        *macro("put(v)", PUT),
        "/* The nodes of a list; of one that runs in a circle, up to the first that comes again. */",
        *macro("follow(head, link)", FOLLOW.replace("@", word)),
        *macro("tally(address, times)", TALLY),
        *macro("sort()", SORT),
        *macro("print_bag()", PRINT),
        "/* Asked of every state in which no thread has registers to work out. */",
        *macro("claims()", "\n".join(watched.lines.lines)),
    ]

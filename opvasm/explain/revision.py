"""Explains a revision: what it has, its rules, and how it differs from the one before it."""

from __future__ import annotations

from ..abi.revisions import DEFAULT_REVISION, REVISIONS, Revision, ZeroPageRead
from .layout import paragraph, rows

SOURCE_SEEN = "kernel source and header were read"
SOURCE_MISSING = "inferred: no kernel source of this revision was found; its header was read"


def explain(revision: Revision) -> str:
    """All that the tables say of a revision."""
    default = ", the default" if revision.name == DEFAULT_REVISION else ""
    ops = "  ".join(f"{number} {each.mnemonic}" for number, each in enumerate(revision.operations))
    parts = [
        paragraph(f"{revision.name}{default}: {revision.summary}"),
        f"evidence: {SOURCE_MISSING if revision.inferred else SOURCE_SEEN}\n",
        f"ops, by number:\n{rows([('', ops)])}",
        f"rules:\n{rows(facts(revision).items())}",
    ]
    if revision.quirks:
        listed = rows((each.name, each.summary) for each in revision.quirks)
        parts.append(f"quirks (off unless asked for with --quirks):\n{listed}")
    previous = REVISIONS.index(revision) - 1
    if previous >= 0:
        before = REVISIONS[previous]
        changed = rows(_differences(before, revision))
        heading = f"what changed since {before.name}:"
        parts.append(f"{heading}\n{changed}" if changed else paragraph(f"{heading} nothing"))
    return "\n".join(parts)


def facts(revision: Revision) -> dict[str, str]:
    """A revision's limits and rules, each in words."""
    limit, total = revision.data_length_max, revision.vector_data_length_max
    queries = ", ".join(
        f"{each.bit} ({each.c_name}) answers {each.answer}" for each in revision.queries
    )
    refused = ", ".join(each.value for each in revision.refused_pages)
    return {
        "vector": f"at most {revision.vector_length_max} ops",
        "one compare or memcpy": f"at most {'one page' if limit is None else f'{limit} bytes'}",
        "sum of all lengths": (
            "no limit" if total is None else f"at most {total} bytes, mb not counted"
        ),
        "flags": queries or "none: any bit is EINVAL",
        "expect_fault": "has it" if revision.expect_fault else "does not have it",
        "addresses in the header": (
            "64-bit fields everywhere"
            if revision.plain_pointers
            else "on 32-bit machines a word and a word of padding"
        ),
        "range past the last address": "EINVAL" if revision.wrapped_range_is_invalid else "EFAULT",
        "written operand": (
            "made writable before anything runs, else EFAULT"
            if revision.pins_for_write
            else "looked at when its op runs: EFAULT then, and earlier ops stay done"
        ),
        "reading a page never touched": _zero_page(revision.zero_page_read),
        "pages refused whatever the access": refused or "none",
        "CPU that is offline": (
            "the vector runs on the caller's CPU under a global mutex"
            if revision.offline_path
            else "EINVAL"
        ),
        "CPU lost before the vector runs": (
            "the kernel tries again" if revision.retries_migration else "EAGAIN"
        ),
        "memory while it runs": (
            "kernel mappings: no fault; words are single-copy atomic where aligned"
            if revision.maps_operands
            else "user addresses with faults disabled: words are accessed at once at any alignment"
        ),
    }


def _zero_page(rule: ZeroPageRead) -> str:
    return rule.value


def _differences(before: Revision, after: Revision) -> list[tuple[str, str]]:
    listed = []
    added = [each.mnemonic for each in after.operations if each not in before.operations]
    removed = [each.mnemonic for each in before.operations if each not in after.operations]
    renumbered = [
        each.mnemonic
        for each in after.operations
        if each in before.operations
        and before.operations.index(each) != after.operations.index(each)
    ]
    for what, mnemonics in (("new", added), ("gone", removed), ("other number", renumbered)):
        if mnemonics:
            listed.append((f"ops: {what}", ", ".join(mnemonics)))
    old, new = facts(before), facts(after)
    listed += [(name, f"{new[name]} (was: {old[name]})") for name in new if new[name] != old[name]]
    if before.quirks != after.quirks:
        names = ", ".join(each.name for each in after.quirks)
        listed.append(("quirks", names or "none"))
    return listed

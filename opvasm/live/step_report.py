"""What steptest says: a section's entries, each instruction's aborts, how it all ended."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from os.path import basename

from .aborting import Aborter, Instruction
from .instructions import Listed, after_last_store
from .launch import Ended
from .perf import BREAKPOINTS_MAX
from .rseq_area import Guard
from .sections import Section
from .stepper import Stepper
from .watching import LAPS, Watcher

_LISTED_OFFSETS = 12


def ending(ended: Ended) -> str:
    """How a program ended, as the end of a sentence about it."""
    if ended.signal:
        return f"was killed by {signal_name(ended.signal)}"
    return f"failed with exit code {ended.code}" if ended.code else "came to its end"


def signal_name(number: int) -> str:
    """A signal as people write it."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _named(section: Section) -> str:
    return f"section {section.place} ({basename(section.file)}, descriptor {section.descriptor:#x})"


def beginning(watcher: Watcher, asked: bool) -> Iterator[str]:
    """Why nothing can have been found out, where that is so; ``asked`` is whether --section chose."""
    if not watcher.begun:
        yield (
            "the program ended before its first instruction: the dynamic loader could not start it "
            "(its own message says why)"
        )
    elif not watcher.sections:
        where = (
            "nothing that ran has a section that --section names"
            if asked
            else "nothing that ran has a descriptor in __rseq_cs, one that __rseq_cs_ptr_array points "
            "to, or one that leads to a signature in its code"
        )
        yield f"no restartable section was found: {where}"


def kills(watcher: Watcher) -> Iterator[str]:
    """The processes that signals ended, with the reason where it is known."""
    for each in watcher.kills:
        if each.reason is not None:
            yield f"process {each.pid} was killed by {signal_name(each.signal)}: {each.reason}"


def unguarded(watcher: Watcher, what: str) -> Iterator[str]:
    """Entries that the kernel would not have aborted."""
    for reason in (Guard.UNREGISTERED, Guard.ELSEWHERE):
        count = watcher.tallies.unguarded[reason]
        if count:
            yield (
                f"{what} {count} times in a section that the kernel does not protect: {reason.value}"
            )


def stepped(stepper: Stepper, ended: Ended, calls: int) -> Iterator[str]:
    """The report of a program that was stepped."""
    for section in sorted(stepper.sections.values()):
        tally = stepper.tallies.of(section.key)
        if tally.entered:
            still = f", not over {tally.open}" if tally.open else ""
            yield (
                f"{_named(section)}: entered {tally.entered}, completed {tally.completed}, "
                f"aborted {tally.aborted}, left otherwise {tally.left}{still}"
            )
    yield from unguarded(stepper, "entered")
    completed, entries = stepper.completed, stepper.entries
    what = f"{completed} of {entries} sections were completed in {stepper.steps} steps"
    if stepper.bound_reached:
        verdict = "no progress" if stepper.stuck else "bound reached"
        yield f"{verdict}: {what}, then the program was ended; {calls} calls of cpu_opv"
        if stepper.stuck:
            yield from _why_no_further(entries)
    elif stepper.sections and not entries:
        yield f"the program {ending(ended)}, and entered no section: nothing was stepped"
    elif stepper.sections:
        yield f"the program {ending(ended)}: {what}; {calls} calls of cpu_opv"


def _why_no_further(entries: int) -> Iterator[str]:
    """What was not tried once the bound was reached, why, and what to do."""
    yield (
        f"not tried: more than these {entries} entries. In {LAPS} further ones the thread was followed "
        "from the abort back to the section: each time by the very same instructions, as a loop goes "
        "that only tries again"
    )
    yield (
        "what to do: count the aborts, and after some do the work in another way (a lock, cpu_opv); "
        "else the program stands still in a debugger that steps. Where it does so after more than "
        f"{entries + LAPS} aborts, or each entry is another piece of work, raise --bound"
    )


def injected(aborter: Aborter, ended: Ended, calls: int) -> Iterator[str]:
    """The report of a program whose sections were aborted at full speed."""
    if not aborter.sections:
        return
    for section in sorted(aborter.sections.values()):
        yield from _instructions(section, aborter)
    yield from unguarded(aborter, "stopped")
    aborted, reached = aborter.aborted.total(), aborter.reached.total()
    met = sum(1 for key in aborter.sections if aborter.tallies.entered[key])
    if not reached:
        yield from none_entered(ended, len(aborter.sections), len(aborter.watched))
        return
    verdict = "bound reached: " if aborter.bound_reached else ""
    if aborter.stuck:
        verdict = "no progress while every entry is aborted: "
    yield (
        f"{verdict}aborted {aborted} of {reached} entries, in {met} of {len(aborter.sections)} "
        f"sections; the program "
        f"{'was ended' if aborter.bound_reached else ending(ended)}; {calls} calls of cpu_opv"
    )


def none_entered(ended: Ended, sections: int, watched: int) -> Iterator[str]:
    """What to say where no counter has seen an entry; with few sections each had one all the time."""
    if sections <= BREAKPOINTS_MAX:
        yield f"the program {ending(ended)}, and entered no section: nothing was aborted"
        return
    yield (
        f"the program {ending(ended)}: {watched} of {sections} sections were watched, {BREAKPOINTS_MAX} at a "
        "time, and none was entered meanwhile: nothing was aborted"
    )
    yield "what to do: let it run for longer, or name the sections that it enters (--section)"


def _instructions(section: Section, aborter: Aborter) -> Iterator[str]:
    listed = aborter.listed.get(section.key, ())
    rows = [(each, Instruction(section.key, each.offset)) for each in listed]
    met = [(each, which) for each, which in rows if aborter.reached[which]]
    if not met:
        return
    yield f"{_named(section)}:"
    late = after_last_store(listed)
    for each, which in met:
        after = " (after the last store)" if each.offset in late else ""
        counts = f"aborted {aborter.aborted[which]} of {aborter.reached[which]}"
        yield f"  {described(each)}{after}: {counts}"
    missed = [
        f"{each.offset:+#x}" for each, which in rows if each.text and not aborter.reached[which]
    ]
    if missed:
        more = f" and {len(missed) - _LISTED_OFFSETS} more" if len(missed) > _LISTED_OFFSETS else ""
        yield f"  never come to while watched: {', '.join(missed[:_LISTED_OFFSETS])}{more}"


def too_late(aborter: Aborter) -> Iterator[str]:
    """Sections that were aborted after their last store: done, and told that they were not."""
    for section in sorted(aborter.sections.values()):
        listed = aborter.listed.get(section.key, ())
        late = after_last_store(listed)
        hit = [
            each
            for each in listed
            if each.offset in late and aborter.aborted[Instruction(section.key, each.offset)]
        ]
        if hit:
            store = next(each for each in reversed(listed) if each.stores)
            yield (
                f"{_named(section)}: aborted at {described(hit[0])}, after its last store "
                f'({described(store)}): what it stored stays, and who takes the abort for "not done" '
                "does it twice. The store must be the section's last instruction"
            )


def undecoded(aborter: Aborter) -> Iterator[str]:
    """Sections that were entered whose instructions are not all known: each byte had its turn."""
    for section in sorted(aborter.sections.values()):
        listed = aborter.listed.get(section.key, ())
        if aborter.tallies.entered[section.key] and not all(each.text for each in listed):
            yield (
                f"{_named(section)}: not all of its instructions are known, so bytes had their turn where "
                "instructions should, and aborts after its last store are not told from others. "
                "Instructions are read with capstone: pip install 'opvasm[audit]'"
            )


def described(each: Listed) -> str:
    """An instruction for people."""
    return f"{each.offset:+#x}  {each.text}" if each.text else f"{each.offset:+#x}"


def culprit(section: Section, listed: tuple[Listed, ...], offset: int, how: str) -> str:
    """That a program fails when a section is aborted at one instruction."""
    index = next(at for at, each in enumerate(listed) if each.offset == offset)
    before = listed[index - 1].text if index else ""
    after = f", after {before}" if before else ""
    return (
        f"{_named(section)}: aborted only at {described(listed[index])}{after}, the program {how}"
    )

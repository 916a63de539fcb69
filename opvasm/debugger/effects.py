"""What an event does to a machine, so that it can be done again or undone by itself.

The interpreter reports everything that it changes, with what was there before.  Moving through
history is therefore a matter of applying and reverting events; no op is ever executed here.
"""

from __future__ import annotations

from typing import Protocol

from ..interpreter.events import Moved, PageChange, Pinned, PinRefused, Stored
from ..machine import Cpus, Memory
from ..scenario.events import CpusSet, MemorySet
from .movements import MachineSet, Movement


class Holder(Protocol):
    """What has the state: memory and CPUs.  A Machine does."""

    memory: Memory
    cpus: Cpus


def apply(movement: Movement, holder: Holder) -> None:
    """Bring the machine from before an event to after it."""
    match movement:
        case Stored(address=address, after=after):
            holder.memory.write(address, after)
        case Pinned(changes=changes) | PinRefused(changes=changes):
            change_pages(changes, holder.memory)
        case Moved(target=target):
            holder.cpus.current = target
        case MemorySet(address=address, after=after, changes=changes):
            holder.memory.write(address, after)
            change_pages(changes, holder.memory)
        case CpusSet(after=cpus):
            holder.cpus = cpus.copy()
        case MachineSet(after=(memory, cpus)):
            holder.memory, holder.cpus = memory, cpus
        case _:
            pass


def revert(movement: Movement, holder: Holder) -> None:
    """Bring the machine from after an event to before it."""
    match movement:
        case Stored(address=address, before=before):
            holder.memory.write(address, before)
        case Pinned(changes=changes) | PinRefused(changes=changes):
            restore_pages(changes, holder.memory)
        case Moved(source=source):
            holder.cpus.current = source
        case MemorySet(address=address, before=before, changes=changes):
            holder.memory.write(address, before)
            restore_pages(changes, holder.memory)
        case CpusSet(before=cpus):
            holder.cpus = cpus.copy()
        case MachineSet(before=(memory, cpus)):
            holder.memory, holder.cpus = memory, cpus
        case _:
            pass


def change_pages(changes: tuple[PageChange, ...], memory: Memory) -> None:
    """Give each page the kind that it changed to; its bytes stay."""
    for each in changes:
        memory.pages[each.page >> memory.shift].kind = each.after


def restore_pages(changes: tuple[PageChange, ...], memory: Memory) -> None:
    """Give each page the kind that it had before, the last change first."""
    for each in reversed(changes):
        memory.pages[each.page >> memory.shift].kind = each.before

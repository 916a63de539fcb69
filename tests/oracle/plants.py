"""Plausible wrong versions of each reduction and of the search for fair cycles.

Each changes one passage of the explorer's source: a condition that somebody might forget.  A plant
whose passage is no longer there fails by name, so that it is written anew and not lost.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from typing import Any, NamedTuple

import pytest

from opvasm.explorer.model import common
from opvasm.explorer.model.quiet import Quiet
from opvasm.explorer.model.stepper import Stepper
from opvasm.explorer.plan import plan, symmetry
from opvasm.explorer.search import progress, search, sharing
from opvasm.explorer.steps import code


class Plant(NamedTuple):
    """In a function of a class or module each first text of ``changes`` becomes its second."""

    owner: Any
    name: str
    changes: tuple[tuple[str, str], ...]

    def put(self, patch: pytest.MonkeyPatch) -> None:
        """Change the explorer until the patch is undone."""
        original = getattr(self.owner, self.name)
        source = textwrap.dedent(inspect.getsource(original))
        for old, new in self.changes:
            assert old in source, f"{self.name} has no `{old}` any more"
            source = source.replace(old, new)
        scope: dict[str, Any] = {}
        text = f"from __future__ import annotations\n{source}"
        exec(compile(text, "plant", "exec"), sys.modules[original.__module__].__dict__, scope)
        patch.setattr(self.owner, self.name, scope[self.name])


def plant(owner: Any, name: str, old: str, new: str) -> Plant:
    """One passage that becomes another."""
    return Plant(owner, name, ((old, new),))


FUSE = {
    "the CPU is read with the step before": plant(
        Quiet, "joins", "not fusion.stays[thread]", "False"
    ),
    "a handler moves nobody": plant(
        common, "_handler_moves", "return any(", "return False and any("
    ),
    "only migrations move": plant(
        common,
        "who_stays",
        "any(limit and each.row.way.moves for each, limit in limits.items())",
        "limits[Disturbance.MIGRATE]",
    ),
}
DEAD = {
    "aborts lead nowhere": plant(code, "_edges", "abort != NOWHERE", "abort is Ellipsis"),
    "nobody reads after the end": plant(
        code.Code, "_uses", "_live(self.steps, _mask(self.observed))", "_live(self.steps, 0)"
    ),
    "an interrupted thread needs nothing": plant(code.Code, "dead", "kept |= uses.main", "pass"),
}
COLLAPSE = {
    "a section that is left may be too": plant(
        Stepper, "_try", "and work.local[GUARD] == Guard.SECTION", ""
    ),
    "a section's stores are nobody's": plant(Stepper, "_try", "and len(work.writes) == writes", ""),
    "an address does not depend on the CPU": plant(
        Stepper, "_try", "if step.uses_cpu and not fusion.stays[thread]", "if False"
    ),
    "sections collapse under every kernel": Plant(
        search.Search,
        "fuse",
        (
            ("and plan.configuration.profile.preemption_aborts", ""),
            ("and plan.configuration.profile.migration_aborts", ""),
        ),
    ),
    "a checkpoint needs no state": plant(
        search,
        "leaves_sections",
        "case Way.FORGETS:\n            return limit == 0",
        "case Way.FORGETS:\n            return True",
    ),
    "a vector is one step for everybody": plant(
        Stepper, "_try", "free = not (touches and shared)", "free = True"
    ),
    "bytes are never shared later": plant(sharing.Sharing, "note", "grew |=", "_ ="),
    "own bytes wait for no signal": plant(
        search,
        "leaves_own_bytes",
        "case Way.SIGNALS:\n            return limit == 0",
        "case Way.SIGNALS:\n            return True",
    ),
    "invariants see no vector": plant(
        search.Search, "fuse", "vectors=collapse and not plan.judge.always", "vectors=collapse"
    ),
}
GROUPS = {
    "no proviso": plant(
        search.Search, "_leads_on", "if target is None", "if True or target is None"
    ),
    "CPUs are always apart": plant(search.Search, "_apart", "if step.kind is Kind.END", "if True"),
    "invariants do not mind": plant(
        search.Search, "__init__", "and not (judge.always or judge.quiescent)", ""
    ),
    "a failure may wait": plant(search.Search, "_expand_group", "failed\n", "False\n"),
}
SYMMETRY = {
    "pointers keep their names": plant(
        symmetry.Symmetry, "_rename", "if not self.first <= value < self.end", "if True"
    ),
    "memory stays where it is": plant(
        symmetry.Symmetry, "_renamed", "if place != thread", "if False"
    ),
    "pointers in memory keep their names": plant(
        symmetry.Symmetry, "_renamed", "in self._pointers(memory)", "in ()"
    ),
    "a copy that is named is like the others": plant(
        plan._Planner, "_copies_are_alike", "and not told_apart", ""
    ),
}
PROGRESS = {
    "a component with a commit is fine": Plant(
        progress._Analysis,
        "_fair_components",
        (
            ("if not (e.committed and leaves(e))", ""),
            (
                "if self._is_fair(thread, component)",
                "if self._is_fair(thread, component)"
                " and not any(e.committed and leaves(e) for e in edges)",
            ),
        ),
    ),
    "nobody is ever stalled": plant(
        progress._Analysis, "_is_fair", "other != thread and other in self.plan.stalled", "False"
    ),
    "who waits for a vector may wait for ever": plant(
        progress._Analysis, "_is_fair", "model.able(", "model.enabled("
    ),
    "any cycle is fair": plant(progress._Analysis, "_is_fair", "if other in running", "if True"),
}
PLANTS = {
    f"{name}: {what}": each
    for name, plants in (
        *(("fuse", FUSE), ("dead", DEAD), ("collapse", COLLAPSE), ("groups", GROUPS)),
        *(("symmetry", SYMMETRY), ("progress", PROGRESS)),
    )
    for what, each in plants.items()
}

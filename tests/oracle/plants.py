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

from opvasm.explorer.model.stepper import Stepper
from opvasm.explorer.plan import plan, symmetry
from opvasm.explorer.search import progress, search, sharing
from opvasm.explorer.steps import code


class Plant(NamedTuple):
    """``old`` becomes ``new`` in a function of a class or module."""

    owner: Any
    name: str
    old: str
    new: str

    def put(self, patch: pytest.MonkeyPatch) -> None:
        """Change the explorer until the patch is undone."""
        original = getattr(self.owner, self.name)
        source = textwrap.dedent(inspect.getsource(original))
        changed = source.replace(self.old, self.new)
        assert changed != source, f"{self.name} has no `{self.old}` any more"
        module = sys.modules[original.__module__]
        scope: dict[str, Any] = {}
        exec(
            compile(f"from __future__ import annotations\n{changed}", "plant", "exec"),
            module.__dict__,
            scope,
        )
        patch.setattr(self.owner, self.name, scope[self.name])


FUSE = {
    "the CPU is read with the step before": Plant(
        Stepper, "_joins", "not fusion.stays[thread]", "False"
    ),
    "a handler moves nobody": Plant(
        search, "_handler_moves", "return any(", "return False and any("
    ),
    "only migrations move": Plant(
        search.Search,
        "_fuse",
        'plan.limits["migrate"] or plan.limits["hotplug"]',
        'plan.limits["migrate"]',
    ),
    "who goes round is never asked": Plant(
        Stepper, "_joins", "not node.head or not self._goes_round(thread, local)", "True"
    ),
}
DEAD = {
    "aborts lead nowhere": Plant(code, "_live", "if node.abort is not None", "if False"),
    "nobody reads after the end": Plant(code, "_live", "| observed", ""),
    "an interrupted thread needs nothing": Plant(code.Code, "dead", "kept |= self._main", "pass"),
    "an abort comes after what is written": Plant(
        code, "_live", "kept |= live[abort.point]", "pass"
    ),
}
COLLAPSE = {
    "a section that is left may be too": Plant(
        Stepper, "_try", "and work.local[GUARD] == Guard.SECTION", ""
    ),
    "a section's stores are nobody's": Plant(Stepper, "_try", "and len(work.writes) == writes", ""),
    "an address does not depend on the CPU": Plant(
        Stepper, "_try", "if node.uses_cpu and not fusion.stays[thread]", "if False"
    ),
    "a checkpoint needs no state": Plant(
        search.Search, "_fuse", 'and not plan.limits["checkpoint"]', ""
    ),
    "a section is safe under every kernel": Plant(
        search.Search, "_fuse", "and plan.configuration.profile.preemption_aborts", ""
    ),
    "a vector is one step for everybody": Plant(
        Stepper, "_try", "free = not (touches and shared)", "free = True"
    ),
    "bytes are never shared later": Plant(sharing.Sharing, "note", "grew |=", "_ ="),
    "own bytes wait for no signal": Plant(
        search.Search, "_fuse", 'and not plan.limits["signal"]', ""
    ),
    "invariants see no vector": Plant(
        search.Search, "_fuse", "vectors=collapse and not plan.judge.always", "vectors=collapse"
    ),
}
GROUPS = {
    "no proviso": Plant(
        search.Search, "_leads_on", "if target is None", "if True or target is None"
    ),
    "CPUs are always apart": Plant(search.Search, "_apart", "if node.kind is Kind.END", "if True"),
    "invariants do not mind": Plant(
        search.Search, "__init__", "and not (judge.always or judge.quiescent)", ""
    ),
    "budgets do not mind": Plant(search.Search, "__init__", "and not any(budgets)", ""),
    "a preemption may wait": Plant(
        search.Search, "__init__", 'and plan.limits["preempt"] <= 0', ""
    ),
    "a failure may wait": Plant(search.Search, "_expand_group", "failed\n", "False\n"),
}
SYMMETRY = {
    "pointers keep their names": Plant(
        symmetry.Symmetry, "_rename", "if not self.first <= value < self.end", "if True"
    ),
    "memory stays where it is": Plant(
        symmetry.Symmetry, "_renamed", "if place != thread", "if False"
    ),
    "pointers in memory keep their names": Plant(
        symmetry.Symmetry,
        "_renamed",
        "for at, thread, offset in self._pointers(memory)",
        "for at, thread, offset in ()",
    ),
    "all threads are alike": Plant(
        plan._Planner,
        "_groups",
        "key = (index,) if named else (repr(shape), strategy.name)",
        "key = ()",
    ),
    "a struck thread is like the others": Plant(
        plan._Planner, "_copies_are_alike", "thread.name not in struck and", ""
    ),
}
PROGRESS = {
    "a component with a commit is fine": Plant(
        progress._Analysis,
        "_fair_components",
        "found.append(component)",
        "found += [] if any(e.committed and leaves(e) for n in members for e in self.out[n] if e.target in inside) else [component]",
    ),
    "nobody is ever stalled": Plant(
        progress._Analysis, "_is_fair", "other != thread and other in self.plan.stalled", "False"
    ),
    "who is stalled may be inside a vector": Plant(
        progress._Analysis, "_is_fair", "and states[each].threads[other][GUARD] < Guard.VECTOR", ""
    ),
    "any cycle is fair": Plant(progress._Analysis, "_is_fair", "if other in running", "if True"),
}
PLANTS = {
    f"{name}: {what}": plant
    for name, plants in (
        *(("fuse", FUSE), ("dead", DEAD), ("collapse", COLLAPSE), ("groups", GROUPS)),
        *(("symmetry", SYMMETRY), ("progress", PROGRESS)),
    )
    for what, plant in plants.items()
}

"""Spin, asked of the exported model, finds what the explorer finds: verdict and final states."""

from __future__ import annotations

import os
from random import Random

import pytest

from opvasm.explorer.options import NO_REDUCTIONS, Limits
from opvasm.explorer.search import explore
from opvasm.explorer_exports.agreement import compare
from opvasm.explorer_exports.promela import promela
from opvasm.explorer_exports.refusal import ExportError
from opvasm.explorer_exports.spin import run_spin

from ..explorer.generated import scenario as generated
from ..explorer.helpers import RACES, plans, sample
from .helpers import final_states, needs_spin, only, plan_of, spin_of

# Every configuration of these is asked; of the others the last one, unless OPVASM_SPIN=all.
WHOLE = ("counter", "list", "ring")
# These take Spin seconds: only with OPVASM_SPIN=all.
LARGE = (("counter", "four", 0), ("list", "own_nodes", 0))
# A kernel whose rules differ from another's only in the ids, which are not exported.
TWINS = ("v2", "v6_19_x86")
# What the model has no words for, by the scenario: the message must say this.
REFUSED = {
    ("offline", "both_push"): "hotplug",
    ("offline", "section_moves"): "hotplug",
    ("offline", "lock_beside_mutex"): "hotplug",
    ("pinned_for_reading", "halfway"): "rom, a page",
    ("tcmalloc", "cached_in_the_ids"): "cpu_id_start",
    ("tcmalloc", "two_resizes"): "cpu_id_start",
}


def _chosen() -> list[tuple[str, str, int]]:
    everything = os.environ.get("OPVASM_SPIN") == "all"
    found = []
    for path in sorted(RACES.glob("*.opv")):
        for scenario in sample(path.stem).scenarios:
            if (path.stem, scenario.name) in REFUSED:
                continue
            there = plans(sample(path.stem), scenario.name)
            numbers = range(len(there))
            if not everything:
                if path.stem not in WHOLE:
                    numbers = range(len(there) - 1, len(there))
                elif len(there) > 4:
                    numbers_ = [
                        n for n in numbers if there[n].configuration.profile.name not in TWINS
                    ]
                    found += [(path.stem, scenario.name, n) for n in numbers_]
                    continue
            found += [(path.stem, scenario.name, n) for n in numbers]
    return [each for each in found if everything or each not in LARGE]


@pytest.mark.parametrize(("file", "name", "number"), _chosen())
def test_spin_and_the_explorer_agree_on_a_sample(file: str, name: str, number: int) -> None:
    """With all reductions outcome by outcome; without, in every byte and every local."""
    needs_spin()
    plan = plan_of(file, name, number)
    model, spin = spin_of(file, name, number)
    agreement = compare(plan, spin)
    assert agreement.agree, agreement
    finals = final_states(plan, model)
    if finals is not None:
        assert finals == spin.finals
        assert compare(plan, spin, NO_REDUCTIONS).agree


@pytest.mark.parametrize(("file", "name"), REFUSED)
def test_a_sample_that_the_model_has_no_words_for_is_refused(file: str, name: str) -> None:
    for plan in plans(sample(file), name):
        with pytest.raises(ExportError, match=REFUSED[file, name]):
            promela(plan)


SEEDS = (1, 3, 8, 10, 14, 21, 33, 36, 38, 41, 52, 77, 96, 104, 106, 119)


@pytest.mark.parametrize("seed", SEEDS)
def test_spin_and_the_explorer_agree_on_a_generated_scenario(seed: int) -> None:
    """Threads, strategies, kernels and disturbances at random."""
    needs_spin()
    plan = only(generated(Random(seed)), "generated")
    try:
        model = promela(plan)
    except ExportError as error:
        assert "hotplug" in str(error)  # noqa: PT017
        return
    if explore(plan, limits=Limits(states=4000)).stopped is not None:
        return
    spin = run_spin(model)
    assert compare(plan, spin).agree, compare(plan, spin)
    finals = final_states(plan, model)
    assert finals is None or finals == spin.finals

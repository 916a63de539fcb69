"""Which kernels share a search: those that a scenario can't tell apart, and no others."""

from __future__ import annotations

from opvasm.explorer.setting.configuration import IDS, NOT_EXPLORED, SECTIONS, SIGNALS
from opvasm.kernels.profiles import LABELS, Profile


def test_every_rule_of_a_kernel_is_in_exactly_one_group() -> None:
    """A rule that nobody has put into a group makes this fail, and kernels differ by it meanwhile."""
    grouped = [*LABELS, *SECTIONS, *SIGNALS, *IDS, *NOT_EXPLORED]
    assert sorted(grouped) == sorted(Profile._fields)

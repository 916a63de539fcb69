"""How a program's calls are answered."""

from __future__ import annotations

from typing import NamedTuple

from ..abi.revisions import Abi
from .host import Host


class Settings(NamedTuple):
    """What a supervisor is told.

    ``record`` keeps what each op met, for traces; ``refuse`` answers ENOSYS to every call;
    ``strict`` stops the program's other threads where real-time priorities are refused.
    """

    abi: Abi
    host: Host
    quirks: frozenset[str] = frozenset()
    record: bool = False
    refuse: bool = False
    strict: bool = False

    @property
    def stops_world(self) -> bool:
        """Whether every other thread is stopped for each call."""
        return self.strict and self.host.real_time is None

"""CPUs as one thread sees them: which exist, which run, which it may use, which it is on."""

from __future__ import annotations

from collections.abc import Iterable


class Cpus:
    """The CPUs 0 to ``possible - 1``, the online ones, the thread's affinity mask, its CPU.

    ``current`` is always online; it need not be in ``allowed`` (the mask may have changed since).
    Raises ValueError where that can't be.
    """

    __slots__ = ("allowed", "current", "online", "possible")

    def __init__(
        self,
        possible: int = 1,
        online: Iterable[int] | None = None,
        allowed: Iterable[int] | None = None,
        current: int = 0,
    ) -> None:
        everyone = range(possible)
        self.possible = possible
        self.online = frozenset(everyone if online is None else online)
        self.allowed = frozenset(everyone if allowed is None else allowed)
        self.current = current
        if not self.online <= frozenset(everyone):
            raise ValueError(f"an online CPU is not among the {possible} possible ones")
        if current not in self.online:
            raise ValueError(f"the current CPU {current} is not online")

    def copy(self) -> Cpus:
        """The same CPUs, independent of this value."""
        return Cpus(self.possible, self.online, self.allowed, self.current)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cpus) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]  # a thread's CPU changes

    def __repr__(self) -> str:
        return (
            f"Cpus({self.possible}, online={sorted(self.online)}, "
            f"allowed={sorted(self.allowed)}, current={self.current})"
        )

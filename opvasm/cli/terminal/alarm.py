"""An alarm that ends work at a moment, wherever it is, as Ctrl-C does."""

from __future__ import annotations

from time import monotonic

from ...explorer.setting.options import OutOfTime
from ...light_typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

# An alarm for a moment that is over already comes after so many seconds.
_AT_ONCE = 0.001


class Alarm:
    """Raises OutOfTime inside once it is ``moment`` (time.monotonic; None: never).

    Systems without alarms have none, and neither has a thread that is not the main one.
    """

    def __init__(self, moment: float | None) -> None:
        self._moment = moment
        self._before: Any = None
        self._set = False

    def __enter__(self) -> None:
        if self._moment is None:
            return
        import signal  # takes as long as ten of our files, and few commands have a limit

        if not hasattr(signal, "setitimer"):
            return
        try:
            self._before = signal.signal(signal.SIGALRM, _ring)
        except ValueError:  # not the main thread
            return
        self._set = True
        signal.setitimer(signal.ITIMER_REAL, max(_AT_ONCE, self._moment - monotonic()))

    def __exit__(self, *problem: object) -> None:
        if self._set:
            import signal

            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)


def _ring(number: int, frame: FrameType | None) -> None:
    raise OutOfTime

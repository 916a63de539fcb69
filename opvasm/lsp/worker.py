"""One thread that works for the server: questions first, findings when nothing is asked.

Whatever is asked of its documents runs here, so that nothing is worked out twice or by two at once.
Work asks ``pause`` now and then, which lets questions through, and short work where it is long.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")
_Waiting = deque[tuple[Future[Any], Callable[[], Any]]]


class Worker:
    """Runs questions in the order in which they come, also in the pauses of longer work."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "opvasm")
        self._asked: _Waiting = deque()
        self._short: _Waiting = deque()
        self._is_short = False
        self._wanted: set[Future[Any]] = set()
        self.is_closed = False

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for an answer or for something short, and will get it."""
        return bool(self._wanted) and not self.is_closed

    def ask(self, question: Callable[[], _T]) -> asyncio.Future[_T]:
        """The answer to a question; it is dropped when the asker is cancelled before.

        Questions are answered in the order in which this is called.
        """
        return self._wait(self._asked, question)

    def work_shortly(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        """The result of something short, after all questions and before what is long."""
        return self._wait(self._short, work)

    def work(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        """The result of something long, for which nobody waits."""
        return asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _wait(self, where: _Waiting, what: Callable[[], _T]) -> asyncio.Future[_T]:
        future: Future[_T] = Future()
        self._wanted.add(future)
        future.add_done_callback(self._wanted.discard)
        where.append((future, what))
        self._pool.submit(self.pause)
        return asyncio.wrap_future(future)

    def pause(self) -> None:
        """Answer what was asked meanwhile, and do what is short, unless this is a pause of such."""
        self._answer()
        if self._is_short:
            return
        self._is_short = True
        try:
            while self._short:
                _do(*self._short.popleft())
                self._answer()
        finally:
            self._is_short = False

    def _answer(self) -> None:
        while self._asked:
            _do(*self._asked.popleft())

    def close(self) -> None:
        """Let the thread end once everything is answered; nothing may be asked from now on."""
        self.is_closed = True
        self._pool.shutdown(wait=False)

    def stop(self) -> None:
        """Let the thread end after what it is doing; nobody waits for an answer any more."""
        self.is_closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)


def _do(future: Future[Any], what: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(what())
    except BaseException as error:
        future.set_exception(error)

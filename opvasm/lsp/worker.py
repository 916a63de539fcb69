"""One thread that works for the server: questions first, findings when nothing is asked.

Whatever is asked of a document runs here, so that nothing is worked out twice or by two at once.
Long work asks ``pause`` now and then, which lets questions through.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")


class Worker:
    """Runs questions in the order in which they come, also in the pauses of longer work."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "opvasm")
        self._asked: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    async def ask(self, question: Callable[[], _T]) -> _T:
        """The answer to a question; it is dropped when the asker is cancelled before."""
        future: Future[_T] = Future()
        self._asked.append((future, question))
        self._pool.submit(self.pause)
        return await asyncio.wrap_future(future)

    async def work(self, work: Callable[[], _T]) -> _T:
        """The result of something long, for which nobody waits."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def pause(self) -> None:
        """Answer what was asked meanwhile."""
        while self._asked:
            future, question = self._asked.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(question())
            except BaseException as error:
                future.set_exception(error)

    def close(self) -> None:
        """Let the thread end after what it is doing."""
        self._pool.shutdown(wait=False, cancel_futures=True)

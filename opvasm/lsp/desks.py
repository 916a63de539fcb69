"""Who works on which text: small ones share a thread, and a large one has a thread of its own.

Each thread has documents of its own, so that no two threads ever work on one document.  All of them
hear of every change; of what nobody asks of a document, nothing is worked out.
"""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from time import sleep

from .texts import Texts
from .worker import Worker

# Characters.  Above this a text, with the largest file that it uses, leaves the small ones' thread.
LARGE = 100_000
# So many pauses are between two times that what was read is taken out of the collector's sight.
_PAUSES = 32
# Seconds between two looks whether somebody still waits for the small texts' desk.
_SHORT = 0.002
_USE = re.compile(r'^[ \t]*use[ \t]+"([^"\n]+)"', re.MULTILINE)


class Desk:
    """A thread, and the documents that it alone works on."""

    def __init__(self, first: Desk | None = None) -> None:
        self.worker = Worker()
        self.texts = Texts()
        self._first = first
        self._pauses = 0

    def pause(self) -> None:
        """What long work calls now and then: whoever waits here, or at the ``first`` desk, comes before."""
        self.worker.pause()
        while self._first is not None and self._first.worker.is_wanted:
            sleep(_SHORT)
            self.worker.pause()

    def settle(self) -> None:
        """Called while a large text is read for the first time: what was read lives as long as it does.

        A search for cycles among so many objects would stop all threads for seconds.
        """
        self._pauses += 1
        if self._pauses % _PAUSES == 0:
            gc.freeze()


class Desks:
    """The desks of a session, and the texts that are open, by their paths."""

    def __init__(self) -> None:
        self.shared = Desk()
        self.contents: dict[str, str] = {}
        self._versions: dict[str, int | None] = {}
        self._own: dict[str, Desk] = {}  # by the path of the large text
        self._homes: dict[str, str] = {}  # from open texts to these paths

    def __iter__(self) -> Iterator[Desk]:
        yield self.shared
        yield from self._own.values()

    def of(self, path: str) -> Desk:
        """The desk at which questions about an open text are answered."""
        home = self._homes.get(path)
        return self.shared if home is None else self._own[home]

    def is_large(self, path: str) -> bool:
        """Whether a text, or a file that it uses, is so large that it isn't at the shared desk."""
        return path in self._homes

    def with_names(self, path: str, names: Iterable[str]) -> Desk:
        """The desk for a question about all texts with some names: that of a large one that has one."""
        homes = (
            home for home in self._own if any(name in self.contents.get(home, "") for name in names)
        )
        other = next(homes, None)
        return self.of(path) if other is None or self.is_large(path) else self._own[other]

    def open(self, path: str, text: str, version: int | None) -> None:
        """Before the desks hear of a text: find a desk for it, once it is large."""
        self._versions[path] = version
        self._place(path, text)
        self.contents[path] = text

    def again(self, path: str) -> None:
        """The same for an open text whose used files have changed."""
        self._place(path, self.contents[path])

    def _place(self, path: str, text: str) -> None:
        if path not in self._homes:
            home = self._largest(path, text)
            if home is not None:
                self._homes[path] = home
                if home not in self._own:
                    self._own[home] = desk = Desk(self.shared)
                    for other, content in self.contents.items():
                        desk.texts.change(other, content, self._versions[other])

    def close(self, path: str) -> Callable[[], None]:
        """Forget a text; what is returned is to be called once its desk has forgotten it, too."""
        self.contents.pop(path, None)
        self._versions.pop(path, None)
        home = self._homes.pop(path, None)
        if home is None or home in self._homes.values():
            return lambda: None
        desk = self._own.pop(home)

        def end() -> None:
            desk.worker.close()
            gc.unfreeze()

        return end

    def end(self) -> None:
        """Let all threads end after what they are doing."""
        for desk in self:
            desk.worker.stop()

    def _largest(self, path: str, text: str) -> str | None:
        """The largest of a text and the files that it uses, also through open ones; None if small."""
        sizes = {path: len(text)}
        waiting = [(path, text)]
        while waiting:
            user, content = waiting.pop()
            for each in _USE.findall(content):
                used = os.path.normpath(os.path.join(os.path.dirname(user), each))
                if used in sizes:
                    continue
                if used in self.contents:
                    sizes[used] = len(self.contents[used])
                    waiting.append((used, self.contents[used]))
                else:
                    with suppress(OSError, ValueError):
                        sizes[used] = os.stat(used).st_size
        largest = max(sizes, key=lambda each: sizes[each])
        return largest if sizes[largest] > LARGE else None

"""How the server looks through many texts, and texts that change meanwhile."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Awaitable, Callable

import pytest

if not importlib.util.find_spec("pygls"):
    pytest.skip("pygls is not installed", allow_module_level=True)

from lsprotocol import types as lsp

from opvasm.lsp.protocol import path_of
from opvasm.lsp.server import Server
from opvasm.lsp.worker import Worker


class Quiet(Server):
    """A server without a client: what it publishes is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.published: dict[str, list[list[str | int | None]]] = {}

    @property
    def encoding(self) -> str:
        """UTF-16, as without a client's word."""
        return "utf-16"

    def text_document_publish_diagnostics(self, params: lsp.PublishDiagnosticsParams) -> None:
        """Keep the codes."""
        codes = [each.code for each in params.diagnostics]
        self.published.setdefault(params.uri, []).append(codes)

    async def quiet(self) -> None:
        """Wait until everything was looked through.  Raises what a look ended with."""
        while any(not each.done() for each in self.checks.values()):
            await asyncio.wait(self.checks.values())
        for each in self.checks.values():
            if not each.cancelled():
                each.result()


def serve(what: Callable[[Quiet], Awaitable[None]]) -> None:
    """Run something with a server."""

    async def session() -> None:
        server = Quiet()
        try:
            await what(server)
        finally:
            server.worker.close()

    asyncio.run(asyncio.wait_for(session(), 300))


def uri(name: str) -> str:
    """The address of a text that is on no disk."""
    return f"file:///nowhere/{name}"


def test_many_texts_are_looked_through_one_after_the_other() -> None:
    """As many as a client opens at once all get their findings."""

    async def session(server: Quiet) -> None:
        text = "percpu x: u64\nvector v() { ad x, 1 }\n"
        await asyncio.gather(*(server.change(uri(f"{i}.opv"), text, 1) for i in range(400)))
        await server.quiet()
        assert list(server.published.values()) == [[["OPV012"]]] * 400

    serve(session)


def test_questions_go_before_what_is_short_and_that_before_what_is_long() -> None:
    """In the pauses of long work both come, in those of short work only questions."""
    worker, held, order = Worker(), threading.Event(), list[str]()

    def begun(name: str) -> None:
        held.wait()
        order.append(f"{name} begins")
        worker.pause()
        order.append(name)

    async def session() -> None:
        works = [asyncio.ensure_future(worker.work(lambda: begun("long")))]
        works += [asyncio.ensure_future(worker.work_shortly(lambda: begun("a")))]
        works += [asyncio.ensure_future(worker.work_shortly(lambda: begun("b")))]
        works += [asyncio.ensure_future(worker.ask(lambda: order.append("question")))]
        await asyncio.sleep(0)
        held.set()
        await asyncio.gather(*works)

    asyncio.run(session())
    worker.close()
    assert order == ["long begins", "question", "a begins", "a", "b begins", "b", "long"]


def test_a_look_that_is_stale_prepares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants the names of a text that has changed; where they are found, it is in pauses."""
    path = path_of(uri("a.opv"))
    text = "".join(f"vector v{i}() {{ mb }}\n" for i in range(200))
    pauses: list[int] = []

    async def session(server: Quiet) -> None:
        pause = server.worker.pause

        def typed() -> None:
            document = server.texts.open.get(path)
            if document is not None and document._known() and not document.is_read:
                pauses.append(len(document._known()))
                server.versions[path] += 1
            pause()

        with monkeypatch.context() as patch:
            patch.setattr(server.worker, "pause", typed)
            await server.change(uri("a.opv"), text, 1)
            await server.quiet()
        assert pauses == [32]
        assert not server.texts.open[path].is_read
        assert server.published == {}
        with monkeypatch.context() as patch:
            patch.setattr(server.worker, "pause", lambda: pauses.append(len(known())))
            known = server.texts.open[path]._known
            await server._prepare(path)
        assert pauses[1:7] == [32, 64, 96, 128, 160, 192]
        assert server.texts.open[path].is_read

    serve(session)

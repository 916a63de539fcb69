"""How the server looks through many texts, and texts that change meanwhile."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

if not importlib.util.find_spec("pygls"):
    pytest.skip("pygls is not installed", allow_module_level=True)

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcContentModified

from opvasm.assembler import resolve
from opvasm.lsp import (
    desks as desks_module,
    document as document_module,
    folders as folders_module,
    pieces as pieces_module,
)
from opvasm.lsp.answers.navigation import references
from opvasm.lsp.desks import LARGE, Desk, Desks
from opvasm.lsp.document import Document
from opvasm.lsp.folders import Folder, each_once, with_words
from opvasm.lsp.protocol import Words, path_of
from opvasm.lsp.server import Others, Server
from opvasm.lsp.worker import Worker

from .texts import LIST


class Quiet(Server):
    """A server without a client: what it publishes is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.published: dict[str, list[list[str | int | None]]] = {}
        self.shown: list[str] = []

    @property
    def encoding(self) -> str:
        """UTF-16, as without a client's word."""
        return "utf-16"

    def folders(self) -> list[Folder]:
        """None: no files but those that are open."""
        return []

    @property
    def client_capabilities(self) -> lsp.ClientCapabilities:
        """Those of a client that can do nothing."""
        return lsp.ClientCapabilities()

    def window_show_message(self, params: lsp.ShowMessageParams) -> None:
        """Keep the message."""
        self.shown.append(params.message)

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
            server.desks.end()

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
        pause = server.desks.shared.worker.pause

        def typed() -> None:
            document = server.desks.shared.texts.open.get(path)
            if document is not None and document._known() and not document.is_read:
                pauses.append(len(document._known()))
                server.versions[path] += 1
            pause()

        with monkeypatch.context() as patch:
            patch.setattr(server.desks.shared.worker, "pause", typed)
            await server.change(uri("a.opv"), text, 1)
            await server.quiet()
        assert pauses == [32]
        assert not server.desks.shared.texts.open[path].is_read
        assert server.published == {}
        with monkeypatch.context() as patch:
            known = server.desks.shared.texts.open[path]._known
            patch.setattr(server.desks.shared.worker, "pause", lambda: pauses.append(len(known())))
            await server._prepare(path)
        assert pauses[1:7] == [32, 64, 96, 128, 160, 192]
        assert server.desks.shared.texts.open[path].is_read

    serve(session)


def test_what_is_explored_was_assembled_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that explores works at no document, also where the text changes meanwhile."""
    threads: list[str] = []

    def recorded(*arguments: Any, **more: Any) -> Any:
        threads.append(threading.current_thread().name)
        return resolve(*arguments, **more)

    monkeypatch.setattr(document_module, "resolve", recorded)

    async def session(server: Quiet) -> None:
        await server.change(uri("a.opv"), LIST, 1)
        await asyncio.gather(
            server.change(uri("a.opv"), LIST + "\n", 2),
            server.explore(uri("a.opv"), "pushes"),
            server.change(uri("a.opv"), LIST + "\n\n", 3),
        )
        await server.quiet()
        assert server.shown == ["scenario pushes: holds, as expected"]

    serve(session)
    assert {each.partition("_")[0] for each in threads} == {"opvasm"}


def test_a_file_that_is_opened_or_closed_reaches_its_users(tmp_path: Path) -> None:
    """Who uses a file that was not there hears of it when it is opened; closed, the disk counts."""
    user, used = ((tmp_path / name).as_uri() for name in ("user.opv", "used.opv"))

    async def session(server: Quiet) -> None:
        await server.change(user, 'use "used.opv"\nvector v() { add x, 1 }\n', 1)
        await server.quiet()
        await server.change(used, "percpu x: u64\n", 1)
        await server.quiet()
        (tmp_path / "used.opv").write_text("percpu y: u64\n")
        await server.close(used)
        await server.quiet()
        (tmp_path / "used.opv").unlink()
        await server.change(used, "percpu x: u64\n", 2)
        await server.quiet()
        await server.close(used)
        await server.quiet()
        absent, unknown = ["OPV026"], ["OPV010"]
        assert server.published[user] == [absent, [], unknown, [], absent]
        assert server.published[used] == [[], [], [], []]

    serve(session)


VECTOR = "vector v{0}() {{\n    add x, 1{0}\n}}\n"
HUGE = "percpu x: u64\n" + "".join(VECTOR.format(i) for i in range(100))


class Held:
    """Holds up whoever reads a piece of one text, for as long as a test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()
        read = pieces_module._read

        def held(path: str, text: str, borders: list[int], index: int) -> pieces_module.Piece:
            if path == path_of(uri(name)) and index == len(borders) // 2:
                self.begun.set()
                self.let_go.wait()
            return read(path, text, borders, index)

        monkeypatch.setattr(pieces_module, "_read", held)


def test_a_large_text_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a large one is read, and never comes to a pause, a small one is answered for and changes."""
    monkeypatch.setattr(desks_module, "LARGE", 2_000)
    held = Held(monkeypatch, "huge.opv")
    small = "percpu x: u64\nvector v() { ad x, 1 }\n"

    async def session(server: Quiet) -> None:
        await server.change(uri("huge.opv"), HUGE, 1)
        await asyncio.to_thread(held.begun.wait)
        opened = asyncio.ensure_future(server.change(uri("a.opv"), small, 1))
        while not server.published:
            await asyncio.sleep(0.001)
        assert server.published == {uri("a.opv"): [["OPV012"]]}
        assert await server.ask(uri("a.opv"), lambda document, _: document.text) == small
        changed = asyncio.ensure_future(server.change(uri("a.opv"), small.replace("ad", "add"), 2))
        while len(server.published[uri("a.opv")]) < 2:
            await asyncio.sleep(0.001)
        held.let_go.set()
        await asyncio.gather(opened, changed)
        await server.quiet()
        assert server.published == {uri("a.opv"): [["OPV012"], []], uri("huge.opv"): [[]]}
        # Its own thread ends when it is closed, and it can be opened again.
        await server.close(uri("huge.opv"))
        await server.change(uri("huge.opv"), HUGE + VECTOR.format(0), 1)
        await server.quiet()
        assert server.published[uri("huge.opv")] == [[], [], ["OPV011"]]

    try:
        serve(session)
    finally:
        held.let_go.set()


def test_a_question_about_a_large_text_that_is_closed_has_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whenever it is closed meanwhile: who asked neither waits for ever nor hears of threads."""
    monkeypatch.setattr(desks_module, "LARGE", 2_000)
    answers: list[str | None] = []

    async def asked(server: Quiet) -> None:
        answers.append(await server.ask(uri("huge.opv"), lambda document, _: document.text))

    async def session(server: Quiet) -> None:
        for _ in range(20):
            await server.change(uri("huge.opv"), HUGE, 1)
            questions = [asyncio.ensure_future(asked(server)) for _ in range(3)]
            await asyncio.sleep(0)
            await server.close(uri("huge.opv"))
            await asyncio.gather(*questions)

    serve(session)
    assert len(answers) == 60
    assert set(answers) <= {None, HUGE}


def test_a_large_text_lets_the_others_go_first() -> None:
    """In a pause its thread goes on when nobody waits at the small texts' desk."""
    first = Desk()
    large = Desk(first)
    begun, held, order = threading.Event(), threading.Event(), list[str]()

    def small() -> None:
        begun.set()
        held.wait()
        order.append("small")

    def pausing() -> None:
        large.pause()
        order.append("large")

    async def session() -> None:
        waiting = first.worker.work_shortly(small)
        await asyncio.to_thread(begun.wait)
        works = [large.worker.work(pausing), large.worker.ask(lambda: order.append("question"))]
        await works[1]
        held.set()
        await asyncio.gather(waiting, works[0])

    asyncio.run(session())
    first.worker.close()
    large.worker.close()
    assert order == ["question", "small", "large"]


def test_a_desk_that_has_ended_holds_up_nobody() -> None:
    """What is left unanswered there at the end keeps no large text's thread from ending."""
    first = Desk()
    large = Desk(first)
    begun, held = threading.Event(), threading.Event()

    def busy() -> None:
        begun.set()
        held.wait()

    async def session() -> None:
        work = first.worker.work(busy)
        await asyncio.to_thread(begun.wait)
        first.worker.ask(lambda: None)
        assert first.worker.is_wanted
        first.worker.stop()
        held.set()
        await work

    asyncio.run(session())
    assert not first.worker.is_wanted
    large.pause()
    large.worker.close()


@pytest.mark.parametrize("how", ["the session ends", "the text is closed"])
def test_a_long_look_is_broken_off(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """When nobody wants it any more a look ends at the next pause, and not with its text."""
    monkeypatch.setattr(desks_module, "LARGE", 2_000)
    text = "".join(f"vector v{i}() {{ mb }}\n" for i in range(400))
    begun, let_go, read = threading.Event(), threading.Event(), list[int]()
    real = pieces_module._read

    def slow(path: str, text: str, borders: list[int], index: int) -> pieces_module.Piece:
        read.append(index)
        if index == 40:
            begun.set()
            let_go.wait()
        return real(path, text, borders, index)

    monkeypatch.setattr(pieces_module, "_read", slow)

    async def session(server: Quiet) -> None:
        await server.change(uri("huge.opv"), text, 1)
        await asyncio.to_thread(begun.wait)
        desk = server.desks.of(path_of(uri("huge.opv")))
        closing = None
        if how == "the session ends":
            server.desks.end()
        else:
            closing = asyncio.ensure_future(server.close(uri("huge.opv")))
            await asyncio.sleep(0)
        let_go.set()
        if closing is not None:
            await closing
        await asyncio.to_thread(desk.worker._pool.shutdown)
        assert len(read) < 100

    try:
        serve(session)
    finally:
        let_go.set()


def test_a_program_that_nobody_wants_is_not_made() -> None:
    """What is called meanwhile can end it, and it can be made later, with what was made before."""
    text = "".join(f"vector v{i}() {{ mb }}\n" for i in range(50))
    first = Document("a.opv", text)
    assert len(first.assembly.program.vectors) == 50
    known = [*first.assembly.program.vectors.values()]
    second = Document("a.opv", text + "vector w() { mb }\n", before=first)
    calls: list[int] = []

    def stale() -> None:
        calls.append(len(calls))
        if len(calls) == 5:
            raise KeyError

    with pytest.raises(KeyError):
        second.resolve(stale)
    assert len(calls) == 5
    third = Document("a.opv", text + "vector x() { mb }\n", before=second)
    third.resolve(lambda: None)
    assert all(third.assembly.program.vectors[each.name] is each for each in known)
    assert "x" in third.assembly.program.vectors


def test_threads_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the program of one text is made in a thread, that of another is made in a second one."""
    begun, let_go = threading.Event(), threading.Event()
    real = resolve

    def held(source: Document, **words: Any) -> Any:
        if source.name == "slow.opv":
            begun.set()
            let_go.wait()
        return real(source, **words)

    monkeypatch.setattr(document_module, "resolve", held)
    slow, quick = Document("slow.opv", LIST), Document("quick.opv", LIST)
    thread = threading.Thread(target=lambda: slow.resolved)
    thread.start()
    begun.wait()
    other = threading.Thread(target=lambda: quick.resolved, daemon=True)
    other.start()
    other.join(60)
    assert not other.is_alive()
    let_go.set()
    thread.join()


def test_names_are_found_across_a_large_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of a small text that a large one uses is found in both, from either."""
    monkeypatch.setattr(desks_module, "LARGE", 2_000)
    used, user, other = (uri(name) for name in ("used.opv", "user.opv", "other.opv"))

    async def session(server: Quiet) -> None:
        await server.change(used, "percpu x: u64\n", 1)
        await server.change(user, 'use "used.opv"\n' + HUGE.partition("\n")[2], 1)
        await server.change(other, "percpu x: u64\n", 1)
        found = []
        for name, place in ((used, lsp.Position(0, 7)), (user, lsp.Position(2, 8))):

            def question(document: Document, words: Words, others: Others) -> int:
                offset = words.offset(place)  # noqa: B023
                return len(references(document, offset, others.documents))

            found.append(await server.ask_with_others(name, place, question))
        assert found == [1 + HUGE.count("add x")] * 2
        names = await server.ask_each(lambda document, _: document.name)
        assert sorted(names) == sorted(map(path_of, (used, user, other)))
        await server.quiet()
        assert server.published == {used: [[]], user: [[]], other: [[]]}

    serve(session)


@pytest.mark.parametrize("text", ["const MORE = 1\npercpu x: u64\n", "", "percpu y: u64\n"])
def test_a_question_about_a_name_that_has_gone_is_not_answered_of_another(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Where files are looked through, and the text changes meanwhile, no other name is renamed."""

    async def session(server: Quiet) -> None:
        name = uri("one.opv")
        await server.change(name, "percpu x: u64\n", 1)

        async def type_meanwhile(words: Iterable[str]) -> list[str]:
            assert list(words) == ["x"]
            await server.change(name, text, 2)
            return []

        monkeypatch.setattr(server, "_files_with", type_meanwhile)
        with pytest.raises(JsonRpcContentModified):
            await server.ask_with_others(name, lsp.Position(0, 7), lambda *_: None)

    serve(session)


def test_a_desk_of_its_own_knows_the_versions_of_what_was_open_before() -> None:
    """A change that is worked out beside a large text is of the versions that the editor has."""
    desks = Desks()
    desks.open("/small.opv", "const A = 1\n", 3)
    desks.open("/large.opv", "// large\n" * LARGE, 1)
    desk = desks.of("/large.opv")
    assert desk is not desks.shared
    assert desk.texts.versions == {"/small.opv": 3}  # it hears of its own text with the others
    desks.end()


def test_files_are_found_by_their_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word is found in whatever case and where it lies, and a file with two names once."""
    monkeypatch.setattr(folders_module, "_PIECE", 4)
    texts = {"first": "xxHEADx", "last": "xxxxxxhead", "none": "xxhea\nd", "empty": ""}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "also").symlink_to("first")
    (tmp_path / "folder").mkdir()
    paths = [str(tmp_path / name) for name in ("also", *texts, "folder", "missing")]
    found = with_words(paths, ["Head", "absent"])
    assert [Path(each).name for each in found] == ["also", "first", "last"]
    assert [Path(each).name for each in each_once(found, [])] == ["first", "last"]
    assert [Path(each).name for each in each_once(found, [found[0]])] == ["last"]

"""The server: what the protocol asks, asked of the document; needs pygls (``opvasm[lsp]``)."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeVar

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcContentModified
from pygls.lsp.server import LanguageServer

from .._version import __version__
from ..explain import find
from .answers import lenses as lens_answers
from .answers.findings import Findings, findings
from .answers.lenses import Result
from .answers.running import exploration_of, run_of
from .desks import Desk, Desks
from .document import Document, names_of
from .folders import ENTRIES_MAX, Folder, Listing, each_once, listing, with_words
from .positions import UTF16
from .protocol import Words, path_of, uri_of
from .texts import Texts

RUN, EXPLORE, EXPLAIN, DEBUG = "opvasm.run", "opvasm.explore", "opvasm.explain", "opvasm.debug"
# While somebody types, findings wait for this long (seconds) after a key, and those of scenarios,
# which take several times as long to find, for this long after them.
PATIENCE = 0.05
PAUSE = 0.3
SMALL = 20_000  # characters
_T = TypeVar("_T")
_Users = tuple[Desk, "asyncio.Future[list[str]]"]


class Stale(Exception):
    """The text has changed: nobody wants this answer any more."""


class Others(NamedTuple):
    """The texts beside the one that is asked about, and the versions of those that are open, by path."""

    documents: list[Document]
    versions: Mapping[str, int | None]


class Server(LanguageServer):
    """The documents that are open, what was found in them, and what runs."""

    def __init__(self) -> None:
        super().__init__("opvasm", __version__, max_workers=2)
        self.desks = Desks()
        self.versions: dict[str, int] = {}
        self.uris: dict[str, str] = {}
        self.found: dict[str, Findings] = {}
        self.results: dict[tuple[str, str, str], tuple[str, Result]] = {}
        self.checks: dict[str, asyncio.Task[None]] = {}

    # ---- questions ------------------------------------------------------------------------------

    @property
    def encoding(self) -> str:
        """How the client counts characters."""
        chosen = self.server_capabilities.position_encoding
        return str(getattr(chosen, "value", chosen) or UTF16)

    async def ask(self, uri: str, question: Callable[[Document, Words], _T]) -> _T | None:
        """The answer to a question about a document; None where it is not open."""
        path = path_of(uri)
        return await self._ask_at(self.desks.of(path), path, question)

    async def _ask_at(
        self, desk: Desk, path: str, question: Callable[[Document, Words], _T]
    ) -> _T | None:
        def answer() -> _T | None:
            document = desk.texts.open.get(path)
            if document is None:
                return None
            return question(document, Words(document, self.encoding))

        if self.desks.is_large(path):
            await self._ready(desk, path)
        # A desk that is closed meanwhile has no documents any more.
        return None if desk.worker.is_closed else await desk.worker.ask(answer)

    async def _ready(self, desk: Desk, path: str) -> None:
        """Read a large text before somebody asks of it: in pauses, so that it can change meanwhile."""
        while not desk.worker.is_closed:
            with suppress(Stale):
                await desk.worker.work_shortly(partial(self._prepared, desk, path))
                return

    async def ask_with_others(
        self,
        uri: str,
        place: lsp.Position,
        question: Callable[[Document, Words, Others], _T],
        also: str = "",
    ) -> _T | None:
        """The answer to a question about the name at a place, which the texts with it hear.

        They are those that are open and those in the editor's folders, also where they have the name
        ``also`` instead.  What was found in a file that has changed meanwhile is found again.  Raises
        JsonRpcContentModified where another name has come to the place.
        """

        def name_at(document: Document, words: Words) -> str:
            found = document.name_at(words.offset(place))
            return "" if found is None else found[1].name

        path = path_of(uri)
        name = await self.ask(uri, name_at)
        if name is None:
            return None
        names = [each for each in (name, also) if each]
        desk = self.desks.with_names(path, names)
        files = await self._files_with(names) if names else []
        await self._files_ready(desk, files)

        def answer(document: Document, words: Words) -> _T:
            del document  # that of a text that uses a changed file is no longer true
            now = desk.texts.current(path)
            words = Words(now, self.encoding)
            if name_at(now, words) != name:
                raise JsonRpcContentModified("the text has changed: another name is there now")
            others = [
                desk.texts.current(other)
                for other, each in desk.texts.open.items()
                if any(one in each.text for one in names)
            ]
            for file in files:
                with suppress(OSError, ValueError):
                    others.append(desk.texts.current(file))
            versions = dict(desk.texts.versions)
            return question(now, words, Others(others, versions))

        return await self._ask_at(desk, path, answer)

    def folders(self) -> list[Folder]:
        """The folders of the editor; without one those of the open texts themselves."""
        paths = [path_of(each) for each in self.workspace.folders]
        if not paths and self.workspace.root_path:
            paths = [self.workspace.root_path]
        if paths:
            return [Folder(os.path.normpath(each), True) for each in paths]
        files = [each for each in self.desks.contents if each.startswith("/")]
        return [Folder(each, False) for each in dict.fromkeys(map(os.path.dirname, files))]

    async def _files_with(self, words: Iterable[str]) -> list[str]:
        """The files in the folders that are not open, and have one of some words in them."""
        folders, opened = self.folders(), set(self.desks.contents)

        def find() -> tuple[Listing, list[str]]:
            listed = listing(folders)
            found = with_words((e for e in listed.paths if e not in opened), words)
            return listed, each_once(found, opened)

        listed, found = await asyncio.to_thread(find)
        if listed.unfinished is not None:
            text = (
                f"more than {ENTRIES_MAX:,} files are in {listed.unfinished}, and not all texts in it"
                " were looked through: open a smaller folder"
            )
            self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, text))
        return found

    async def _files_ready(self, desk: Desk, paths: Iterable[str]) -> None:
        """Read files before somebody asks of them, one after the other and in pauses."""

        def read(path: str) -> None:
            with suppress(OSError, ValueError):
                document = desk.texts.current(path)
                document.read_all(desk.pause)
                for placed in document.pieces:
                    names_of(placed.piece)
                    desk.pause()

        for each in paths:
            if not desk.worker.is_closed:
                await desk.worker.work_shortly(partial(read, each))

    async def ask_each(
        self, question: Callable[[Document, Words], _T], files_with: str = ""
    ) -> list[_T]:
        """The answers to a question about each open document, and each file with some words in it."""
        paths = list(self.desks.contents)
        files = await self._files_with([files_with]) if files_with else []
        desk = self.desks.shared
        await self._files_ready(desk, files)

        def of_files() -> list[_T]:
            found: list[_T] = []
            for path in files:
                with suppress(OSError, ValueError):
                    document = desk.texts.of(path)
                    found.append(question(document, Words(document, self.encoding)))
            return found

        answers = await asyncio.gather(
            *(self._ask_at(self.desks.of(path), path, question) for path in paths)
        )
        return [each for each in answers if each is not None] + await desk.worker.ask(of_files)

    def found_in(self, document: Document) -> Findings | None:
        """What was found in a document when it was last looked through."""
        return self.found.get(document.name)

    # ---- changes --------------------------------------------------------------------------------

    async def change(self, uri: str, text: str, version: int | None) -> None:
        """Take over a new text, and look through it and through those that use it."""
        path = path_of(uri)
        self.uris[path] = uri
        self.versions[path] = self.versions.get(path, 0) + 1
        self.desks.open(path, text, version)
        users = self._tell(path, lambda texts: texts.change(path, text, version))
        await users[0][1]  # now its own desk has the text
        self.look_through(path, version)
        await self._look_through_users(users)

    async def close(self, uri: str) -> None:
        """Forget a document, with its findings; those that use it are looked through with its file."""
        path = path_of(uri)
        self.versions[path] = self.versions.get(path, 0) + 1
        task = self.checks.pop(path, None)
        if task is not None:
            task.cancel()
        users = self._tell(path, lambda texts: texts.close(path))
        end = self.desks.close(path)
        await users[0][1]
        self.found.pop(path, None)
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, []))
        await self._look_through_users(users)
        end()

    async def file_changed(self, uri: str) -> None:
        """Look through the texts that use a file which was written, made or removed."""
        path = path_of(uri)
        if path not in self.desks.contents:  # else the open text counts
            await self._look_through_users(self._tell(path, lambda texts: texts.renew(path)))

    def _tell(self, path: str, what: Callable[[Texts], list[str]]) -> list[_Users]:
        """Tell all desks of a change of a text, its own first; each answers with who uses the text."""
        home = self.desks.of(path)
        desks = [home, *(each for each in self.desks if each is not home)]
        return [(each, each.worker.ask(partial(what, each.texts))) for each in desks]

    async def _look_through_users(self, users: list[_Users]) -> None:
        for desk, paths in users:
            for path in await paths:
                if self.desks.of(path) is desk and path in self.desks.contents:
                    self.versions[path] = self.versions.get(path, 0) + 1
                    self.desks.again(path)
                    self.look_through(path, None)

    def look_through(self, path: str, version: int | None) -> None:
        """Begin to look through a document; what was begun before for it ends."""
        task = self.checks.get(path)
        if task is not None:
            task.cancel()
        self.checks[path] = asyncio.ensure_future(self._looking(path, version))

    async def _looking(self, path: str, version: int | None) -> None:
        first = path not in self.found
        await asyncio.sleep(0 if first else PATIENCE)
        with suppress(Stale):
            if await self._looked(path, version, False):
                await asyncio.sleep(0 if first else PAUSE)
                await self._looked(path, version, True)
            await self._prepare(path)

    async def _prepare(self, path: str) -> None:
        """Find the names of a text before somebody asks for one, in the pauses.

        Raises Stale where the text changes meanwhile.
        """
        desk = self.desks.of(path)
        await desk.worker.work(partial(self._prepared, desk, path))

    def _prepared(self, desk: Desk, path: str) -> None:
        document, check = desk.texts.open.get(path), self._check(desk, path)
        if document is not None:
            document.read_all(check)
            for placed in document.pieces:
                names_of(placed.piece)
                check()

    def _check(self, desk: Desk, path: str) -> Callable[[], None]:
        """What work calls now and then, and what ends it with Stale when the text has changed."""
        is_new = self.desks.is_large(path) and path not in self.found

        def check() -> None:
            still_wanted()
            if is_new:
                desk.settle()
            desk.pause()
            still_wanted()

        still_wanted = self._still_wanted(desk, path)
        return check

    def _still_wanted(self, desk: Desk, path: str) -> Callable[[], None]:
        """What raises Stale when the text has changed, or nobody is there any more."""
        number = self.versions[path]

        def still_wanted() -> None:
            if self.versions[path] != number or desk.worker.is_closed:
                raise Stale

        return still_wanted

    async def _looked(self, path: str, version: int | None, with_scenarios: bool) -> bool:
        """Look through a document, and say what was found; whether scenarios were left out.

        Raises Stale where the text changes meanwhile.
        """
        desk, number = self.desks.of(path), self.versions[path]
        check, still_wanted = self._check(desk, path), self._still_wanted(desk, path)

        def look() -> list[lsp.Diagnostic] | None:
            document = desk.texts.open.get(path)
            if document is None:
                return None
            document.read_all(check)
            document.resolve(still_wanted)
            found = findings(document, self.found.get(path), check, with_scenarios)
            self.found[path] = found
            words = Words(document, self.encoding)
            return [words.diagnostic(each) for each in found.found]

        small = len(self.desks.contents.get(path, "")) <= SMALL
        # A small text does not wait until a larger one has been looked through.
        diagnostics = await (desk.worker.work_shortly if small else desk.worker.work)(look)
        if diagnostics is None:
            return False
        if self.versions[path] != number:
            raise Stale
        self.text_document_publish_diagnostics(
            lsp.PublishDiagnosticsParams(self.uris.get(path, uri_of(path)), diagnostics, version)
        )
        return self.found[path].waiting > 0

    def edit_of(
        self, changes: Mapping[str, list[lsp.TextEdit]], versions: Mapping[str, int | None]
    ) -> lsp.WorkspaceEdit:
        """Changes of several texts, by their addresses, as the editor takes them.

        One that can is given the versions of the open texts, and refuses changes of older ones.
        """
        workspace = self.client_capabilities.workspace
        can = None if workspace is None else workspace.workspace_edit
        if can is None or not can.document_changes:
            return lsp.WorkspaceEdit(changes=dict(changes))
        return lsp.WorkspaceEdit(
            document_changes=[
                lsp.TextDocumentEdit(
                    lsp.OptionalVersionedTextDocumentIdentifier(
                        self.uris.get(path, uri_of(path)), versions.get(path)
                    ),
                    edits,
                )
                for path, edits in ((path_of(uri), edits) for uri, edits in changes.items())
            ]
        )

    # ---- results --------------------------------------------------------------------------------

    def keep(self, document: Document, kind: str, name: str, result: Result) -> None:
        """Remember how a test or scenario of a document came out."""
        text = lens_answers.text_of(document, kind, name)
        if text is not None:
            self.results[document.name, kind, name] = (text, result)

    def result(self, document: Document, kind: str, name: str) -> Result | None:
        """How a test or scenario came out, if its text is still the same."""
        known = self.results.get((document.name, kind, name))
        if known is None or known[0] != lens_answers.text_of(document, kind, name):
            return None
        return known[1]

    async def run(self, uri: str, name: str) -> Result | None:
        """Run a test, and show how it came out beside it."""

        def question(document: Document, _: Words) -> Result | None:
            result = run_of(document, name)
            if result is not None:
                self.keep(document, "test", name, result)
            return result

        result = await self.ask(uri, question)
        self._show(f'test "{name}"', result)
        return result

    async def explore(self, uri: str, name: str) -> Result | None:
        """Explore a scenario, with progress that can be cancelled."""
        # It is resolved there, as only one thread works on a document.
        ready = await self.ask(uri, lambda document, _: (document, document.resolved))
        if ready is None:
            return None
        document = ready[0]
        stopped = threading.Event()
        token = await self._progress(f"exploring {name}")
        loop = asyncio.get_running_loop()

        def report(text: str) -> None:
            if token is not None:
                step = lsp.WorkDoneProgressReport(message=text)
                loop.call_soon_threadsafe(self.work_done_progress.report, token, step)

        def check() -> None:
            cancelled = token is not None and self.work_done_progress.tokens[token].cancelled()
            if stopped.is_set() or cancelled:
                raise Stale

        result: Result | None = None
        try:
            with suppress(Stale):
                result = await asyncio.to_thread(exploration_of, document, name, report, check)
        finally:
            stopped.set()
            if token is not None:
                self.work_done_progress.end(token, lsp.WorkDoneProgressEnd())
        if result is not None:
            kept = result
            await self.ask(uri, lambda *_: self.keep(document, "scenario", name, kept))
        self._show(f"scenario {name}", result)
        return result

    async def _progress(self, title: str) -> str | None:
        window = self.client_capabilities.window
        if window is None or not window.work_done_progress:
            return None
        token = f"opvasm-{id(asyncio.current_task())}"
        await self.work_done_progress.create_async(token)
        begin = lsp.WorkDoneProgressBegin(title=title, cancellable=True)
        self.work_done_progress.begin(token, begin)
        return token

    def _show(self, what: str, result: Result | None) -> None:
        if result is None:
            text, level = f"{what}: stopped, or not there", lsp.MessageType.Warning
        else:
            text = f"{what}: {result.text}"
            level = lsp.MessageType.Info if result.good else lsp.MessageType.Warning
        self.window_show_message(lsp.ShowMessageParams(level, text))
        workspace = self.client_capabilities.workspace
        if workspace is not None and workspace.code_lens and workspace.code_lens.refresh_support:
            self.workspace_code_lens_refresh(None)

    def explain(self, name: str) -> str | None:
        """What a code or word means, as ``opvasm explain`` says it."""
        topic = find(name)
        return None if topic is None else topic.explain()

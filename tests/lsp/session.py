"""A server, and a client that is not ours (pytest-lsp) to ask it through the protocol.

The server is in a thread, behind a socket: a process of its own would import for a second what is
here already.  ``of_its_own`` starts the command instead, as an editor does.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.protocol import default_converter
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities, make_test_lsp_client

from opvasm.lsp.features import register
from opvasm.lsp.server import Server

# Each converter compiles code for the types that it meets, which takes longer than most conversations.
converter = cache(default_converter)
capabilities = cache(client_capabilities)
Talk = Callable[["Editor"], Awaitable[None]]


class Editor:
    """What an editor does: open, type, ask."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.published: dict[str, list[lsp.PublishDiagnosticsParams]] = {}
        self.watched: list[str] = []
        self.encoding = "utf-16"

    def uri(self, name: str) -> str:
        """The address of a file of the folder."""
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str) -> str:
        """Open a text."""
        uri = self.uri(name)
        self.texts[name], self.versions[name] = text, 1
        item = lsp.TextDocumentItem(uri=uri, language_id="opv", version=1, text=text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
        return uri

    def type(self, name: str, before: str, after: str) -> None:
        """Replace the only place of a text by another."""
        text = self.texts[name]
        assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times"
        start = text.index(before)
        where = lsp.Range(self.at(name, start), self.at(name, start + len(before)))
        self.texts[name] = text.replace(before, after)
        self.versions[name] += 1
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(
                    uri=self.uri(name), version=self.versions[name]
                ),
                [lsp.TextDocumentContentChangePartial(range=where, text=after)],
            )
        )

    def at(self, name: str, offset: int) -> lsp.Position:
        """The position of an offset, in UTF-16 units as the protocol has it."""
        before = self.texts[name][:offset]
        line = before.rpartition("\n")[2]
        return lsp.Position(before.count("\n"), len(line.encode("utf-16-le")) // 2)

    def place(self, name: str, text: str, within: int = 0) -> dict[str, Any]:
        """A document and the position of the first place of a text, some characters further."""
        offset = self.texts[name].index(text) + within
        return {
            "text_document": lsp.TextDocumentIdentifier(self.uri(name)),
            "position": self.at(name, offset),
        }

    def document(self, name: str) -> lsp.TextDocumentIdentifier:
        """How the protocol names a document."""
        return lsp.TextDocumentIdentifier(self.uri(name))

    def changed(self, edit: lsp.WorkspaceEdit | None) -> dict[str, str]:
        """The texts that an edit changes, those that are not open read from their files, after it.

        The edits of open ones have to be of the version that was typed last.
        """
        assert edit is not None
        edits: dict[str, list[lsp.TextEdit]] = {}
        for uri, some in (edit.changes or {}).items():
            edits[uri] = list(some)
        for change in edit.document_changes or ():
            assert isinstance(change, lsp.TextDocumentEdit)
            document = change.text_document
            edits[document.uri] = [e for e in change.edits if isinstance(e, lsp.TextEdit)]
            name = document.uri.removeprefix(self.folder.as_uri() + "/")
            assert document.version == self.versions.get(name)
        found: dict[str, str] = {}
        for uri, some in edits.items():
            name = uri.removeprefix(self.folder.as_uri() + "/")
            text = self.texts[name] if name in self.texts else (self.folder / name).read_text()
            for each in sorted(some, key=lambda one: one.range.start, reverse=True):
                places = (each.range.start, each.range.end)
                start, end = (_offset(text, place, self.encoding) for place in places)
                text = text[:start] + each.new_text + text[end:]
            found[name] = text
        return found

    def written(self, name: str, text: str | None) -> None:
        """Write a file, or remove it, and report it as an editor does that watches files."""
        path = self.folder / name
        kind = lsp.FileChangeType.Changed if path.exists() else lsp.FileChangeType.Created
        if text is None:
            path.unlink()
            kind = lsp.FileChangeType.Deleted
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.client.workspace_did_change_watched_files(
            lsp.DidChangeWatchedFilesParams([lsp.FileEvent(self.uri(name), kind)])
        )

    async def findings(self, name: str) -> list[lsp.Diagnostic]:
        """The findings of the version that was typed last."""
        uri = self.uri(name)
        while True:
            for each in self.published.get(uri, ()):
                if each.version == self.versions[name]:
                    return list(each.diagnostics)
            await asyncio.sleep(0.01)

    def text_at(self, name: str, where: lsp.Range) -> str:
        """The characters of a range (of a text in ASCII)."""
        lines = self.texts[name].split("\n")
        start, end = where.start, where.end
        if start.line == end.line:
            return lines[start.line][start.character : end.character]
        parts = [lines[start.line][start.character :], *lines[start.line + 1 : end.line]]
        return "\n".join([*parts, lines[end.line][: end.character]])


def _offset(text: str, place: lsp.Position, encoding: str) -> int:
    """The offset of a position, which counts units of an encoding."""
    start = sum(len(line) + 1 for line in text.split("\n")[: place.line])
    width = int(encoding.removeprefix("utf-")) // 8
    codec = encoding if width == 1 else f"{encoding}-le"
    line = text[start:].partition("\n")[0].encode(codec)
    return start + len(line[: width * place.character].decode(codec))


def _serve(listener: socket.socket) -> None:
    """What ``opvasm lsp`` does on its streams, for whoever connects first."""
    with listener:
        connection, _ = listener.accept()
    server = Server()
    server.protocol._converter = converter()
    register(server)
    with connection, connection.makefile("rb") as source, connection.makefile("wb") as sink:
        try:
            server.start_io(source, sink)
        finally:
            server.desks.end()


@asynccontextmanager
async def _connected(of_its_own: bool) -> AsyncIterator[Any]:
    """A client of a server, which ends with the connection."""
    if of_its_own:
        config = ClientServerConfig(server_command=[sys.executable, "-m", "opvasm", "lsp"])
        client: Any = await config.start()
        try:
            yield client
        finally:
            process = client._server  # a test that fails has said no goodbye
            if process is not None and process.returncode is None:
                process.kill()
            await client.stop()
        return
    client = make_test_lsp_client()
    client.protocol._converter = converter()
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(listener,), daemon=True)
    thread.start()
    await client.start_tcp(*listener.getsockname())
    try:
        yield client
    finally:
        client.protocol.writer.close()
        await client.stop()
        await asyncio.to_thread(thread.join, 60)
        assert not thread.is_alive(), "the server goes on without its client"


@asynccontextmanager
async def editor(folder: Path, client_name: str, of_its_own: bool) -> AsyncIterator[Editor]:
    """A client with the capabilities of an editor, connected to a server."""
    async with _connected(of_its_own) as client:
        yield await _opened(client, folder, client_name)
        await client.shutdown_session()


async def _opened(client: Any, folder: Path, client_name: str) -> Editor:
    opened = Editor(client, folder)

    # The client keeps the newest findings only, without the version that they are of.
    del client.protocol.fm.features[lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS]

    @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]
    def published(params: lsp.PublishDiagnosticsParams) -> None:
        opened.published.setdefault(params.uri, []).append(params)

    @client.feature(lsp.CLIENT_REGISTER_CAPABILITY)  # type: ignore[untyped-decorator]
    def registered(params: lsp.RegistrationParams) -> None:
        opened.watched += [each.method for each in params.registrations]

    answer = await client.initialize_session(
        lsp.InitializeParams(capabilities=capabilities(client_name), root_uri=folder.as_uri())
    )
    chosen = answer.capabilities.position_encoding
    opened.encoding = str(getattr(chosen, "value", chosen) or opened.encoding)
    return opened


def talk(
    folder: Path, what: Talk, client_name: str = "visual-studio-code", of_its_own: bool = False
) -> None:
    """One conversation with a server, in a process of its own or in this one; it ends with it."""

    async def conversation() -> None:
        async with editor(folder, client_name, of_its_own) as opened:
            await what(opened)

    asyncio.run(asyncio.wait_for(conversation(), 600))

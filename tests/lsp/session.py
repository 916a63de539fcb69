"""A server in a process of its own, and a client that is not ours (pytest-lsp) to ask it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

Talk = Callable[["Editor"], Awaitable[None]]


class Editor:
    """What an editor does: open, type, ask."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.published: dict[str, list[lsp.PublishDiagnosticsParams]] = {}

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


@asynccontextmanager
async def editor(folder: Path, client_name: str) -> AsyncIterator[Editor]:
    """A client with the capabilities of an editor, connected to a server."""
    config = ClientServerConfig(server_command=[sys.executable, "-m", "opvasm", "lsp"])
    client: Any = await config.start()
    opened = Editor(client, folder)

    # The client keeps the newest findings only, without the version that they are of.
    del client.protocol.fm.features[lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS]

    @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]
    def published(params: lsp.PublishDiagnosticsParams) -> None:
        opened.published.setdefault(params.uri, []).append(params)

    try:
        await client.initialize_session(
            lsp.InitializeParams(
                capabilities=client_capabilities(client_name), root_uri=folder.as_uri()
            )
        )
        yield opened
        await client.shutdown_session()
    finally:
        server = client._server  # a test that fails has said no goodbye
        if server is not None and server.returncode is None:
            server.kill()
        await client.stop()


def talk(folder: Path, what: Talk, client_name: str = "visual-studio-code") -> None:
    """One conversation with a server of its own; it ends with the conversation."""

    async def conversation() -> None:
        async with editor(folder, client_name) as opened:
            await what(opened)

    asyncio.run(asyncio.wait_for(conversation(), 600))

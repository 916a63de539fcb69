"""The server through the real protocol, asked by a client that is not ours."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from .texts import LIST

if not all(importlib.util.find_spec(each) for each in ("pygls", "pytest_lsp")):
    pytest.skip("pygls or pytest_lsp is not installed", allow_module_level=True)

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from .session import Editor, talk

WRONG = LIST.replace("memcpy  head, node", "memcpi  head, node")


def test_typing(tmp_path: Path) -> None:
    """A mistake is published at its word with its code; when it is mended nothing is left.

    The code can be explained, and only the newest text is answered for.
    """

    async def conversation(editor: Editor) -> None:
        editor.open("a.opv", WRONG)
        (found,) = await editor.findings("a.opv")
        assert found.code == "OPV012"
        assert editor.text_at("a.opv", found.range) == "memcpi"
        params = lsp.CodeActionParams(
            editor.document("a.opv"), found.range, lsp.CodeActionContext(diagnostics=[found])
        )
        actions = await editor.client.text_document_code_action_async(params)
        assert actions is not None
        titles = [each.title for each in actions]
        assert titles == ["Change `memcpi` to `memcpy`", "Explain OPV012"]
        params_of_command = lsp.ExecuteCommandParams("opvasm.explain", arguments=["OPV012"])
        text = await editor.client.workspace_execute_command_async(params_of_command)
        assert isinstance(text, str)
        assert text.startswith("OPV012")
        # Of texts that follow each other quickly, the last one's findings come, and come last.
        for _ in range(30):
            editor.type("a.opv", "memcpi  head, node", "memcpy  head, node")
            editor.type("a.opv", "memcpy  head, node", "memcpi  head, node")
        editor.type("a.opv", "memcpi", "memcpy")
        assert await editor.findings("a.opv") == []
        versions = [each.version or 0 for each in editor.published[editor.uri("a.opv")]]
        assert versions == sorted(versions)
        assert len(versions) < 30
        # A character of two UTF-16 units stands before the mistake.
        editor.open("b.opv", 'test "🎉" { run nobody() -> 0 }\n')
        (found,) = await editor.findings("b.opv")
        assert found.range.start.character == len('test "') + 2 + len('" { run ')

    talk(tmp_path, conversation)


def test_questions(tmp_path: Path) -> None:
    """Every kind of question has an answer for an ordinary text, from the command that editors start."""

    async def conversation(editor: Editor) -> None:
        client = editor.client
        uri = editor.open("a.opv", LIST)
        document = editor.document("a.opv")
        hover = await client.text_document_hover_async(
            lsp.HoverParams(**editor.place("a.opv", "cmpeq"))
        )
        assert hover is not None
        assert isinstance(hover.contents, lsp.MarkupContent)
        assert "CPU_COMPARE_EQ_OP" in hover.contents.value
        completion = await client.text_document_completion_async(
            lsp.CompletionParams(**editor.place("a.opv", "memcpy  head", 10))
        )
        assert isinstance(completion, lsp.CompletionList)
        assert "head" in [each.label for each in completion.items]
        signature = await client.text_document_signature_help_async(
            lsp.SignatureHelpParams(**editor.place("a.opv", "push(&nodes[0], 0)", 16))
        )
        assert signature is not None
        assert signature.active_parameter == 1
        definition = await client.text_document_definition_async(
            lsp.DefinitionParams(**editor.place("a.opv", "push(&nodes[0], 0)"))
        )
        assert definition is not None
        (place,) = definition  # type: ignore[misc]
        assert isinstance(place, lsp.Location)
        assert (place.uri, editor.text_at("a.opv", place.range)) == (uri, "push")
        references = await client.text_document_references_async(
            lsp.ReferenceParams(
                **editor.place("a.opv", "nodes"), context=lsp.ReferenceContext(True)
            )
        )
        assert references is not None
        assert {editor.text_at("a.opv", each.range) for each in references} == {"nodes"}
        assert len(references) == LIST.count("nodes") - 1  # once it is a word of the title
        highlights = await client.text_document_document_highlight_async(
            lsp.DocumentHighlightParams(**editor.place("a.opv", "patient"))
        )
        assert highlights is not None
        assert len(highlights) == 2
        symbols = await client.text_document_document_symbol_async(
            lsp.DocumentSymbolParams(document)
        )
        assert symbols is not None
        assert [each.name for each in symbols][-1] == "pushes"
        everywhere = await client.workspace_symbol_async(lsp.WorkspaceSymbolParams("PUSH"))
        assert everywhere is not None
        assert {each.name for each in everywhere} == {"push", "pushes"}
        folds = await client.text_document_folding_range_async(lsp.FoldingRangeParams(document))
        assert folds is not None
        assert len(folds) >= 3
        whole = lsp.Range(lsp.Position(0, 0), lsp.Position(999, 0))
        hints = await client.text_document_inlay_hint_async(lsp.InlayHintParams(document, whole))
        assert hints is not None
        assert "3/16 ops, 24/4216 bytes" in [each.label for each in hints]
        tokens = await client.text_document_semantic_tokens_full_async(
            lsp.SemanticTokensParams(document)
        )
        assert tokens is not None
        assert len(tokens.data) % 5 == 0
        assert len(tokens.data) > 500
        part = await client.text_document_semantic_tokens_range_async(
            lsp.SemanticTokensRangeParams(
                document, lsp.Range(lsp.Position(7, 0), lsp.Position(8, 0))
            )
        )
        assert part is not None
        assert 5 <= len(part.data) < 60
        edits = await client.text_document_formatting_async(
            lsp.DocumentFormattingParams(document, lsp.FormattingOptions(4, True))
        )
        assert not edits
        selection = await client.text_document_selection_range_async(
            lsp.SelectionRangeParams(document, [editor.at("a.opv", LIST.index("expect\n"))])
        )
        assert selection is not None
        assert editor.text_at("a.opv", selection[0].range) == "expect"

    talk(tmp_path, conversation, of_its_own=True)


def test_renaming_across_files(tmp_path: Path) -> None:
    """A rename changes both files; one that would change what a text means is refused."""

    async def conversation(editor: Editor) -> None:
        editor.open("library.opv", "percpu head: u64\nvector bump() { add head, 1 }\n")
        editor.open(
            "main.opv", 'use "library.opv"\ntest "t" { run bump() -> 0; assert head == 1 }\n'
        )
        params = lsp.RenameParams(**editor.place("main.opv", "head"), new_name="top")
        edit = await editor.client.text_document_rename_async(params)
        assert editor.changed(edit) == {
            name: text.replace("head", "top") for name, text in editor.texts.items()
        }
        with pytest.raises(JsonRpcException, match="begins a declaration"):
            await editor.client.text_document_rename_async(
                lsp.RenameParams(**editor.place("main.opv", "head"), new_name="vector")
            )
        assert await editor.findings("main.opv") == []
        # A mistake in the library shows up in the file that uses it, though nobody typed there.
        editor.type("library.opv", "add head", "add haed")
        while not any(each.diagnostics for each in editor.published[editor.uri("main.opv")]):
            await asyncio.sleep(0.01)

    talk(tmp_path, conversation)


LIBRARY = """\
struct pair { left: u64, right: u64 }
percpu head: u64
percpu both: pair
vector bump() { add head, 1; add both.left, 1 }
"""
USER = 'use "../library.opv"\ntest "🎉 t" { run bump() -> 0; assert head == 1; assert both.left == 1 }\n'


@pytest.mark.parametrize("client", ["visual-studio-code", "neovim", "emacs"])
def test_renaming_in_files_that_are_not_open(tmp_path: Path, client: str) -> None:
    """A rename and references reach files that use the text, and no others, whatever is open.

    It is refused where the new name is taken in one that has no place to change.
    """
    files = {
        "deep/user.opv": USER,
        "through.opv": 'use "deep/user.opv"\ntest "u" { run bump() -> 0; assert head == 1 }\n',
        "half.opv": 'use "library.opv"\nvector w() { add head, 1 \ntest "v" { run bump() -> 0 }\n',
        "other.opv": "percpu head: u64\nvector w() { add head, 1 }\n",
        "taken.opv": 'use "library.opv"\npercpu taken: u64\n',
        ".hidden/user.opv": USER,
        "binary.opv": 'use "library.opv" head \udc80\n',
    }
    for name, text in {"library.opv": LIBRARY, **files}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    # Other names of the same files: whoever follows links would change each of these twice.
    (tmp_path / "again.opv").symlink_to("library.opv")
    (tmp_path / "deep/again.opv").symlink_to("user.opv")

    async def conversation(editor: Editor) -> None:
        editor.open("library.opv", LIBRARY)
        editor.type("library.opv", "add both.left", "add  both.left")
        renamed = ("library.opv", "deep/user.opv", "through.opv", "half.opv")
        now = {name: files.get(name) or editor.texts[name] for name in renamed}

        async def rename(word: str, new: str) -> dict[str, str]:
            params = lsp.RenameParams(**editor.place("library.opv", word), new_name=new)
            return editor.changed(await editor.client.text_document_rename_async(params))

        found = await rename("head", "top")
        assert found == {name: text.replace("head", "top") for name, text in now.items()}
        found = await rename("left", "first")
        assert sorted(found) == ["deep/user.opv", "library.opv"]
        assert "assert both.first == 1" in found["deep/user.opv"]
        places = await editor.client.text_document_references_async(
            lsp.ReferenceParams(
                **editor.place("library.opv", "head"), context=lsp.ReferenceContext(False)
            )
        )
        assert places is not None
        assert len(places) == sum(text.count("head") for text in now.values()) - 1
        with pytest.raises(JsonRpcException, match="`taken` is declared already"):
            await rename("head", "taken")
        # The file itself is not open: its places are those that it has now.
        longer = f"// one more line\n{USER}"
        (tmp_path / "deep/user.opv").write_text(longer)
        assert (await rename("head", "top"))["deep/user.opv"] == longer.replace("head", "top")
        (tmp_path / "deep/user.opv").unlink()
        assert set(await rename("head", "top")) == {"library.opv", "half.opv"}
        symbols = await editor.client.workspace_symbol_async(lsp.WorkspaceSymbolParams("TAKEN"))
        assert symbols is not None
        assert [each.name for each in symbols] == ["taken"]

    talk(tmp_path, conversation, client)


def test_renaming_through_a_link(tmp_path: Path) -> None:
    """A text that uses a link is renamed in, and the file of the link once: as itself, or as what is open."""
    linked = USER.replace("../library", "link")
    (tmp_path / "library.opv").write_text(LIBRARY)
    (tmp_path / "link.opv").symlink_to("library.opv")
    (tmp_path / "closed.opv").write_text(linked)

    async def conversation(editor: Editor) -> None:
        async def files(name: str, word: str, new: str) -> set[str]:
            params = lsp.RenameParams(**editor.place(name, word), new_name=new)
            return set(editor.changed(await editor.client.text_document_rename_async(params)))

        editor.open("user.opv", linked)
        assert await files("user.opv", "head", "top") == {"library.opv", "user.opv", "closed.opv"}
        editor.open("library.opv", LIBRARY)
        for asked in ("library.opv", "user.opv"):
            assert await files(asked, "head", "top") == {"library.opv", "user.opv", "closed.opv"}
        editor.open("link.opv", LIBRARY)
        names = {"library.opv", "link.opv", "user.opv", "closed.opv"}
        assert await files("link.opv", "head", "top") == names

    talk(tmp_path, conversation)


def test_files_that_change_while_they_are_used(tmp_path: Path) -> None:
    """What somebody else writes, makes or removes shows up in the open text that uses it."""
    (tmp_path / "library.opv").write_text(LIBRARY)

    async def conversation(editor: Editor) -> None:
        async def codes(*expected: str) -> None:
            """Waits until a text's newest findings have these codes."""
            while True:
                newest = editor.published.get(editor.uri("main.opv"), [])[-1:]
                if [each.code for one in newest for each in one.diagnostics] == list(expected):
                    return
                await asyncio.sleep(0.01)

        editor.open("main.opv", USER.replace("../", ""))
        await editor.findings("main.opv")
        while lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES not in editor.watched:
            await asyncio.sleep(0.01)
        editor.written("library.opv", LIBRARY.replace("head", "top"))
        await codes("OPV010")
        editor.written("library.opv", None)
        await codes("OPV026")
        editor.written("library.opv", LIBRARY)
        await codes()

    talk(tmp_path, conversation)


def test_files_that_move_take_their_uses_along(tmp_path: Path) -> None:
    """Before an editor moves files it is given the changes after which each text uses what it used."""
    texts = {
        "a/library.opv": LIBRARY,
        "a/user.opv": 'use "library.opv"\n',
        "main.opv": 'use "a/library.opv"\nuse "a/user.opv"\n',
        "far/whole.opv": f'use "{tmp_path}/a/user.opv"\n',
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    async def conversation(editor: Editor) -> None:
        editor.open("main.opv", texts["main.opv"])

        async def moved(old: str, new: str) -> dict[str, str]:
            files = [lsp.FileRename(editor.uri(old), editor.uri(new))]
            params = lsp.RenameFilesParams(files)
            return editor.changed(await editor.client.workspace_will_rename_files_async(params))

        assert await moved("a/library.opv", "b/base.opv") == {
            "a/user.opv": 'use "../b/base.opv"\n',
            "main.opv": 'use "b/base.opv"\nuse "a/user.opv"\n',
        }
        assert await moved("a", "b/c") == {
            "main.opv": 'use "b/c/library.opv"\nuse "b/c/user.opv"\n',
            "far/whole.opv": f'use "{tmp_path}/b/c/user.opv"\n',
        }
        assert await moved("main.opv", "a/main.opv") == {
            "main.opv": 'use "library.opv"\nuse "user.opv"\n'
        }

    talk(tmp_path, conversation)


def test_a_test_and_a_scenario_run_beside_their_text(tmp_path: Path) -> None:
    """The lenses run them, and the verdict is a lens of its own until the text changes."""

    async def conversation(editor: Editor) -> None:
        client = editor.client
        editor.open("a.opv", LIST)

        async def titles() -> list[str]:
            found = await client.text_document_code_lens_async(
                lsp.CodeLensParams(editor.document("a.opv"))
            )
            assert found is not None
            return [each.command.title for each in found if each.command is not None]

        assert await titles() == ["debug", "run", "debug", "explore", "debug"]
        lenses = await client.text_document_code_lens_async(
            lsp.CodeLensParams(editor.document("a.opv"))
        )
        assert lenses is not None
        debugged = [e.command for e in lenses if e.command and e.command.title == "debug"]
        assert [list(each.arguments or ())[1:] for each in debugged] == [
            ["push", "vector"],
            ["push", "test"],
            ["pushes", "scenario"],
        ]
        for each in lenses:
            assert each.command is not None
            if each.command.title in ("run", "explore"):
                arguments = list(each.command.arguments or ())
                result = await client.workspace_execute_command_async(
                    lsp.ExecuteCommandParams(each.command.command, arguments=arguments)
                )
                assert result is not None
        shown = ["debug", "✓ passed", "run", "debug", "✓ holds, as expected", "explore", "debug"]
        assert await titles() == shown
        assert any(client.progress_reports.values())
        editor.type("a.opv", "add_nothing" if "add_nothing" in LIST else "-> 0", "-> 1")
        assert "✓ passed" not in await titles()

    talk(tmp_path, conversation)


BAD = {
    "half a file": LIST[: len(LIST) // 2],
    "only a brace": "{",
    "binary": bytes(range(256)).decode("latin-1") * 8,
    "no end": "vector v() {\n" * 100,
    "deep": "const a = " + "(" * 1000,
    "one line": "vector v() { " + "mb; " * 1_000 + "}",
    "wide characters": LIST.replace("both nodes arrive", "beide Knoten kommen an 🎉 – ja"),
    "lone returns": LIST.replace("\n", "\r"),
}


def test_bad_input_leaves_it_alive(tmp_path: Path) -> None:
    """Whatever a text is, every question is answered, and the next text is read as ever."""

    async def conversation(editor: Editor) -> None:
        for number, text in enumerate(BAD.values()):
            editor.open(f"bad{number}.opv", text)
            await ask_everything(editor, f"bad{number}.opv")
        editor.open("good.opv", WRONG)
        assert [each.code for each in await editor.findings("good.opv")] == ["OPV012"]

    talk(tmp_path, conversation)


async def ask_everything(editor: Editor, name: str) -> None:
    """Questions at places in a text and outside of it."""
    client, document = editor.client, editor.document(name)
    await editor.findings(name)
    for line, character in ((3, 7), (5000, 1)):
        at = lsp.Position(line, character)
        await client.text_document_hover_async(lsp.HoverParams(document, at))
        await client.text_document_completion_async(lsp.CompletionParams(document, at))
        await client.text_document_definition_async(lsp.DefinitionParams(document, at))
        await client.text_document_signature_help_async(lsp.SignatureHelpParams(document, at))
    await client.text_document_semantic_tokens_full_async(lsp.SemanticTokensParams(document))
    await client.text_document_document_symbol_async(lsp.DocumentSymbolParams(document))
    await client.text_document_folding_range_async(lsp.FoldingRangeParams(document))
    await client.text_document_formatting_async(
        lsp.DocumentFormattingParams(document, lsp.FormattingOptions(4, True))
    )
    await client.text_document_code_lens_async(lsp.CodeLensParams(document))


def test_a_large_text(tmp_path: Path) -> None:
    """A small text is answered for beside a large one, and an edit of the large one is found."""

    async def conversation(editor: Editor) -> None:
        vector = "vector v{0}() {{\n    mb\n    mb\n    mb\n}}\n"
        editor.open("large.opv", "".join(vector.format(i) for i in range(1_000)))
        editor.open("small.opv", WRONG)
        assert await editor.findings("small.opv")
        assert await editor.findings("large.opv") is not None
        editor.type("large.opv", "vector v777() {\n", "vector v777() {\n    mbb\n")
        assert "OPV012" in [each.code for each in await editor.findings("large.opv")]

    talk(tmp_path, conversation)


def test_a_terminal_is_no_editor() -> None:
    """Without pygls, or at a terminal, the command says what to do."""
    program = (
        "import sys\n"
        "sys.modules['pygls'] = None\n"
        "from opvasm.cli.main import main\n"
        "sys.exit(main(['lsp']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert "pip install 'opvasm[lsp]'" in done.stderr

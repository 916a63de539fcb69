"""What editors and pages colour texts with: the kept TextMate grammar, and the Pygments lexer."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, String

from opvasm.lsp.pygments_lexer import OpvLexer
from opvasm.source import SourceFile
from tests.lsp.test_pieces import SAMPLES
from tests.lsp.texts import LIST

ROOT = Path(__file__).parents[2]
VSCODE = ROOT / "editors" / "vscode"


def test_the_kept_grammar_is_current() -> None:
    """A new op or word is coloured: the file is what the tables make of it today."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "editors" / "grammar.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_grammar_in_the_engine_of_vs_code() -> None:
    """Each token of each sample has the scope that our own lexer says."""
    if shutil.which("node") is None or not (VSCODE / "node_modules").is_dir():
        pytest.skip("make editors runs it: node is not installed, or its packages")
    done = subprocess.run(
        ["node", "test/grammar.mjs"],
        cwd=VSCODE,
        env={"PYTHON": sys.executable, "PATH": "/usr/bin:/usr/local/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_pygments_gives_back_the_text(path: Path) -> None:
    """Whatever is wrong with a text, its tokens together are the text, in order."""
    text = SourceFile("x", path.read_bytes().decode("utf-8", "replace")).text
    found = list(OpvLexer().get_tokens_unprocessed(text))
    assert "".join(word for _, _, word in found) == text
    assert [at for at, _, _ in found] == sorted(at for at, _, _ in found)


def test_pygments_colours_by_meaning() -> None:
    """The lexer that the entry point names tells ops, types, names and comments."""
    lexer = get_lexer_by_name("opv")
    found = {word: token for _, token, word in lexer.get_tokens_unprocessed(LIST)}
    assert found["cmpeq"] is Name.Builtin
    assert found["u64"] is Keyword.Type
    assert found["COUNT"] is Name.Constant
    assert found["push"] is Name.Function
    assert found['"push"'] is String
    assert found["// Puts a node in front."] is Comment


def test_the_problem_matcher_reads_our_findings(tmp_path: Path) -> None:
    """The regular expression of the VS Code task takes a line of ``opvasm verify`` apart."""
    pattern = re.search(r'"regexp": "(.*)"', (VSCODE / "package.json").read_text())
    assert pattern is not None
    (tmp_path / "a.opv").write_text("vector v() { memcpi }\n")
    done = subprocess.run(
        [sys.executable, "-m", "opvasm", "verify", str(tmp_path / "a.opv")],
        capture_output=True,
        text=True,
        check=False,
    )
    line = (done.stdout + done.stderr).splitlines()[0]
    match = re.fullmatch(pattern[1].encode().decode("unicode_escape"), line)
    assert match is not None, line
    assert match.groups()[1:5] == ("1", "14", "error", "OPV012")

"""The extension in VS Code itself: `make vscode-test` installs the server of VS Code and runs this."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.site.served import PATIENCE, browsing, chromium

EXTENSION = Path(__file__).parents[2] / "editors" / "vscode"
SERVER = EXTENSION / ".server"
CODE = SERVER / "code" / "node_modules" / "code-server"
NODE = SERVER / "node" / "node_modules" / "node" / "bin"

if not (SERVER / ".ready").exists():
    pytest.skip("the server of VS Code is not installed: make vscode-test", allow_module_level=True)
if not chromium() or importlib.util.find_spec("playwright") is None:
    pytest.skip("chromium or playwright is not installed", allow_module_level=True)

TEXT = """\
percpu count: u64
vector bump() {
    add     count, 1
    add     count, 2
}
test "bump" {
    cpu 0
    run bump() -> 0
    assert count == 3
}
scenario twice {
    cpus 1
    strategy opv
    thread a @0 { run bump() }
    thread b @0 { run bump() }
    forall count@0 == 6
    expect holds
}
"""


def code_server(folder: Path, *words: str) -> list[str]:
    """A command line of the server, with all that it keeps in one folder."""
    return [
        *(str(NODE / "node"), str(CODE), "--auth", "none", "--disable-workspace-trust"),
        *("--config", str(folder / "config.yaml"), "--user-data-dir", str(folder / "data")),
        *("--extensions-dir", str(folder / "extensions"), "--disable-telemetry"),
        *("--disable-update-check", *words),
    ]


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The server with the extension, installed from its package; the address of the page."""
    environment = {**os.environ, "PATH": f"{NODE}:{os.environ['PATH']}", "HOME": str(folder)}
    package = EXTENSION / "opvasm.vsix"
    installed = subprocess.run(
        code_server(folder, "--install-extension", str(package)),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "was successfully installed" in installed.stdout
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen(
        code_server(folder, "--bind-addr", address),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        end = monotonic() + PATIENCE / 1000
        while monotonic() < end:
            with suppress(URLError), urlopen(f"http://{address}/healthz"):
                break
            sleep(0.2)
        yield address
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def opened(browser: Any, address: str, path: Path) -> Any:
    """A page of VS Code with a file in its editor."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    payload = json.dumps([["openFile", f"vscode-remote://{address}{path}"]])
    page.goto(f"http://{address}/?folder={path.parent}&payload={payload}")
    page.wait_for_selector(".view-lines")
    return page


def test_a_finding_and_a_step_in_vs_code(tmp_path: Path) -> None:
    """Installed from its .vsix the extension shows a mistake, mends it, and debugs a test both ways."""
    folder, work = tmp_path / "code", tmp_path / "work"
    (work / ".vscode").mkdir(parents=True)
    command = [sys.executable, "-m", "opvasm"]
    settings = {"opvasm.command": command, "workbench.startupEditor": "none"}
    (work / ".vscode" / "settings.json").write_text(json.dumps(settings))
    (work / "wrong.opv").write_text(TEXT.replace("add     count, 1", "addd    count, 1"))
    (work / "right.opv").write_text(TEXT)
    with serving(folder) as address, browsing() as browser:
        page = opened(browser, address, work / "wrong.opv")
        page.wait_for_selector(".squiggly-error")
        page.keyboard.press("F8")
        page.get_by_text("the op `addd` is unknown").first.wait_for()
        page.keyboard.press("Escape")
        page.keyboard.press("Control+.")
        page.get_by_text("Change `addd` to `add`").first.wait_for()
        page.keyboard.press("Enter")
        page.wait_for_selector(".squiggly-error", state="detached")
        page.close()

        page = opened(browser, address, work / "right.opv")
        debug = page.locator(".codelens-decoration a", has_text="debug")
        debug.nth(1).click()  # the vector has the first one, the test of the same name the second
        page.wait_for_selector(".debug-toolbar")
        page.keyboard.press("Control+Shift+D")
        stack = page.locator(".debug-call-stack")
        stack.get_by_text("cpu 0").first.wait_for()

        def steps(key: str, until: str) -> None:
            page.keyboard.press(key)
            stack.get_by_text(until).first.wait_for()

        steps("F10", "run bump() -> 0")
        steps("F11", "op 0")
        steps("F10", "op 1")
        page.locator(".debug-toolbar .codicon-debug-step-back").click()
        stack.get_by_text("op 0").first.wait_for()


def test_the_verdict_stands_beside_the_scenario(tmp_path: Path) -> None:
    """After the lens of a scenario is pressed its report opens, and the lens shows how it came out."""
    folder, work = tmp_path / "code", tmp_path / "work"
    (work / ".vscode").mkdir(parents=True)
    settings = {
        "opvasm.command": [sys.executable, "-m", "opvasm"],
        "workbench.startupEditor": "none",
    }
    (work / ".vscode" / "settings.json").write_text(json.dumps(settings))
    (work / "right.opv").write_text(TEXT)
    with serving(folder) as address, browsing() as browser:
        page = opened(browser, address, work / "right.opv")
        lenses = page.locator(".codelens-decoration")
        lenses.locator("a", has_text="explore").first.click()
        lenses.get_by_text("holds").first.wait_for()


def test_a_rename_in_files_that_are_not_open(tmp_path: Path) -> None:
    """F2 on a name changes the open text and those in the folder that use it, which open with it."""
    folder, work = tmp_path / "code", tmp_path / "work"
    (work / ".vscode").mkdir(parents=True)
    (work / "deep").mkdir()
    settings = {
        "opvasm.command": [sys.executable, "-m", "opvasm"],
        "workbench.startupEditor": "none",
        "files.refactoring.autoSave": True,
    }
    (work / ".vscode" / "settings.json").write_text(json.dumps(settings))
    (work / "library.opv").write_text(TEXT)
    user = 'use "../library.opv"\ntest "🎉 again" { run bump() -> 0; assert count == 3 }\n'
    (work / "deep" / "user.opv").write_text(user)
    with serving(folder) as address, browsing() as browser:
        page = opened(browser, address, work / "library.opv")
        page.locator(".codelens-decoration").first.wait_for()  # the server answers
        page.locator(".view-line", has_text="percpu count").locator(
            "span", has_text="count"
        ).last.click()
        page.keyboard.press("F2")
        box = page.locator(".rename-box input")
        box.wait_for()
        box.fill("total")
        page.keyboard.press("Enter")
        end = monotonic() + PATIENCE / 1000
        while monotonic() < end and "total" not in (work / "deep" / "user.opv").read_text():
            sleep(0.1)
        assert (work / "deep" / "user.opv").read_text() == user.replace("count", "total")
        page.get_by_text("percpu total").first.wait_for()
        # References are found in both files, now of the new name.
        page.locator(".view-line", has_text="percpu total").locator(
            "span", has_text="total"
        ).last.click()
        page.keyboard.press("Shift+F12")
        page.get_by_text("user.opv").first.wait_for()

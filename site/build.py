"""Builds the site: `make site`, which writes site/build.

The documents by mkdocs, the playground by esbuild (build.mjs); everything that either shows is made
from the package and docs/ as they are.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from opvasm.playground.answers import answer

HERE = Path(__file__).parent
ROOT = HERE.parent
WORK, OUT = HERE / ".work", HERE / "build"


def main() -> int:
    """Everything, or only what is named: `playground`, `documents`."""
    wanted = sys.argv[1:] or ["documents", "playground"]
    WORK.mkdir(exist_ok=True)
    if "documents" in wanted:
        from documents import build_documents

        build_documents(ROOT, WORK, OUT)
    if "playground" in wanted:
        _playground()
    return 0


def _playground() -> None:
    node = shutil.which("node")
    if node is None:
        sys.exit("make site: the playground needs node 20 or later and npm (Debian: nodejs npm)")
    hello = json.loads(answer(json.dumps({"ask": "hello"})))
    del hello["ok"]
    (WORK / "facts.json").write_text(json.dumps(hello))
    names = [each["name"] for group in hello["samples"] for each in group["files"]]
    texts = {
        name: json.loads(answer(json.dumps({"ask": "sample", "name": name})))["text"]
        for name in names
    }
    (WORK / "samples.json").write_text(json.dumps(texts, ensure_ascii=False))
    wheels = WORK / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", wheels, ROOT], check=True)
    subprocess.run([*pip, "download", "--no-deps", "--dest", wheels, _lark()], check=True)
    found = sorted(str(each.relative_to(WORK)) for each in wheels.glob("*.whl"))
    (WORK / "wheels.json").write_text(json.dumps(found))
    out = OUT / "playground"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    subprocess.run([node, HERE / "build.mjs", WORK, out], check=True)


def _lark() -> str:
    """The lark that the checkout's own tests run with."""
    from importlib.metadata import version

    return f"lark=={version('lark')}"


if __name__ == "__main__":
    sys.exit(main())

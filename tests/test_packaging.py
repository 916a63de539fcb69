"""What is built can be installed in a fresh environment and run from an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import lark
import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.packaging


def run(*words: str | Path, cwd: Path, **more: str) -> str:
    """A command's output; its errors where it fails."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "FORCE_COLOR", "NO_COLOR") and not name.startswith("COV")
    }
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=variables | more,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    # The build needs hatchling alone, which the tests' environment has: no network.
    # The engine is built quickly here; that it is fast is the business of the benchmarks.
    run(
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        folder,
        ROOT,
        cwd=folder,
        CFLAGS="-O0",
    )
    return folder


def only(folder: Path, pattern: str) -> Path:
    """The one file of a pattern."""
    (found,) = folder.glob(pattern)
    return found


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of a fresh environment that holds the wheel."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    python = folder / "bin" / "python"
    # The pip of this environment puts the wheel there; what is never imported need not be compiled.
    there = ("--python", python, "install", "--no-deps", "--no-index", "--no-compile")
    run(sys.executable, "-m", "pip", *there, only(built, "*.whl"), cwd=folder)
    # lark comes from this environment, so that the test needs no network.
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    lark_folder = Path(lark.__file__).parent
    (Path(site.strip()) / "lark").symlink_to(lark_folder)
    return folder / "bin"


def test_the_wheel_holds_the_package_and_its_data(built: Path) -> None:
    """The grammar, the JSON schemas and the type marker; no tests, no Python beside the package."""
    names = zipfile.ZipFile(only(built, "*.whl")).namelist()
    for name in ("opvasm/grammar/opv.lark", "opvasm/py.typed", "opvasm/cli/main.py"):
        assert name in names
    assert any(name.startswith("opvasm/formats/schemas/") for name in names)
    tops = {name.partition("/")[0] for name in names}
    assert {each for each in tops if not each.endswith(".dist-info")} == {"opvasm"}


def test_every_data_file_of_the_package_is_in_the_wheel(built: Path) -> None:
    """Whatever lies beside the Python files is there for a reason."""
    names = set(zipfile.ZipFile(only(built, "*.whl")).namelist())
    tracked = run("git", "ls-files", "opvasm", cwd=ROOT).split() if (ROOT / ".git").exists() else []
    missing = [name for name in tracked if name not in names and (ROOT / name).exists()]
    assert missing == []


def test_the_wheel_needs_lark_alone(built: Path) -> None:
    """One dependency at run time; the rest are extras."""
    wheel = zipfile.ZipFile(only(built, "*.whl"))
    (name,) = [each for each in wheel.namelist() if each.endswith("METADATA")]
    needs = [
        line
        for line in wheel.read(name).decode().splitlines()
        if line.startswith("Requires-Dist") and "extra ==" not in line
    ]
    assert len(needs) == 1
    assert needs[0].startswith("Requires-Dist: lark")


def test_the_sdist_can_be_tested(built: Path) -> None:
    """Sources, grammar, samples and tests."""
    with tarfile.open(only(built, "*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("grammar/opv.lark", "pyproject.toml", "README.md", "LICENSE", "Makefile"):
        assert name in names
    for folder in ("samples/", "tests/", "opvasm/"):
        assert any(name.startswith(folder) for name in names)


def test_the_installed_command_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    """Text is assembled, disassembled, run: the grammar is found without a checkout."""
    command = installed / "opvasm"
    (tmp_path / "v.opv").write_text(
        "percpu n: u64\nvector v() { add n, 1 }\n"
        'test "adds" {\n    cpu 0\n    run v() -> 0\n    assert n == 1\n}\n'
    )
    assert run(command, "--version", cwd=tmp_path).startswith("opvasm ")
    run(command, "asm", "v.opv", "-o", "v.bin", cwd=tmp_path)
    text = run(command, "disasm", "v.bin", cwd=tmp_path)
    (tmp_path / "again.opv").write_text(text)
    run(command, "asm", "again.opv", "-o", "again.bin", cwd=tmp_path)
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "v.bin").read_bytes()
    assert "passed" in run(command, "run", "v.opv", cwd=tmp_path)
    assert "memcpy" in run(installed / "python", "-m", "opvasm", "explain", "memcpy", cwd=tmp_path)


def test_the_installed_command_searches_with_the_engine_that_was_built(
    installed: Path, tmp_path: Path
) -> None:
    """In C where there is a compiler, whatever times the installer gave the files."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler (apt-get install gcc)")
    folder = Path(
        run(
            installed / "python",
            "-c",
            "import opvasm.explorer.native as n; print(n.__path__[0])",
            cwd=tmp_path,
        ).strip()
    )
    for each in (folder / "source").iterdir():
        os.utime(each, (2**32, 2**32))
    assert "explorer: engine in C\n" in run(installed / "opvasm", "--version", cwd=tmp_path)
    with (folder / "source" / "engine.h").open("a") as header:
        header.write("/* changed */\n")
    version = run(installed / "opvasm", "--version", cwd=tmp_path)
    assert "built from other sources: make native builds it again" in version


def test_the_installed_command_writes_the_samples(installed: Path, tmp_path: Path) -> None:
    """What the examples of every help name is inside the package, and passes its tests from there."""
    command = installed / "opvasm"
    run(command, "samples", "samples", cwd=tmp_path)
    assert (tmp_path / "samples" / "LANGUAGE.md").read_text().startswith("# ")
    assert "passed" in run(command, "run", "samples/idioms/list.opv", cwd=tmp_path)
    assert "idioms/list.opv\n" in run(command, "samples", cwd=tmp_path)


def test_the_installed_command_prints_the_documents(installed: Path, tmp_path: Path) -> None:
    """Every page that the checkout has."""
    pages = run(installed / "opvasm", "docs", cwd=tmp_path).splitlines()
    assert [each.split()[0] for each in pages] == sorted(
        [*(each.stem for each in (ROOT / "docs").glob("*.md")), "editors", "language"]
    )
    assert run(installed / "opvasm", "docs", "editors", cwd=tmp_path).startswith("# Editors")


def test_the_installed_package_is_typed(installed: Path, tmp_path: Path) -> None:
    """The marker for type checkers lies where they look."""
    program = "import opvasm, pathlib; print((pathlib.Path(opvasm.__file__).parent / 'py.typed').exists())"
    assert run(installed / "python", "-c", program, cwd=tmp_path) == "True\n"

"""What each subcommand may not import: the modules that cost more than all of its work.

Nothing is timed here; ``make bench`` prints the ratios.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import LIST, environment

# Of a short run's time, each of these is a tenth or more.
HEAVY = {
    "argparse",
    "contextlib",
    "dataclasses",
    "enum",
    "hashlib",
    "importlib",
    "inspect",
    "json",
    "lark",
    "random",
    "re",
    "shutil",
    "signal",
    "tempfile",
    "typing",
}
# Reading text takes regular expressions, which use enum and do not need typing, and lark's place.
TEXT_MAY = {"enum", "importlib", "re"}
OP = bytes.fromhex("03000000 08000000 0010000000000000 0100000000000000") + bytes(8)

BYTES_LINES = (
    "disasm v.bin",
    "disasm v.bin -f table",
    "run --from raw v.bin",
    "run --from raw v.bin --set @0x1000.u64=5",
    "verify --from raw v.bin",
)
TEXT_LINES = (
    "asm list.opv --vector push --arg node=0x1000 --arg expect=0",
    "run list.opv push --arg node=0x1000 --arg expect=0 --trace=none",
    "verify list.opv",
)

SCENARIO = """
shared word: u64
vector bump() { add word, 1 }
scenario twice {
    cpus 1
    strategy opv
    thread a @0 { run bump() }
    thread b @0 { run bump() }
    forall word == 2
    expect holds
}
"""


def imported(folder: Path, line: str) -> set[str]:
    """The modules that a command line loads beyond those that Python itself does."""
    program = (
        "import sys; before = set(sys.modules); "
        "from opvasm.cli.main import main; code = main(sys.argv[1:]); "
        "print(*sorted(set(sys.modules) - before), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *line.split()],
        cwd=folder,
        env=environment(COVERAGE_PROCESS_START="", XDG_CACHE_HOME=str(folder)),
        capture_output=True,
        check=False,
    )
    errors = done.stderr.decode()
    assert done.returncode == 0, errors
    return set(errors.splitlines()[-1].split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, whose tables of the grammar are cached, and with ops."""
    folder = tmp_path_factory.mktemp("cold")
    (folder / "list.opv").write_text(LIST)
    (folder / "v.bin").write_bytes(OP)
    imported(folder, "verify list.opv")
    return folder


@pytest.mark.parametrize("line", BYTES_LINES)
def test_bytes_are_handled_without_heavy_modules(line: str, folder: Path) -> None:
    """No parser, no typing, no regular expressions where no text is read."""
    loaded = imported(folder, line)
    assert loaded & HEAVY == set()
    assert not {each for each in loaded if each.startswith(("opvasm.assembler", "opvasm.explorer"))}


@pytest.mark.parametrize("line", TEXT_LINES)
def test_text_is_handled_with_cached_tables(line: str, folder: Path) -> None:
    """lark is imported only when the tables of the grammar are made."""
    loaded = imported(folder, line)
    assert loaded & (HEAVY - TEXT_MAY) == set()
    assert not {each for each in loaded if each.startswith("opvasm.explorer")}
    # The file has no scenario and no section that loads.
    assert not {each for each in loaded if each.startswith("opvasm.kernels")}
    builders = (
        "scenario_tree",
        "scenario_builder",
        "claim_builder",
        "section_tree",
        "section_builder",
    )
    assert not {"opvasm.program.section", *(f"opvasm.text.{each}" for each in builders)} & loaded
    # Nothing is denied by its name, so that nobody asks for the codes of all phases.
    assert not {"opvasm.codes.audit", "opvasm.codes.live"} & loaded


def test_a_small_scenario_needs_no_heavy_modules(folder: Path) -> None:
    """Nothing is hashed, drawn or timed where nobody asks for it; the engine in Python draws."""
    (folder / "small.opv").write_text(SCENARIO)
    loaded = imported(folder, "explore small.opv")
    may = TEXT_MAY if "opvasm.explorer.native._engine" in loaded else TEXT_MAY | {"random"}
    assert loaded & (HEAVY - may) == set()
    # It runs no section that loads.
    sections = {"program.flat", "verifier.section_rules", "explorer.lowering.lower_section"}
    assert not {f"opvasm.{each}" for each in sections} & loaded


def test_ops_that_are_read_are_not_bound(folder: Path) -> None:
    """Bytes have no relocations, so their disassembly needs nothing that binds some."""
    assert "opvasm.binding" not in imported(folder, "disasm v.bin")


def test_no_subcommand_pays_for_another(folder: Path) -> None:
    """The file of a subcommand is imported when it is asked for."""
    loaded = imported(folder, "--version")
    rooms = ("command_line", "terminal")
    files = (
        "command_line.registry",
        "command_line.version",
        "main",
        "terminal.color",
        "terminal.exits",
        "terminal.outputs",
        "terminal.terminal",
    )
    assert {each for each in loaded if each.startswith("opvasm.cli.")} <= {
        f"opvasm.cli.{name}" for name in (*rooms, *files)
    }

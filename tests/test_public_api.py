"""What ``import opvasm`` offers: every name is there, documented, typed, and costs nothing before."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import opvasm

DATA = {"DATA_MODELS", "OPERATIONS", "REVISIONS", "__version__"}


@pytest.mark.parametrize("name", opvasm.__all__)
def test_a_public_name_is_there_and_says_what_it_is(name: str) -> None:
    """Each name can be imported; what is no plain data has a docstring."""
    value = getattr(opvasm, name)
    if name not in DATA:
        assert inspect.getdoc(value), f"{name} has no docstring"


def test_the_lists_of_public_names_agree() -> None:
    """__all__, the homes and what a type checker sees name the same things in the same places."""
    listed = {name for names in opvasm._HOMES.values() for name in names}
    assert listed | {"__version__"} == set(opvasm.__all__)
    seen = {}
    for node in ast.walk(ast.parse(Path(opvasm.__file__).read_text())):
        if isinstance(node, ast.If):
            for each in node.body:
                if isinstance(each, ast.ImportFrom) and each.level == 1:
                    seen[each.module] = {alias.name for alias in each.names}
    assert seen == {home: set(names) for home, names in opvasm._HOMES.items()}


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match="has no attribute 'assembel'"):
        _ = opvasm.assembel


def test_importing_the_package_imports_nothing_else() -> None:
    """A name's module is loaded when the name is used."""
    program = (
        "import sys, opvasm; "
        "print(sorted(each for each in sys.modules if each.startswith('opvasm')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().strip() == str(["opvasm", "opvasm._version", "opvasm.light_typing"])


def test_the_library_runs_a_vector_end_to_end() -> None:
    """The README's few lines: assemble, bind, encode, decode, run."""
    source = opvasm.SourceFile(
        "counter.opv", "percpu counter: u64\nvector bump(n: i64) { add counter, n }\n"
    )
    program = opvasm.assemble(source).program
    world = opvasm.World(program, cpus=opvasm.Cpus(2))
    ops = world.ops(program.vectors["bump"], cpu=1, arguments={"n": 5})
    assert opvasm.decode(opvasm.encode(ops, program.abi), program.abi)[0].immediate == 5
    assert world.machine.cpu_opv(ops, len(ops), cpu=1) == 0
    address = world.layout.symbol_address(program.data.symbols["counter"], 1)
    assert int.from_bytes(world.memory.read(address, 8), "little") == 5

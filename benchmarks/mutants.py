"""Do the reference cases, the samples and the tests notice a changed interpreter?

Makes mutants of the files that say what the kernel answers: one operator, comparison, number,
errno or condition changed at a time.  Each runs in a process of its own against the conformance
cases, then the samples' tests, then tests/interpreter; a mutant that all accept survives.  Prints by
file how many died of what, and every survivor.

    python benchmarks/mutants.py [--files semantics.py …] [--jobs 2] [--require PERCENT]
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.util
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = (
    "opvasm/interpreter/semantics.py",
    "opvasm/interpreter/entry.py",
    "opvasm/interpreter/pages.py",
    "opvasm/interpreter/placement.py",
    "opvasm/interpreter/access.py",
    "opvasm/verifier/kernel_rules.py",
)
TIMEOUT_SECONDS = 120
# The exit status of a mutant's process by who noticed; anything else counts as the cases.
EXITS = {"nobody": 0, "case": 1, "sample": 2, "unit": 3}

_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
}
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ERRNOS = {"EINVAL": "EFAULT", "EFAULT": "EINVAL", "EAGAIN": "EINVAL"}


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Every changed copy of a node, with what was done to it."""
    match node:
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
            other = _OPERATORS[type(operator)]
            yield f"{type(operator).__name__} to {other.__name__}", ast.BinOp(left, other(), right)
        case ast.Compare(left=left, ops=[operator, *more], comparators=comparators):
            other_comparison = _COMPARISONS[type(operator)]
            changed = ast.Compare(left, [other_comparison(), *more], comparators)
            yield f"{type(operator).__name__} to {other_comparison.__name__}", changed
        case ast.BoolOp(op=ast.And(), values=values):
            yield "and to or", ast.BoolOp(ast.Or(), values)
        case ast.BoolOp(op=ast.Or(), values=values):
            yield "or to and", ast.BoolOp(ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "not removed", operand
        case ast.Constant(value=bool() as value):
            yield f"{value} to {not value}", ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield f"{value} to {value + 1}", ast.Constant(value + 1)
        case ast.Name(id=name, ctx=ast.Load()) if name in _ERRNOS:
            yield f"{name} to {_ERRNOS[name]}", ast.Name(f"_{_ERRNOS[name]}", ast.Load())
        case _:
            return


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """(description, changed source) of every mutant of a text."""
    tree = ast.parse(source)
    # An annotation is no behaviour.
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if annotation is not None
        for inner in ast.walk(annotation)
    }
    places = [
        (parent, field, index, child)
        for parent in ast.walk(tree)
        if id(parent) not in skipped
        for field, value in ast.iter_fields(parent)
        for index, child in enumerate(value if isinstance(value, list) else [value])
        if isinstance(child, ast.AST) and id(child) not in skipped
    ]
    for parent, field, index, child in places:
        for what, changed in changes(child):
            ast.copy_location(changed, child)
            ast.fix_missing_locations(changed)
            _put(parent, field, index, changed)
            yield f"line {getattr(child, 'lineno', 0)}: {what}", ast.unparse(tree)
            _put(parent, field, index, child)


def _put(parent: ast.AST, field: str, index: int, node: ast.AST) -> None:
    value = getattr(parent, field)
    if isinstance(value, list):
        value[index] = node
    else:
        setattr(parent, field, node)


class Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another source."""

    def __init__(self, module: str, source: str) -> None:
        self.module = module
        # The errnos that a mutant swaps in need not be imported by the file.
        self.source = f"{source}\n_EINVAL, _EFAULT = 22, 14\n"

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A spec for the one module."""
        return importlib.util.spec_from_loader(name, self) if name == self.module else None

    def exec_module(self, module: object) -> None:
        """Run the changed source."""
        exec(compile(self.source, self.module, "exec"), vars(module))


def survives() -> str | None:
    """None when the cases and samples accept the interpreter as it is, else who noticed."""
    sys.path.insert(0, str(ROOT))
    from opvasm.conformance_case import read_cases
    from opvasm.engines.conformance import check
    from opvasm.engines.reference import ReferenceEngine
    from opvasm.source import SourceFile

    for path in sorted((ROOT / "tests" / "conformance").glob("*.jsonl")):
        cases = read_cases(SourceFile(path.name, path.read_text()))
        for verdict in check(cases, ReferenceEngine()):
            if verdict.problem:
                return f"case {verdict.case.identifier}"
    return _samples_notice() or _unit_tests_notice()


def _unit_tests_notice() -> str | None:
    import pytest

    os.chdir(ROOT)
    status = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "tests/interpreter"])
    return "unit tests" if status else None


def _samples_notice() -> str | None:
    from opvasm.assembler import assemble
    from opvasm.scenario.runner import run_test
    from opvasm.source import SourceFile

    for folder in ("ops", "idioms", "selftest", "faults"):
        for path in sorted((ROOT / "samples" / folder).glob("*.opv")):
            assembly = assemble(SourceFile(str(path), path.read_text()))
            for test in assembly.tests:
                if not run_test(assembly.program, test).passed:
                    return f"sample {path.relative_to(ROOT)}"
    return None


def run_mutant(file: str, number: int) -> int:
    """The process of one mutant: its exit status says who noticed (EXITS)."""
    source = (ROOT / file).read_text()
    _, changed = list(mutants(source))[number]
    module = file.removesuffix(".py").replace("/", ".")
    sys.meta_path.insert(0, Loader(module, changed))
    try:
        noticed = survives()
    except Exception as error:  # a mutant that breaks the interpreter is noticed, too
        noticed = type(error).__name__
    return EXITS.get((noticed or "nobody").split()[0], 1)


def main() -> int:
    """Run all mutants; 1 when fewer than ``--require`` percent of them die."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", nargs="*", default=[], help="only files whose name ends so")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--require", type=float, default=0.0, metavar="PERCENT")
    parser.add_argument("--mutant", nargs=2, metavar=("FILE", "NUMBER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.mutant:
        return run_mutant(arguments.mutant[0], int(arguments.mutant[1]))
    if survives():
        raise SystemExit("the unchanged interpreter fails its own cases; mend that first")
    chosen = [
        file
        for file in TARGETS
        if not arguments.files or any(file.endswith(end) for end in arguments.files)
    ]
    work = [
        (file, number, what)
        for file in chosen
        for number, (what, _) in enumerate(mutants((ROOT / file).read_text()))
    ]

    def one(item: tuple[str, int, str]) -> tuple[str, str, int]:
        file, number, what = item
        command = [sys.executable, __file__, "--mutant", file, str(number)]
        try:
            status = subprocess.run(
                command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            status = EXITS["case"]  # it no longer ends: noticed
        return file, what, status

    counts: dict[str, Counter[int]] = {file: Counter() for file in chosen}
    survivors: list[str] = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for file, what, status in pool.map(one, work):
            counts[file][status if status in EXITS.values() else EXITS["case"]] += 1
            if status == EXITS["nobody"]:
                survivors.append(f"{file} {what}")
    print(f"{'file':36} {'mutants':>8} {'cases':>8} {'samples':>8} {'tests':>8} {'survive':>8}")
    for file, count in (*counts.items(), ("all", sum(counts.values(), Counter()))):
        shown = [count[EXITS[who]] for who in ("case", "sample", "unit", "nobody")]
        print(f"{file:36} {count.total():8}" + "".join(f" {number:8}" for number in shown))
    total = len(work)
    for each in survivors:
        print(f"survives: {each}")
    return 0 if 100 * (total - len(survivors)) >= arguments.require * max(1, total) else 1


if __name__ == "__main__":
    raise SystemExit(main())

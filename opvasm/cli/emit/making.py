"""A header from the options: refused, proven, with its head."""

from __future__ import annotations

import os
import re

from ...light_typing import TYPE_CHECKING
from ..inputs.inputs import display_name
from ..inputs.programs import assembled_input
from ..terminal.exits import DONE, INCONCLUSIVE, NEGATIVE, UsageError
from .arguments import Options

if TYPE_CHECKING:
    from ...assembler import Assembly
    from ...emit import Request
    from ...emit.positions import Position
    from ...emit.sections import WithSections
    from ...program import Data, Vector
    from ...text.scenario_tree import Strategy
    from ..terminal.terminal import Terminal
    from .proof import Proof

MADE_BY = "made by   opvasm emit "
_PROOF = "proof     "


def emitted(
    options: Options, terminal: Terminal, known_proof: tuple[str, ...] | None
) -> tuple[str | None, int]:
    """The header and DONE, or None and the exit code, with the reasons reported.

    ``known_proof`` are lines of a proof that is taken over instead of made.
    """
    from ...emit import header
    from ...emit.refusals import refusals
    from ...emit.sections import with_sections
    from ...errors import in_order
    from ...verifier.report import verify

    assembly = assembled_input(options.file, options)
    strategy = chosen_strategy(assembly, options.strategy)
    architectures = _architectures(options)
    sections = with_sections(assembly.program, options.vector, strategy, architectures)
    request = _request(options, assembly, strategy, sections)
    program = request.program
    findings = [
        *sections.findings,
        *refusals(
            program, request.vectors, strategy, request.naming, request.positions, request.loading
        ),
    ]
    for vector in request.vectors:
        if vector.name in request.loading:
            continue
        static = verify(vector, program.abi, data=program.data, advice=False)
        findings += [each for each in static if each.level == "error"]
    terminal.report(in_order(findings))
    if any(each.level == "error" for each in findings) or not request.vectors:
        return None, NEGATIVE
    proof = known_proof
    if proof is None and options.no_explore:
        proof = ("none: --no-explore",)
    if proof is None:
        made = _prove(assembly, strategy, terminal)
        if isinstance(made, int):
            return None, made
        proof = made.lines
    head = _head(options, assembly, request, proof)
    return header(request._replace(head=head)), DONE


def _prove(assembly: Assembly, strategy: Strategy, terminal: Terminal) -> Proof | int:
    """The proof, or the exit code with which there is none."""
    from ...explorer.plan.validate import check_scenarios
    from .proof import prove

    findings = check_scenarios(assembly.program, assembly.scenarios, assembly.strategies)
    terminal.report(findings)
    if any(each.level == "error" for each in findings):
        return NEGATIVE
    made = prove(assembly, strategy)
    terminal.report(made.errors)
    if made.errors:
        return NEGATIVE
    if made.open is None:
        return made
    terminal.fail(
        f"{made.open}, so that nothing is known of the header",
        "explore it by itself, bound it, or write the header without a proof: --no-explore",
    )
    return INCONCLUSIVE


def chosen_strategy(assembly: Assembly, name: str | None) -> Strategy:
    """The strategy of that name; without a name the file's only one, or a usual one."""
    from ...text.scenario_tree import BUILTIN_STRATEGIES, LOCK, RSEQ, Strategy

    own = {each.name: each for each in assembly.strategies}
    known = {**BUILTIN_STRATEGIES, **own}
    if name is not None:
        if name not in known:
            raise UsageError(
                f"--strategy: there is no strategy {name!r}", f"there are: {', '.join(known)}"
            )
        return known[name]
    if not own:
        return Strategy("rseq_then_lock", RSEQ, LOCK, attempts=2, subscription="eager")
    if len(own) > 1:
        raise UsageError("the file has several strategies", f"--strategy {' | '.join(own)}")
    return next(iter(own.values()))


def _request(
    options: Options, assembly: Assembly, strategy: Strategy, sections: WithSections
) -> Request:
    """The options, checked."""
    from ...emit import Naming, Request
    from ...formats.c_words import identifier
    from ..inputs.options import named_values

    program = sections.program
    vectors: list[Vector] = []
    for name in options.vector:
        if name not in program.vectors and name not in program.sections:
            known = ", ".join([*program.vectors, *program.sections])
            raise UsageError(f"--vector: there is no vector {name!r}", f"there are: {known}")
        if name in program.vectors and program.vectors[name] not in vectors:
            vectors.append(program.vectors[name])
    if not options.vector:
        vectors = list(program.vectors.values())
    vectors += sections.vectors
    if not vectors and not sections.findings:
        raise UsageError("the input has no vector")
    prefix = options.prefix or _prefix(options.file)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", prefix) or identifier(prefix) != prefix:
        raise UsageError(f"--prefix: {prefix!r} can't begin a name in C", "letters, digits and _")
    if prefix == "opv" or prefix.startswith("opv_"):
        raise UsageError("--prefix: names that begin with opv are the header's own")
    types = named_values(options.types, "--type")
    for name in types:
        if name not in program.data.structs:
            declared = ", ".join(program.data.structs) or "none"
            raise UsageError(f"--type: there is no struct {name!r}", f"declared are: {declared}")
    includes = tuple(each if each[:1] in ("<", '"') else f'"{each}"' for each in options.include)
    output = options.output or f"{prefix}.h"
    return Request(
        program=program,
        vectors=tuple(vectors),
        strategy=strategy,
        naming=Naming(prefix, types),
        architectures=_architectures(options),
        includes=includes,
        file_name=os.path.basename(output),
        positions=_positions(
            options, program.data, [each for each in vectors if each.name not in sections.loading]
        ),
        loading=sections.loading,
    )


def _architectures(options: Options) -> tuple[str, ...]:
    """The architectures that get sections."""
    from ...emit import ARCHITECTURES

    architectures = tuple(each.strip() for each in options.arch.split(","))
    for each in architectures:
        if each not in ARCHITECTURES:
            raise UsageError(
                f"--arch: there is no {each!r}", f"one or both of: {', '.join(ARCHITECTURES)}"
            )
    return architectures


def _positions(options: Options, data: Data, vectors: list[Vector]) -> dict[str, Position]:
    """The arrays that ``--index`` names, each for a parameter that can be an element of it."""
    from ...emit.positions import NoPosition, check_parameter, find_position
    from ..inputs.options import named_values

    found: dict[str, Position] = {}
    for name, path in named_values(options.index, "--index").items():
        try:
            found[name] = find_position(path, data)
            check_parameter(name, found[name], vectors)
        except NoPosition as reason:
            raise UsageError(f"--index: {reason}", reason.help) from None
    return found


def _prefix(path: str) -> str:
    """The name of a file without its folder and ending, as a name in C."""
    if path == "-":
        return "percpu"
    stem = os.path.basename(path).partition(".")[0]
    name = re.sub(r"[^A-Za-z0-9_]", "_", stem)
    return name if name[:1].isalpha() or name[:1] == "_" else f"v_{name}"


def _head(
    options: Options, assembly: Assembly, request: Request, proof: tuple[str, ...]
) -> tuple[str, ...]:
    """The lines of the comment at the top: what it is, from what, and what was proven of it."""
    from hashlib import sha256

    from ..._version import __version__

    lines = [
        f"{request.file_name}: operations on per-CPU data. Made; change the source and make it again.",
        "",
        f"{MADE_BY}{' '.join(_recorded(options))}",
        f"opvasm    {__version__}",
    ]
    for source in assembly.sources:
        digest = sha256(source.text.encode("utf-8", "surrogateescape")).hexdigest()
        lines.append(f"source    {source.name} sha256 {digest}")
    lines.append(f"strategy  {strategy_text(request.strategy)}")
    indent = " " * len(_PROOF)
    for title, rows in (("functions ", _functions(request)), (_PROOF, proof)):
        lines += [f"{indent if index else title}{row}" for index, row in enumerate(rows)]
    lines += [
        "",
        "The proof is by opvasm explore: every interleaving of the scenarios' threads, for memory that is",
        "sequentially consistent. Sections need a kernel that restarts them: Linux on x86-64 from 4.18; on",
        "aarch64 from 4.18, but not 6.19 to 7.0.13 without a fix, where each call takes the fallback.",
    ]
    return tuple(lines)


def _functions(request: Request) -> list[str]:
    """The functions, and how they are called."""
    from textwrap import wrap

    prefix = request.naming.prefix
    names = ", ".join(f"{prefix}_{vector.name}" for vector in request.vectors)
    return [
        *wrap(names, 88),
        f"after {prefix}_create(&memory); on which CPU each works is said above it",
    ]


def _recorded(options: Options) -> list[str]:
    """The command line that makes the header again."""
    from shlex import quote

    words = [display_name(options.file) if options.file != "-" else "-"]
    for option, value in (
        ("--strategy", options.strategy),
        ("--prefix", options.prefix),
        ("--abi", options.abi),
        ("--model", options.model),
        ("--page-size", options.page_size),
    ):
        words += [option, value] if value is not None else []
    words += ["--arch", options.arch] if options.arch != "x86-64,aarch64" else []
    for option, values in (
        ("--vector", options.vector),
        ("--type", options.types),
        ("--index", options.index),
        ("--include", options.include),
    ):
        for value in values:
            words += [option, value]
    words += ["--no-explore"] if options.no_explore else []
    return [quote(word) for word in words]


def strategy_text(strategy: Strategy) -> str:
    """A strategy as the text declares it."""
    text = strategy.first
    if strategy.fallback is not None:
        text += f" then {strategy.fallback} after {strategy.attempts}"
    options = [f"subscribe {strategy.subscription}", f"fence {strategy.fence}"]
    options += ["unchecked"] if strategy.unchecked else []
    shown = f"{strategy.name} = " if strategy.name != strategy.first else ""
    return f"{shown}{text} {{ {', '.join(options)} }}"


def proof_lines(head: list[str]) -> tuple[str, ...]:
    """The proof that a head states."""
    found: list[str] = []
    for line in head:
        if line.startswith(_PROOF):
            found.append(line.removeprefix(_PROOF))
        elif found and line.startswith(" " * len(_PROOF)):
            found.append(line.removeprefix(" " * len(_PROOF)))
        elif found:
            break
    return tuple(found)

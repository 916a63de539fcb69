"""One attempt of a vector: the C function around its section, for each architecture."""

from __future__ import annotations

from collections.abc import Iterator

from ..formats.c_words import identifier
from ..light_typing import NamedTuple
from ..program import section as ir
from ..program.flat import flatten
from ..verifier.rseq_rules import section_length
from . import aarch64, plain, x86_64
from .context import Context, Operands
from .exits import OUT, answers, exit_name, handed_over, results_at
from .loading import Written, loading_code
from .loading_aarch64 import Aarch64Loading
from .loading_x86_64 import X86Loading
from .signatures import BY_NUMBER, compare_indexes, function_head, mentions, percpu_line
from .x86_64 import Line

_COLUMN = 52


class Code(NamedTuple):
    """The lines of an attempt, what they need, and what they write besides."""

    written: Written
    operands: Operands
    clobbers: list[str]

    def uses(self, label: str) -> bool:
        """Whether a line goes to a label of the function."""
        lines = (*self.written.inside, *self.written.after, *self.written.aside)
        return any(f"%l[{label}]" in text for text, _ in lines)


def code_of(context: Context, architecture: str) -> Code:
    """The code of one attempt.  Raises NoCode for a section that loads which has none."""
    module, loading = _MODULES[architecture]
    operands = Operands()
    lines: list[Line] = list(module.section_lines(context, operands))
    if context.loading is None:
        return Code(Written(lines, [], [], {}), operands, module.clobbers(lines))
    writer = loading(context, operands)
    written = loading_code(writer)
    written = written._replace(inside=[*lines, *written.inside])
    return Code(written, operands, sorted(writer.used))


_MODULES = {"x86-64": (x86_64, X86Loading), "aarch64": (aarch64, Aarch64Loading)}


def section_function(context: Context, name: str, architectures: tuple[str, ...]) -> Iterator[str]:
    form = "_here" if context.here else "_again" if context.rare else ""
    where = ", on the CPU that this thread is on" if context.here else ""
    where = ", by the rare path" if context.rare else where
    yield f"/* One attempt{where}. */"
    yield function_head(
        f"OPV_FAST int {name}{form}_section", context, "" if context.here else BY_NUMBER
    )
    yield "{"
    first = True
    for macro, architecture in (("OPV_X86_64", "x86-64"), ("OPV_AARCH64", "aarch64")):
        if architecture not in architectures:
            continue
        yield f"#{'if' if first else 'elif'} defined({macro})"
        yield from _asm(context, f"{name}{form}", code_of(context, architecture))
        first = False
    yield "#else" if not first else "#if 1"
    names = ["opv_m"] + ([] if context.here else ["opv_cpu"])
    for each in [*names, *(identifier(p.name) for p in context.vector.parameters)]:
        yield f"    (void){each};"
    yield "    return OPV_ABORTED;"
    yield "#endif"
    yield "}"
    yield ""


def _exits(context: Context) -> dict[str, int]:
    """The labels of the function to which its own code goes, with what the function answers there."""
    if context.loading is not None:
        return {exit_name(label): number for label, number in answers(context.loading).items()}
    return {f"opv_op{index}": index + 1 for index in compare_indexes(context.vector)}


def _asm(context: Context, name: str, code: Code) -> Iterator[str]:
    exits = _exits(context)
    labels = [*exits, *(["opv_busy"] if context.subscribes else []), "opv_aborted"]
    labels = [each for each in labels if each == "opv_aborted" or code.uses(each)]
    needs = " ".join(expression for _, expression in code.operands.inputs.values())
    if mentions(needs, "opv_percpu"):
        yield percpu_line(context)
    results = () if context.loading is None else context.loading.results
    if results:
        yield f"    uint64_t {OUT}[{len(results)}];"
    for parameter in context.vector.parameters:
        known = identifier(parameter.name)
        if parameter.name not in results and not mentions(needs, known):
            yield f"    (void){known};"
    yield "    __asm__ goto("
    yield "        OPV_TABLES"
    asides = {exit_name(label): place for label, place in code.written.asides.items()}
    yield from (
        (
            f'        OPV_EXIT_AT("{asides[each]}")'
            if each in asides
            else f'        OPV_EXIT("{each}")'
        )
        for each in labels
    )
    yield "        OPV_ENTER"
    yield from _listed(code.written.inside)
    yield f'        OPV_LEAVE("{name}")'
    yield from _listed(code.written.after)
    if code.written.aside:
        yield "        OPV_ASIDE"
        yield from _listed(code.written.aside)
        yield "        OPV_BACK"
    yield "        : /* no outputs */"
    inputs = [("opv_rseq", "r", "OPV_RSEQ_OPERAND")]
    inputs += [(key, *value) for key, value in code.operands.inputs.items()]
    listed = [f'[{key}] "{constraint}"({expression})' for key, constraint, expression in inputs]
    yield f"        : {listed[0]}"
    yield from (f"        , {each}" for each in listed[1:])
    yield "        OPV_UNWIND_OPERAND"
    yield f"        : {', '.join(_quoted(['memory', 'cc', *code.clobbers]))}"
    yield f"        : {', '.join(labels)});"
    yield "    OPV_EDGE();"
    yield from _after(context)
    yield from _handed_over(context, ir.OK)
    yield "    return OPV_DONE;"
    for label in labels:
        yield f"{label}:"
        yield "    OPV_EDGE();"
        match label:
            case "opv_aborted":
                yield "    return OPV_ABORTED;"
            case "opv_busy":
                yield "    return OPV_BUSY;"
            case _:
                yield from _handed_over(context, label.removeprefix(exit_name("")))
                yield f"    return {exits[label]};"


def _listed(lines: list[Line]) -> Iterator[str]:
    for text, why in lines:
        written = f'        "{text}\\n\\t"'
        yield f"{written:<{_COLUMN}} /* {why} */" if why else written


def _handed_over(context: Context, label: str) -> Iterator[str]:
    """What gives the caller the results that are set where a section that loads is left by a label."""
    section = context.loading
    if section is None:
        return
    names = {identifier(each): each for each in ir.labels(section)}
    set_there = results_at(flatten(section), section).get(names.get(label, label), [])
    for index, name in enumerate(section.results):
        if name in set_there:
            yield f"    {handed_over(context, name, f'{OUT}[{index}]')}"


def _after(context: Context) -> Iterator[str]:
    """The barriers with which a vector ends: an abort after the commit would do the section twice."""
    for index in range(section_length(context.vector), len(context.vector.instructions)):
        yield f"    /* {context.comment(index)}: after the section */"
        yield f"    {plain.BARRIER}"


def _quoted(names: list[str]) -> list[str]:
    return [f'"{name}"' for name in names]

"""One attempt of a vector: the C function around its section, for each architecture."""

from __future__ import annotations

from collections.abc import Iterator

from ..formats.c_words import identifier
from ..verifier.rseq_rules import section_length
from . import aarch64, plain, x86_64
from .context import Context, Operands
from .signatures import BY_NUMBER, compare_indexes, function_head, percpu_line
from .x86_64 import Line

_COLUMN = 52


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
    for macro, architecture, module in (
        ("OPV_X86_64", "x86-64", x86_64),
        ("OPV_AARCH64", "aarch64", aarch64),
    ):
        if architecture not in architectures:
            continue
        operands = Operands()
        lines = list(module.section_lines(context, operands))
        yield f"#{'if' if first else 'elif'} defined({macro})"
        yield from _asm(context, f"{name}{form}", lines, operands, module.clobbers(lines))
        first = False
    yield "#else" if not first else "#if 1"
    names = ["opv_m"] + ([] if context.here else ["opv_cpu"])
    for each in [*names, *(identifier(p.name) for p in context.vector.parameters)]:
        yield f"    (void){each};"
    yield "    return OPV_ABORTED;"
    yield "#endif"
    yield "}"
    yield ""


def _asm(
    context: Context, name: str, lines: list[Line], operands: Operands, clobbers: list[str]
) -> Iterator[str]:
    labels = [f"opv_op{index}" for index in compare_indexes(context.vector)]
    labels += ["opv_busy"] if context.subscribes else []
    labels.append("opv_aborted")
    labels = [each for each in labels if each == "opv_aborted" or _uses(lines, each)]
    needs = {expression for _, expression in operands.inputs.values()}
    if any("opv_percpu" in each for each in needs):
        yield percpu_line(context)
    for parameter in context.vector.parameters:
        known = identifier(parameter.name)
        if not any(known in each for each in needs):
            yield f"    (void){known};"
    yield "    __asm__ goto("
    yield "        OPV_TABLES"
    yield from (f'        OPV_EXIT("{each}")' for each in labels)
    yield "        OPV_ENTER"
    for text, why in lines:
        written = f'        "{text}\\n\\t"'
        yield f"{written:<{_COLUMN}} /* {why} */" if why else written
    yield f'        OPV_LEAVE("{name}")'
    yield "        : /* no outputs */"
    inputs = [("opv_rseq", "r", "OPV_RSEQ_OPERAND")]
    inputs += [(key, *value) for key, value in operands.inputs.items()]
    listed = [f'[{key}] "{constraint}"({expression})' for key, constraint, expression in inputs]
    yield f"        : {listed[0]}"
    yield from (f"        , {each}" for each in listed[1:])
    yield "        OPV_UNWIND_OPERAND"
    yield f"        : {', '.join(_quoted(['memory', 'cc', *clobbers]))}"
    yield f"        : {', '.join(labels)});"
    yield "    OPV_EDGE();"
    yield from _after(context)
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
                yield f"    return {int(label.removeprefix('opv_op')) + 1};"


def _after(context: Context) -> Iterator[str]:
    """The barriers with which a vector ends: an abort after the commit would do the section twice."""
    for index in range(section_length(context.vector), len(context.vector.instructions)):
        yield f"    /* {context.comment(index)}: after the section */"
        yield f"    {plain.BARRIER}"


def _uses(lines: list[Line], label: str) -> bool:
    return any(f"%l[{label}]" in text for text, _ in lines)


def _quoted(names: list[str]) -> list[str]:
    return [f'"{name}"' for name in names]

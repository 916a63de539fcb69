"""Sections that are handed the CPU that they run on, as C's `slabs[cpu]` is: the functions have it already."""

from __future__ import annotations

from ..program import section as ir

_CPU = ir.Id("cpu_id")


def for_its_cpu(section: ir.Section) -> ir.Section:
    """The section without ``exit moved if cpu_id != cpu`` at its begin, and without that parameter.

    Each function compares cpu_id with the number that it is given, or takes that of its thread, before
    anything else; what the parameter was is cpu_id from there on, and its data is the CPU's own.
    """
    first = section.body[0] if section.body else None
    match first:
        case ir.Exit(condition=ir.Binary(operator="!=", left=left, right=right)):
            given = {ir.bare(left), ir.bare(right)} - {_CPU}
        case _:
            return section
    if len(given) != 1 or _CPU not in (ir.bare(left), ir.bare(right)):
        return section
    argument = given.pop()
    if not isinstance(argument, ir.Argument):
        return section

    def change(term: ir.Term) -> ir.Term:
        match term:
            case ir.Argument(name=argument.name, type=type):
                return ir.Convert(_CPU, type)
            case ir.Address(cpu=cpu) if cpu is not None and ir.bare(cpu) == argument:
                return term._replace(cpu=None)
            case _:
                return term

    return section._replace(
        parameters=tuple(each for each in section.parameters if each.name != argument.name),
        body=ir.replace_terms(section.body[1:], change),
    )

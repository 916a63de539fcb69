"""Names for what a lifted section gets and gives, by what it does with them."""

from __future__ import annotations

from ..program import Parameter, section as ir
from .lift import Lifted
from .state import AREA

_IDS = ("cpu_id", "cpu_id_start", "mm_cid", "node_id")


def named_by_role(lifted: Lifted) -> Lifted:
    """The same section with parameters such as ``base_rdi``, ``index_rsi``, ``cpu_esi``.

    A base is the part of an address that is not scaled, an index the part that is, an offset what is
    added to a base that was loaded; what is compared with a field of the thread's area has its name, what is compared with memory is expected, and
    what is stored is a value.
    """
    section = lifted.section
    roles = roles_of(section)
    names: dict[str, str] = {}
    for each in section.parameters:
        role = roles.get(each.name)
        if each.name != AREA:
            names[each.name] = f"{role}_{each.name}" if role is not None else f"in_{each.name}"
    body = ir.replace_terms(
        section.body,
        lambda term: (
            term._replace(name=names.get(term.name, term.name))
            if isinstance(term, ir.Argument)
            else term
        ),
    )
    parameters = tuple(
        Parameter(names.get(each.name, each.name), each.type, 0) for each in section.parameters
    )
    registers = {names.get(name, name): register for name, register in lifted.registers.items()}
    return lifted._replace(
        section=section._replace(parameters=parameters, body=body),
        registers=registers,
        roles={names.get(name, name): role for name, role in roles.items()},
    )


def roles_of(section: ir.Section) -> dict[str, str]:
    """The strongest role of each parameter: base, index, an id, expect, value."""
    found: dict[str, str] = {}
    ids: dict[str, str] = {}
    loaded: set[str] = set()
    for step in ir.walk(section.body):
        if isinstance(step, ir.Set) and isinstance(step.value, ir.Id):
            ids[step.local] = step.value.name.removesuffix("_start").removesuffix("_id")
        if isinstance(step, ir.Load):
            loaded.add(step.local)
    values = set_once(section)
    counters = _counters(section)
    addresses = [
        _spelt_out(each, values) for step in ir.walk(section.body) for each in _addresses(step)
    ]
    known = [(each, _unscaled(each)) for each in dict.fromkeys(addresses)]
    # Of two registers that are added one is the base: that which is one elsewhere, or the first.
    for each, unscaled in sorted(known, key=lambda pair: len(pair[1]) > 1):
        _address(each, unscaled, counters, found)
    for step in ir.walk(section.body):
        for term in ir.terms_of(step):
            for each in ir.every_term(term):
                if isinstance(each, ir.Binary) and each.operator in ir.COMPARES:
                    _compare(each, ids, loaded, found)
    for step in ir.walk(section.body):
        match step:
            case ir.Store(value=value) | ir.Change(value=value) | ir.AtomicChange(value=value):
                for name in _arguments(value):
                    found.setdefault(name, "value")
            case _:
                pass
    return found


def set_once(section: ir.Section) -> dict[str, ir.Term]:
    """What the locals hold that are set once, and not from memory."""
    found: dict[str, list[ir.Term | None]] = {}
    for step in ir.walk(section.body):
        written = ir.written_local(step)
        if written is not None:
            value = step.value if isinstance(step, ir.Set) else None
            found.setdefault(written[0], []).append(value)
    return {
        name: given[0] for name, given in found.items() if len(given) == 1 and given[0] is not None
    }


def _spelt_out(address: ir.Term, values: dict[str, ir.Term]) -> ir.Term:
    """An address with the sums of which its locals were made."""
    match address:
        case ir.Local(name=name) if name in values and values[name].type.size == 8:
            return _spelt_out(values[name], values)
        case ir.Binary(operator="+" | "-" | "&" | "|", left=left, right=right):
            return address._replace(left=_spelt_out(left, values), right=_spelt_out(right, values))
        case _:
            return address


def _arguments(term: ir.Term) -> list[str]:
    return [each.name for each in ir.every_term(term) if isinstance(each, ir.Argument)]


def _locals_scaled(address: ir.Term) -> set[str]:
    return {
        inner.name
        for each in ir.every_term(address)
        if isinstance(each, ir.Binary) and each.operator in ("*", "<<")
        for inner in ir.every_term(each)
        if isinstance(inner, ir.Local)
    }


def _addresses(step: ir.Step) -> tuple[ir.Term, ...]:
    match step:
        case (
            ir.Load(address=address)
            | ir.Store(address=address)
            | ir.Change(address=address)
            | ir.CompareExchange(address=address)
            | ir.AtomicChange(address=address)
        ):
            return (address,)
        case ir.Copy(target=target, source=source):
            return target, source
        case _:
            return ()


def _unscaled(address: ir.Term) -> list[str]:
    """The parameters of an address that nothing multiplies."""
    arguments = dict.fromkeys(_arguments(address))
    if not arguments:
        return []
    scaled = {
        name
        for each in ir.every_term(address)
        if isinstance(each, ir.Binary) and each.operator in ("*", "<<")
        for name in _arguments(each)
    }
    return [each for each in arguments if each not in scaled]


def _counters(section: ir.Section) -> frozenset[str]:
    """The locals that only count from a number on: they are no base of an address."""
    counts: dict[str, bool] = {}
    for step in ir.walk(section.body):
        written = ir.written_local(step)
        if written is not None:
            name = written[0]
            value = step.value if isinstance(step, ir.Set) else None
            match value:
                case ir.Constant():
                    pass
                case ir.Binary(
                    operator="+" | "-", left=ir.Local(name=other), right=ir.Constant()
                ) if (other == name):
                    pass
                case _:
                    counts[name] = False
            counts.setdefault(name, True)
    return frozenset(name for name, only in counts.items() if only)


def _address(
    address: ir.Term, unscaled: list[str], counters: frozenset[str], found: dict[str, str]
) -> None:
    arguments = _arguments(address)
    if not arguments:
        return
    locals = {each.name for each in ir.every_term(address) if isinstance(each, ir.Local)}
    bases = locals - _locals_scaled(address) - counters
    known = [name for name in unscaled if found.get(name) == "base"]
    for name in arguments:
        if name not in unscaled:
            found.setdefault(name, "index")
        elif bases:
            found.setdefault(name, "offset")  # the base is what was loaded
        elif len(unscaled) > 1 and name not in (known or unscaled[:1]):
            found.setdefault(name, "index")
        elif found.get(name) in (None, "index"):
            found[name] = "base"


def _compare(
    compare: ir.Binary, ids: dict[str, str], loaded: set[str], found: dict[str, str]
) -> None:
    for one, other in ((compare.left, compare.right), (compare.right, compare.left)):
        locals = [each.name for each in ir.every_term(other) if isinstance(each, ir.Local)]
        for name in _arguments(one):
            role = next((ids[each] for each in locals if each in ids), None)
            if role is not None:
                found.setdefault(name, role)
            elif any(each in loaded for each in locals) and compare.operator in ("==", "!="):
                found.setdefault(name, "expect")

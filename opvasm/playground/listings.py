"""Vectors as bytes and in other languages, and bytes as text."""

from __future__ import annotations

from collections.abc import Mapping

from ..abi.revisions import get_abi
from ..errors import BindError, Diagnostic
from ..expression import Unevaluable
from ..formats import DISASSEMBLIES, OUTPUTS, Listing, disassembly, read_ops, write
from ..light_typing import Any
from ..program import default_layout
from ..scenario.arguments import argument_value
from .texts import Text, assembled

# The formats of disasm that show bytes; then those of asm that are text.
_OF_BYTES = ("table", "opv")
FORMATS = {
    **{name: DISASSEMBLIES[name].summary for name in _OF_BYTES},
    **{each.name: each.summary for each in OUTPUTS.values() if not each.binary},
}


def listing(
    text: Text, vector: str, form: str, cpu: int, arguments: Mapping[str, str]
) -> dict[str, Any]:
    """A vector in one of FORMATS.

    ``arguments`` are values as they are typed: numbers, constants, addresses such as ``&nodes[0]``.
    Raises BindError for one that has no value, and KeyError for a vector that is not there.
    """
    program = assembled(text).program
    layout = default_layout(program.abi, program.data)
    chosen = program.vectors[vector]
    of_bytes = form in _OF_BYTES
    values: dict[str, int] | None = None
    if of_bytes or OUTPUTS[form].bound:
        values = {}
        for name, typed in arguments.items():
            try:
                values[name] = argument_value(name, typed, program, layout, cpu)
            except Unevaluable as problem:
                message = f"{name} = {typed}: {problem.reason}"
                raise BindError([Diagnostic("error", "OPV451", message)]) from None
    bound = Listing(program, (chosen,), layout, cpu=cpu, arguments=values)
    if of_bytes:
        return {"text": disassembly(form, write("raw", bound), vector, program.abi)}
    return {"text": write(form, bound).decode("utf-8")}


def disassembled(data: str, revision: str, model: str) -> dict[str, Any]:
    """The text of ops that are given as digits, a dump, or a C array, and what was recognised.

    Raises DecodeError with everything that is wrong with them, and ValueError for a revision or
    data model that does not exist.
    """
    abi = get_abi(revision, model)
    remarks: list[str] = []
    ops = read_ops("hex", data.encode("utf-8"), "the bytes", abi, remarks.append)
    return {"text": disassembly("opv", ops, "the bytes", abi), "remarks": remarks}

"""From the bytes of ``struct cpu_op[]`` to a ``.opv`` text that assembles to the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

from .abi.revisions import DEFAULT_PAGE_SIZE, Abi
from .binary.decoder import decode
from .program import Instruction, Vector
from .text.printer import vector_text
from .verifier.kernel_rules import Violation, violations

_LISTED_VIOLATIONS = 8


def disassemble(data: bytes, abi: Abi, name: str = "<bytes>") -> str:
    """The text of a vector; assembling it gives ``data`` again, whatever its ops hold.

    The first line names the revision and the data model.  A vector that the kernel would refuse is
    written as ``unverified``, with the reasons above it, so that it assembles as it is.

    Raises DecodeError when ``data`` is not a whole number of ops; ``name`` is what its place says.
    """
    return text_of(decode(data, abi, name), abi)


def disassembly(data: bytes, source_name: str, abi: Abi) -> str:
    """``disassemble``, with the parameters that every format of disasm has."""
    return disassemble(data, abi, source_name)


def text_of(instructions: Sequence[Instruction], abi: Abi, vector_name: str = "main") -> str:
    """The text of bound ops, as ``disassemble`` writes it."""
    found = list(violations(instructions, abi))
    refused = {each.op: each.code for each in reversed(found)}

    def comment(index: int) -> str:
        return f"op {index}: {refused[index]}" if index in refused else f"op {index}"

    vector = Vector(vector_name, (), tuple(instructions), verified=not found)
    head = f"abi {abi.revision.name} {abi.model.name}\n"
    if abi.page_size != DEFAULT_PAGE_SIZE:
        head += f"// with pages of {abi.page_size} bytes\n"
    return f"{head}\n{_reasons(found)}{vector_text(vector, abi, comments=comment)}"


def _reasons(found: Sequence[Violation]) -> str:
    """Why the kernel refuses the vector, as comments; the first reason is the kernel's own."""
    if not found:
        return ""
    from .codes import kernel

    titles = {row.code: row.title for row in kernel.CODES}
    lines = ["// The kernel refuses this vector with EINVAL:"]
    for each in found[:_LISTED_VIOLATIONS]:
        where = "" if each.op is None else f"op {each.op}, "
        field = "" if each.field is None else f"{each.field} = {each.value}: "
        lines.append(f"//   {where}{field}{titles[each.code]} ({each.code})")
    if len(found) > _LISTED_VIOLATIONS:
        lines.append(f"//   and {len(found) - _LISTED_VIOLATIONS} more")
    return "\n".join(lines) + "\n"

"""Everything that can be said of a vector without its memory, as diagnostics."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ..abi.revisions import Abi
from ..errors import Diagnostic, in_order
from ..program import Data, Instruction, Vector
from .kernel_report import kernel_diagnostics
from .kernel_rules import violations

NO_DATA = Data({}, {}, {}, ())


def verify(
    vector: Vector | Sequence[Instruction],
    abi: Abi,
    *,
    data: Data = NO_DATA,
    name: str = "<ops>",
    advice: bool = True,
) -> tuple[Diagnostic, ...]:
    """Every finding about a vector, in the order of its ops.

    There is a finding of level ``error`` exactly when the kernel of the revision would refuse the
    vector with EINVAL; ``advice`` adds warnings and notes, which never change what runs.  ``data``
    is what the vector's names stand for.  ``name`` is what places call ops that have none of their
    own: their bytes in an array of ``struct cpu_op``.  (The rules of advice are imported when they
    are asked for: assembling and running do without.)
    """
    if not isinstance(vector, Vector):
        vector = Vector(name, (), tuple(vector))
    found = list(violations(vector.instructions, abi))
    diagnostics = kernel_diagnostics(found, vector.instructions, abi, name) if found else []
    if advice:
        from .advice import advice as advice_on
        from .subject import subject_of

        refused = [each.op for each in found if each.op is not None] if found else ()
        diagnostics += advice_on(subject_of(vector, abi, data, name, refused))
    return in_order(diagnostics)


def denied(diagnostics: Iterable[Diagnostic], deny: Collection[str]) -> tuple[Diagnostic, ...]:
    """The findings, those of a denied code or name raised to errors.

    ``deny`` holds codes (``OPV220``), names (``misaligned``), or the level ``warning`` for all
    warnings and ``note`` for all warnings and notes.
    """
    if not deny:
        return tuple(diagnostics)
    from ..codes import all_codes

    rows = all_codes()
    raised = {"warning": ("warning",), "note": ("warning", "note")}
    levels = {level for each in deny for level in raised.get(each, ())}

    def is_denied(each: Diagnostic) -> bool:
        return each.level in levels or each.code in deny or rows[each.code].name in deny

    return tuple(each._replace(level="error") if is_denied(each) else each for each in diagnostics)

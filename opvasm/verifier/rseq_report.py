"""Whether vectors may also be restartable sections, as diagnostics: the rules and the shape."""

from __future__ import annotations

from ..abi.revisions import Abi
from ..codes import rseq as codes
from ..errors import Diagnostic, Note, in_order
from ..program import Data, Vector
from .places import op_place, vector_place
from .rseq_rules import findings, section_length
from .rseq_shapes import Shape, shape_of
from .rules import RseqFinding
from .subject import subject_of

# What a rule says of a vector although the primitive of its shape does the same work.
_INHERENT = {codes.EXPECTED_FAULT: "the primitive loads the pointer inside the section instead"}


def rseq_report(
    vector: Vector, abi: Abi, data: Data, name: str = "<ops>"
) -> tuple[Diagnostic, ...]:
    """Every rule that the vector breaks as a section, and what it is called in librseq.

    Errors where a section would do harm; if there is none, warnings where it depends on the
    caller.  Always one note of the code OPV420 that says the outcome.
    """
    shape = shape_of(subject_of(vector, abi, data, name))
    broken = [each for each in findings(vector, data) if not _known(each, shape)]
    refuses = [each for each in broken if each.refuses]
    found = [_diagnostic(each, vector, name) for each in refuses or broken]
    found.append(_outcome(vector, shape, refuses, name))
    return in_order(found)


def _known(finding: RseqFinding, shape: Shape | None) -> bool:
    """Whether the shape answers the finding: its primitive is proven, its parameters are known."""
    if shape is None or shape.primitive is None:
        return False
    return finding.code in (*_INHERENT, codes.STALE_POINTER)


def _diagnostic(finding: RseqFinding, vector: Vector, name: str) -> Diagnostic:
    place = (
        vector_place(vector, name)
        if finding.op is None
        else op_place(vector.instructions[finding.op], finding.op, name)
    )
    return Diagnostic(
        "error" if finding.refuses else "warning",
        finding.code,
        f"as a restartable section: {finding.message} (rule {finding.rule})",
        place,
        help=finding.help,
    )


def _outcome(
    vector: Vector, shape: Shape | None, refuses: list[RseqFinding], name: str
) -> Diagnostic:
    rules = ", ".join(dict.fromkeys(each.rule for each in refuses))
    message = (
        f"{vector.name} can't be a restartable section: it breaks {rules}"
        if refuses
        else f"{vector.name} may also be a restartable section"
    )
    notes = []
    outside = range(section_length(vector), len(vector.instructions))
    if outside and not refuses:
        listed = ", ".join(str(index) for index in outside)
        which = f"op {listed} is run" if len(outside) == 1 else f"ops {listed} are run"
        notes.append(Note(f"{which} after the section, once: nothing follows a commit"))
    if shape is not None:
        notes.append(Note(f"it has the ops of {shape.helper}"))
        if shape.primitive is not None and not refuses:
            notes.append(Note(f"its fast path is {shape.primitive}, later {shape.later}"))
            inherent = {
                code for each in vector.instructions if any(each.expect_fault) for code in _INHERENT
            }
            notes += [Note(_INHERENT[code]) for code in inherent]
        elif shape.primitive is None:
            notes.append(Note("librseq has no fast path for it"))
    place = vector_place(vector, name)
    return Diagnostic("note", codes.SECTION_SHAPE, message, place, tuple(notes))

"""An audit for people: shapes, what each kernel does to them, and each finding once with its places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..codes import all_codes
from ..elf.file import ElfFile
from ..kernels.profiles import Profile, versions
from .audit import Audited, FileAudit, Shape
from .finding import Finding
from .outcomes import Outcome

_PLACES = 5  # of a finding that many sections share
_LEVELS = ("error", "warning", "note")


def text_report(audit: FileAudit, file: ElfFile, notes: bool, everything: bool) -> str:
    """The report.  ``notes`` shows findings that are notes, ``everything`` each section's place."""
    count = len(audit.sections)
    lines = [f"{audit.name}: {audit.machine}, {_count(count, 'restartable section')}"]
    if count:
        lines[0] += f" of {_count(len(audit.shapes), 'shape')}"
    if audit.searched == "signature":
        lines[0] += ", searched by signature"
    if audit.repeated:
        repeated = _count(audit.repeated, "repeated descriptor")
        lines.append(f"  {repeated}, left out: the same section again")
    if audit.undecoded:
        lines.append(f"  rules about instructions were not checked: {audit.undecoded}")
    if not count:
        return "\n".join(lines) + "\n"
    lines += ["", *_matrix(audit)]
    for number, shape in enumerate(audit.shapes, 1):
        lines += ["", *_shape(audit, file, shape, number, notes, everything)]
    return "\n".join(lines) + "\n"


def _matrix(audit: FileAudit) -> Iterator[str]:
    """One line a kernel: what it does to the sections, and of which shapes where that differs."""
    width = max(len(each.name) for each in audit.kernels)
    for row, kernel in enumerate(audit.kernels):
        cells: dict[Outcome, list[int]] = {}
        for number, shape in enumerate(audit.shapes, 1):
            cells.setdefault(shape.matrix[row][1], []).append(number)
        text = "; ".join(
            result.words + ("" if len(cells) == 1 else f" ({_shapes(numbers)})")
            for result, numbers in sorted(cells.items(), reverse=True)
        )
        yield f"  {kernel.name:{width}}  {text}{_which_kernel(kernel)}"


def _which_kernel(kernel: Profile) -> str:
    known = versions(kernel)
    size = {"32": ", 32 bytes registered", "33": ", more than 32 bytes registered"}.get(
        kernel.size, ""
    )
    return f"  [Linux {known}{size}]" if known else ""


def _shape(
    audit: FileAudit, file: ElfFile, shape: Shape, number: int, notes: bool, everything: bool
) -> Iterator[str]:
    first = shape.sections[0].subject
    size = f"{len(first.codes)} instructions, " if first.codes else ""
    yield (
        f"shape {number}: {_count(len(shape.sections), 'section')}, {size}"
        f"{first.descriptor.length} bytes, first {file.place(first.start)} in {first.function}"
    )
    groups: dict[tuple[str, str, str], list[tuple[Audited, Finding]]] = {}
    for each in shape.sections:
        for finding in each.findings:
            key = (finding.level, finding.code, finding.message.partition(" (")[0])
            groups.setdefault(key, []).append((each, finding))
    titles = all_codes()
    hidden = 0
    for level in _LEVELS:
        for (its_level, code, _), found in sorted(groups.items()):
            if its_level != level:
                continue
            if level == "note" and not notes:
                hidden += len(found)
                continue
            finding = found[0][1]
            times = f"{len(found)} times: " if len(found) > 1 else ""
            yield f"  {level}[{code}] {times}{titles[code].title}"
            yield f"    {finding.message}"
            yield from _places(audit, file, found, everything)
            yield f"    help: {finding.help}"
    if hidden:
        yield f"  {_count(hidden, 'note')}; --notes shows them"


def _places(
    audit: FileAudit, file: ElfFile, found: Sequence[tuple[Audited, Finding]], everything: bool
) -> Iterator[str]:
    shown = found if everything else found[:_PLACES]
    for each, finding in shown:
        line = audit.lines.get(finding.address)
        source = f"  ({line})" if line is not None else ""
        instruction = f"  {finding.instruction}" if finding.instruction else ""
        where = file.place(finding.address)
        function = each.subject.function_at(finding.address)
        if function != where:  # which is where nothing says more
            where += f" in {function}"
        yield f"      {where}{instruction}{source}"
    if len(shown) < len(found):
        yield f"      … {len(found) - len(shown)} more; --all shows them"


def _shapes(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"shape {numbers[0]}"
    return "shapes " + ", ".join(str(each) for each in numbers)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"

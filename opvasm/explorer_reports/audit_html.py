"""An audit as one page: each shape with its instructions, what kernels do to it, its interleavings.

A shape's first section stands in a scenario beside a peer (audit/scenario.py), which is explored under
each of the kernels; the counterexample is there to step through, as in the page of `explore`.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .._version import __version__
from ..assembler import assemble
from ..audit.audit import FileAudit
from ..audit.html_report import STYLE, file_head, shape_html
from ..audit.lifting import document, lift_audit
from ..elf.file import ElfFile
from ..errors import ParseError
from ..explorer.answers.diagnose import diagnosed
from ..explorer.answers.library import explore
from ..explorer.plan.plan import ScenarioError
from ..explorer.setting.options import Limits
from ..source import SourceFile
from .html_report import add_reports
from .page import Page

# A scenario that takes longer is inconclusive on the page; `explore` has the time for it.
_LIMITS = Limits(states=100_000, seconds=10)


class AuditPage:
    """A page to which audits are added."""

    def __init__(self, peers: Sequence[str]) -> None:
        self._page = Page("Restartable sections", (), STYLE)
        self._peers = tuple(peers)

    def add(self, audit: FileAudit, file: ElfFile) -> None:
        """A file's shapes, while it is open."""
        self._page.add(file_head(audit))
        for number, shape in enumerate(audit.shapes, 1):
            first = shape.sections[0].subject
            (text,) = lift_audit(audit, [hex(first.start)])[:1]
            lifted = text.text or f"not lifted: {text.reason}"
            self._page.add(shape_html(audit, file, shape, number, lifted))
            if text.lifted is not None and audit.kernels:
                kernels = [each.name for each in audit.kernels]
                whole = document(audit, [text], self._peers, kernels=kernels)
                name = f"shape {number}, {text.name}.opv"
                self._explored(SourceFile(name, whole))

    def _explored(self, source: SourceFile) -> None:
        """The scenarios of a shape, explored under each kernel."""
        try:
            assembly = assemble(source)
            if not assembly.scenarios:
                reasons = [
                    line[3:] for line in source.text.splitlines() if line.startswith("// No ")
                ]
                why = " ".join([*reasons, "Nothing was explored."])
                self._page.add(f'<p class="soft">{escape(why)}</p>')
                return
            reports = [diagnosed(each, True) for each in explore(assembly, limits=_LIMITS)]
        except (ParseError, ScenarioError) as error:
            self._page.add(f'<p class="open">Not explored: {escape(str(error))}</p>')
            return
        self._page.sources = (*self._page.sources, source)
        add_reports(self._page, reports)

    def text(self) -> str:
        """The whole page."""
        if not self._page.parts:
            self._page.add("<p>No restartable section was found.</p>")
        self._page.add(f'<p class="soft">opvasm {escape(__version__)} audit</p>')
        return self._page.text()

"""Parts of an audit's page (explorer_reports/audit_html.py): a shape, what kernels do to it, its findings."""

from __future__ import annotations

from html import escape

from ..codes import all_codes
from ..elf.file import ElfFile
from ..kernels.profiles import versions
from .audit import FileAudit, Shape
from .finding import Finding
from .outcomes import Outcome

# What the page of `explore` (explorer_reports/assets/page.css) does not say.
STYLE = """
pre { background: var(--panel); padding: .7em; overflow-x: auto; margin: 0; }
table.audit { margin: .6em 0; } table.audit td, table.audit th { border-bottom: 1px solid var(--line); }
table.audit td { overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 2fr); gap: 1em; }
"""
_PLACES = 200


def file_head(audit: FileAudit) -> str:
    """The head of a file's part."""
    count = len(audit.sections)
    head = f"{audit.machine}, {count} restartable sections of {len(audit.shapes)} shapes"
    parts = [f"<h2>{escape(audit.name)}</h2>", f"<p>{escape(head)}</p>"]
    if audit.undecoded:
        parts.append(f'<p class="bad">Not checked: {escape(audit.undecoded)}</p>')
    return "\n".join(parts)


def shape_html(audit: FileAudit, file: ElfFile, shape: Shape, number: int, lifted: str) -> str:
    """A shape: its instructions beside the lifted text, what kernels do to it, its findings."""
    first = shape.sections[0].subject
    code = "\n".join(f"{each.address:x}  {each.text}" for each in first.codes) or "not decoded"
    right = f"<pre>{escape(lifted)}</pre>" if lifted else ""
    rows = "".join(
        f"<tr><td>{escape(kernel.name)}</td><td>{escape(versions(kernel))}</td>"
        f'<td class="{_class(result)}">{escape(result.words)}</td></tr>'
        for kernel, result in shape.matrix
    )
    return (
        f"<h3>Shape {number}: {len(shape.sections)} sections, the first at "
        f"{escape(file.place(first.start))} in {escape(first.function)}</h3>\n"
        f'<div class="pair"><pre>{escape(code)}</pre>{right}</div>\n'
        f'<table class="audit"><tr><th>kernel</th><th>Linux</th><th>what happens</th></tr>{rows}</table>\n'
        f"{_findings(audit, file, shape)}"
    )


def _findings(audit: FileAudit, file: ElfFile, shape: Shape) -> str:
    """A row for each rule; where it was broken is folded in, up to _PLACES places."""
    titles = all_codes()
    order = {"error": 0, "warning": 1, "note": 2}
    groups: dict[tuple[int, str], list[tuple[Finding, str]]] = {}
    for each in shape.sections:
        for finding in each.findings:
            key = order[finding.level], finding.code
            groups.setdefault(key, []).append((finding, each.subject.function_at(finding.address)))
    rows = []
    for (_, code), found in sorted(groups.items(), key=lambda each: each[0]):
        first = found[0][0]
        css = {"error": "bad", "warning": "open"}.get(first.level, "soft")
        places = [_place(audit, file, *each) for each in found[:_PLACES]]
        if len(found) > _PLACES:
            places.append(f"<li>… {len(found) - _PLACES} more</li>")
        times = "once" if len(found) == 1 else f"{len(found)} times"
        rows.append(
            f'<tr><td class="{css}">{first.level}<br>{code}</td>'
            f"<td><b>{escape(titles[code].title)}</b><br>{escape(first.message)}<br>"
            f'<span class="soft">{escape(first.help)}</span>'
            f"<details><summary>{times}</summary><ul>{''.join(places)}</ul></details></td></tr>"
        )
    table = f'<table class="audit">{"".join(rows)}</table>'
    return table if rows else "<p>Nothing to report.</p>"


def _place(audit: FileAudit, file: ElfFile, finding: Finding, function: str) -> str:
    line = audit.lines.get(finding.address)
    where = f"{file.place(finding.address)} in {function}" + (f" ({line})" if line else "")
    return f"<li>{escape(where)} <code>{escape(finding.instruction)}</code></li>"


def _class(result: Outcome) -> str:
    if result is Outcome.FINE:
        return "good"
    return "open" if result is Outcome.LIVELOCK else "bad"

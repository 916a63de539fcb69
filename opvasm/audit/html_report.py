"""An audit as one page: each shape with its instructions, what kernels do to it, its findings."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .._version import __version__
from ..codes import all_codes
from ..elf.file import ElfFile
from ..kernels.profiles import versions
from .audit import FileAudit, Shape
from .outcomes import Outcome

# The browser itself refuses whatever would go out.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em;
  color: #1c2430; background: #fff; }
pre { background: #f4f6f8; padding: .7em; overflow-x: auto; font-size: 13px; margin: 0; }
table { border-collapse: collapse; margin: .6em 0; } td, th { text-align: left; padding: .15em .7em;
  border-bottom: 1px solid #d8dee6; vertical-align: top; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1em; } .soft { color: #5b6674; }
.bad { color: #b3261e; } .good { color: #1b6e3c; } .middle { color: #8a5a00; }
@media (prefers-color-scheme: dark) { body { color: #dde3ea; background: #14181d; }
  pre { background: #1d232b; } td, th { border-color: #333c47; } .soft { color: #94a0ae; }
  .bad { color: #ff8a80; } .good { color: #7bd69b; } .middle { color: #ffcc80; } }
"""
_PLACES = 200


def page(parts: Sequence[str]) -> str:
    """The whole page."""
    body = "\n".join(parts) or "<p>No restartable section was found.</p>"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Restartable sections</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>Restartable sections</h1>\n{body}\n"
        f'<p class="soft">opvasm {escape(__version__)} audit</p>\n</body>\n</html>\n'
    )


def file_html(audit: FileAudit, file: ElfFile, lifted: Sequence[str] = ()) -> str:
    """One file; ``lifted`` are the texts of the shapes' first sections, where there are any."""
    count = len(audit.sections)
    head = f"{audit.machine}, {count} restartable sections of {len(audit.shapes)} shapes"
    parts = [f"<h2>{escape(audit.name)}</h2>", f"<p>{escape(head)}</p>"]
    if audit.undecoded:
        parts.append(f'<p class="bad">Not checked: {escape(audit.undecoded)}</p>')
    for number, shape in enumerate(audit.shapes, 1):
        text = lifted[number - 1] if number <= len(lifted) else ""
        parts.append(_shape(audit, file, shape, number, text))
    return "\n".join(parts)


def _shape(audit: FileAudit, file: ElfFile, shape: Shape, number: int, lifted: str) -> str:
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
        f"<table><tr><th>kernel</th><th>Linux</th><th>what happens</th></tr>{rows}</table>\n"
        f"{_findings(audit, file, shape)}"
    )


def _findings(audit: FileAudit, file: ElfFile, shape: Shape) -> str:
    titles = all_codes()
    found = [
        (finding, each.subject.function) for each in shape.sections for finding in each.findings
    ]
    order = {"error": 0, "warning": 1, "note": 2}
    found.sort(key=lambda each: (order[each[0].level], each[0].code, each[0].address))
    rows = []
    for finding, function in found[:_PLACES]:
        line = audit.lines.get(finding.address)
        where = f"{file.place(finding.address)} in {function}" + (f" ({line})" if line else "")
        css = {"error": "bad", "warning": "middle"}.get(finding.level, "soft")
        rows.append(
            f'<tr><td class="{css}">{finding.level}<br>{finding.code}</td>'
            f"<td>{escape(titles[finding.code].title)}<br>{escape(finding.message)}<br>"
            f'<span class="soft">{escape(finding.help)}</span></td>'
            f"<td>{escape(where)}<br><code>{escape(finding.instruction)}</code></td></tr>"
        )
    if len(found) > _PLACES:
        rows.append(f"<tr><td></td><td>… {len(found) - _PLACES} more</td><td></td></tr>")
    return f"<table>{''.join(rows)}</table>" if rows else "<p>Nothing to report.</p>"


def _class(result: Outcome) -> str:
    if result is Outcome.FINE:
        return "good"
    return "middle" if result is Outcome.LIVELOCK else "bad"

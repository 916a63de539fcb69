"""Every diagnostic code with what ``opvasm explain`` says of it.  Codes are append-only.

The rows live in one file per phase; ranges: text OPV001-099, binding and files OPV100-199, the
kernel's static rules OPV200-299, advice OPV300-399, restartable sequences OPV400-449, run time and
tests OPV450-499, scenarios and the explorer OPV500-599, debugger and traces OPV600-649, live
programs OPV650-699, audited binaries OPV700-749, emitted C OPV750-769.
"""

from __future__ import annotations

from functools import cache

from .code import Code


@cache
def all_codes() -> dict[str, Code]:
    """Every code by its number, in order.  Raises ValueError when a number or name comes twice."""
    from . import (
        advice,
        audit,
        binding,
        debugger,
        emit,
        kernel,
        live,
        rseq,
        runtime,
        scenario,
        section,
        text,
    )

    codes: dict[str, Code] = {}
    names: set[str] = set()
    modules = (
        *(text, section, binding, kernel, advice, rseq, runtime, scenario, debugger, live),
        audit,
        emit,
    )
    for module in modules:
        for row in module.CODES:
            if row.code in codes or row.name in names:
                raise ValueError(f"code {row.code} ({row.name}) is given twice")
            codes[row.code] = row
            names.add(row.name)
    return dict(sorted(codes.items()))

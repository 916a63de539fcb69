"""Codes of the debugger and of traces: OPV600-649."""

from __future__ import annotations

from .code import Code

CODES: tuple[Code, ...] = (
    Code(
        "OPV600",
        "condition-without-value",
        "error",
        "the condition of a breakpoint has no value where it was asked",
        "A condition is an expression of the language, asked at the place where the run would "
        "stop. Where it has no value there, because a name is unknown, memory is not mapped, or "
        "something is divided by zero, the run stops all the same and says so.",
        "opvasm debug list.opv -ex 'break push.2 if nobody == 1' -ex run --batch",
    ),
    Code(
        "OPV601",
        "no-trace",
        "error",
        "a file that should be a trace is not",
        "A trace holds one JSON object a line: a header that says opvasm-trace/1, then the events "
        "of `opvasm docs traces` in the order in which they happened. The message names the first line "
        "that is none, or that changes memory which the trace never mapped.",
        "echo '{}' > t.jsonl; opvasm debug --replay t.jsonl",
    ),
)
